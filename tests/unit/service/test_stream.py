"""Events of a job come in the order in which things happened, whatever happens between two looks."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leffa.engine.protocol import Status
from leffa.jobs.desk import Desk
from leffa.jobs.hub import FINAL_NUMBER, NUMBERS_AN_ATTEMPT, News
from leffa.jobs.job import Job
from leffa.service.stream import tell_of
from leffa.settings import Settings

NEWS_SECONDS = 5


class Idle:
    """An engine that never works: here the test does its part."""

    status = Status("ready", "", 0.0)


class Line:
    """A desk with one job, and a worker's steps one at a time."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(Settings(_env_file=None, retention_hours=0, data_path=folder), Idle(), None)
        order = Job(task="tryon", model="mini", options={}, seeds=[1], inputs={})
        self.id = self.desk.accept([order], [{}])[0].id

    def begin(self) -> None:
        self.job = self.desk.store.claim("worker", False)
        self._say(1, "state")

    def progress(self, *steps: int) -> None:
        for step in steps:
            self._say(1 + step, "progress")

    def die(self) -> None:
        self.desk.store.give_up(self.job, died=True)
        self._end()

    def finish(self) -> None:
        self.desk.store.finish(self.job, "succeeded", [])
        self._end()

    def _end(self) -> None:
        self._say(FINAL_NUMBER, "state")
        self.desk.hub.forget(self.id)

    def _say(self, number: int, kind: Any) -> None:
        number += self.job.attempt * NUMBERS_AN_ATTEMPT
        self.desk.hub.publish(News(self.id, number, kind, {"number": number}))

    def hear(self, *meanwhile: Callable[[], None]) -> list[str]:
        """What is told; after the first event, while nobody reads, `meanwhile` happens."""

        async def listen() -> list[str]:
            told, stream = [], tell_of(self.desk, self.id, 0)
            numbers = []
            async for event in stream:
                told.append(event.event if event.event != "state" else event.data.state)
                if event.id:
                    numbers.append(int(event.id))
                if len(told) == 1:
                    for step in meanwhile:
                        step()
            assert numbers == sorted(numbers)
            return told

        return asyncio.run(asyncio.wait_for(listen(), NEWS_SECONDS))


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def test_a_job_that_begins_while_it_is_told_of_as_waiting(line) -> None:
    told = line.hear(line.begin, lambda: line.progress(1, 2), line.finish)
    assert told[0] == "queued" and told[-1] == "succeeded"


def test_a_beginning_is_told_before_its_progress(line) -> None:
    def begin() -> None:
        line.begin()
        line.progress(1, 2)
        asyncio.get_running_loop().call_later(0.3, line.finish)

    assert line.hear(begin) == ["queued", "running", "progress", "progress", "succeeded"]


def test_progress_from_before_one_listens_is_told_once(line) -> None:
    line.begin()
    line.progress(1, 2)

    def go_on() -> None:
        line.progress(3)
        asyncio.get_running_loop().call_later(0.3, line.finish)

    assert line.hear(go_on) == ["running", "progress", "progress", "progress", "succeeded"]


def test_progress_of_an_attempt_that_died_is_not_told_after_the_next_began(line) -> None:
    line.begin()

    def die_and_begin_again() -> None:
        line.desk.hub.stir()
        line.progress(1, 2)
        line.die()
        line.begin()
        line.progress(1)
        asyncio.get_running_loop().call_later(0.3, line.finish)

    assert line.hear(die_and_begin_again) == ["running", "running", "progress", "succeeded"]


def test_a_job_back_in_line_is_told_after_what_its_attempt_told(line) -> None:
    line.begin()

    def die() -> None:
        line.progress(1)
        line.die()
        asyncio.get_running_loop().call_later(0.3, line.begin)
        asyncio.get_running_loop().call_later(0.6, line.finish)

    assert line.hear(die) == ["running", "progress", "queued", "running", "succeeded"]
