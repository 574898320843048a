"""The door: orders in and kept, done in turn, told of, and gone without a trace when they are to be."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from leffa.engine.protocol import Made, Status, Turn, Work
from leffa.errors import (
    Cancelled,
    JobMissing,
    PartMissing,
    QueueFull,
    Stopping,
    StorageFailed,
)
from leffa.jobs.desk import KEY_OWNER, Desk
from leffa.settings import Settings

INPUTS = {"person": b"a photo", "garment": b"a shirt"}


class Bench:
    """An engine that makes the picture of each job once `open` is set, and can be told to stop."""

    status = Status("ready", "", 0.0)

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.done: list[Work] = []

    def submit(self, work: Work, watch: Callable[..., None]) -> Turn:
        turn = Turn(work, watch, Future())
        threading.Thread(target=self._work, args=[turn], daemon=True).start()
        return turn

    def _work(self, turn: Turn) -> None:
        while not self.open.wait(0.005):
            if turn.cancelled:
                turn.future.set_exception(Cancelled())
                return
        self.done.append(turn.work)
        made = [Made({"image": b"picture %d" % seed}, {"seed": seed}) for seed in turn.work.seeds]
        turn.future.set_result(made)


class Nobody:
    """Measures nothing."""

    def step(self, model: str, seconds: float) -> None: ...

    def ended(self, job: Any, state: Any, results: Any) -> None: ...


@pytest.fixture
def place(tmp_path: Path, fresh_url) -> SimpleNamespace:
    """A database and a folder, and desks that use them one after another."""
    url, desks = fresh_url(), []

    def open_desk(engine: Bench, **settings: Any) -> Desk:
        chosen = {"database_url": url, "data_path": tmp_path, "stop_seconds": 0, **settings}
        desk = Desk(Settings(_env_file=None, **chosen), engine, Nobody())
        desks.append(desk)
        return desk

    yield SimpleNamespace(open=open_desk, files=tmp_path / "files", root=tmp_path)
    for desk in desks:
        desk.stop()


@pytest.fixture
def bench() -> Iterator[Bench]:
    """An engine that has let go of everything at the end."""
    bench = Bench()
    yield bench
    bench.open.set()


def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


@pytest.fixture
def order(tools) -> Callable[..., Any]:
    """Has a desk accept a job."""

    def accept(desk: Desk, **members: Any) -> Any:
        job = tools.job(**{"inputs": dict.fromkeys(INPUTS, "hash"), **members})
        return desk.accept([job], [INPUTS])[0]

    return accept


def state(desk: Desk, job: Any) -> str:
    return desk.get(job.id, job.owner).state


def test_an_order_is_done_and_its_pictures_are_there(place, bench, order) -> None:
    desk = place.open(bench)
    desk.start()
    job = order(desk, seeds=[3, 4])
    until(lambda: state(desk, job) == "succeeded")
    done = desk.get(job.id, "")
    assert [desk.part(done, "image", number) for number in (0, 1)] == [b"picture 3", b"picture 4"]
    assert bench.done[0].inputs == INPUTS
    for part, number in (("image", 2), ("image", -1), ("flow", 0)):
        with pytest.raises(PartMissing):
            desk.part(done, part, number)


def test_who_has_another_key_does_not_find_it(place, bench, order) -> None:
    desk = place.open(bench)
    job = order(desk, owner=f"{KEY_OWNER}anna")
    assert desk.get(job.id, f"{KEY_OWNER}anna").id == job.id
    for reader in ("", f"{KEY_OWNER}bert", "anna"):
        with pytest.raises(JobMissing):
            desk.get(job.id, reader)


def test_what_is_refused_leaves_no_files(place, bench, order) -> None:
    desk = place.open(bench, queue_size=1)
    kept = order(desk)
    with pytest.raises(QueueFull) as refused:
        order(desk)
    assert refused.value.retry_after >= 1
    assert [path.name for path in place.files.iterdir()] == [kept.id]


def test_a_repeated_request_leaves_no_second_files(place, bench, order) -> None:
    desk = place.open(bench)
    first, again = (order(desk, idempotency_key="k", fingerprint="f") for _ in range(2))
    assert again.id == first.id
    assert [path.name for path in place.files.iterdir()] == [first.id]


def test_who_waits_is_told_where_they_stand(place, bench, order) -> None:
    bench.open.clear()
    desk = place.open(bench)
    desk.start()
    first, second, third = (order(desk) for _ in range(3))
    until(lambda: state(desk, first) == "running")
    standings = [desk.standing(desk.get(job.id, "")) for job in (first, second, third)]
    assert [standing.position for standing in standings] == [None, 0, 1]
    seconds = [standing.seconds_left for standing in standings]
    assert seconds == sorted(seconds)


def test_a_job_at_work_stops_when_it_is_cancelled(place, bench, order) -> None:
    bench.open.clear()
    desk = place.open(bench)
    desk.start()
    job = order(desk)
    until(lambda: state(desk, job) == "running")
    desk.cancel(job)
    until(lambda: state(desk, job) == "cancelled")
    assert bench.done == []


def test_a_job_cancelled_between_its_claim_and_its_beginning_stops(place, bench, order) -> None:
    bench.open.clear()
    desk = place.open(bench)
    submit = bench.submit

    def cancel_first(work: Work, watch: Callable[..., None]) -> Turn:
        desk.cancel(job)
        bench.open.set()  # it would be done at once
        return submit(work, watch)

    bench.submit = cancel_first
    bench._work = lambda turn: until(lambda: turn.cancelled) or turn.future.set_exception(Cancelled())
    job = order(desk)
    desk.start()
    until(lambda: state(desk, job) == "cancelled", seconds=4)  # sooner than the next beat


def test_deleting_takes_row_and_files(place, bench, order) -> None:
    desk = place.open(bench)
    desk.start()
    job = order(desk)
    until(lambda: state(desk, job) == "succeeded")
    desk.remove(job)
    assert list(place.files.iterdir()) == []
    with pytest.raises(JobMissing):
        desk.get(job.id, "")


def test_what_was_not_done_is_done_after_a_restart_with_the_same_seeds(place, bench, order) -> None:
    bench.open.clear()
    first = place.open(bench)
    first.start()
    jobs = [order(first, seeds=[seed]) for seed in (5, 6)]
    until(lambda: state(first, jobs[0]) == "running")
    first.stop()
    another = Bench()
    second = place.open(another)
    second.start()
    for job in jobs:
        until(lambda job=job: state(second, job) == "succeeded")
    assert sorted(work.seeds for work in another.done) == [(5,), (6,)]


def test_after_the_stop_nothing_is_accepted(place, bench, order) -> None:
    desk = place.open(bench)
    desk.begin_stop()
    with pytest.raises(Stopping):
        order(desk)


def test_the_housekeeping_deletes_what_is_over_and_what_nobody_knows(place, bench, order) -> None:
    desk = place.open(bench, retention_hours=1e-9)
    desk.start()
    job = order(desk)
    until(lambda: state(desk, job) == "succeeded")
    (place.files / "forsaken").mkdir()
    desk.tidy()
    assert [path.name for path in place.files.iterdir()] == ["forsaken"]  # it may be about to be accepted
    desk.tidy()
    assert list(place.files.iterdir()) == []
    with pytest.raises(JobMissing):
        desk.get(job.id, "")


def test_without_retention_nothing_is_written_anywhere(place, bench, order) -> None:
    desk = place.open(bench, retention_hours=0)
    desk.start()
    job = order(desk)
    until(lambda: state(desk, job) == "succeeded")
    assert desk.part(desk.get(job.id, ""), "image", 0) == b"picture 1"
    assert list(place.root.iterdir()) == []


def test_without_retention_what_was_waited_for_is_forgotten_unless_it_can_be_asked_for_again(
    place, bench, order
) -> None:
    desk = place.open(bench, retention_hours=0)
    desk.start()
    waited, keyed = order(desk, waited_for=True), order(desk, waited_for=True, idempotency_key="k")
    asked = order(desk)
    for job in (waited, keyed, asked):
        until(lambda job=job: state(desk, job) == "succeeded")
        desk.forget(job)
    assert desk.store.ids() == {keyed.id, asked.id}


def test_edits_of_one_mask_at_once_leave_one_of_them_whole(place, bench, order) -> None:
    desk = place.open(bench)
    desk.start()
    job = order(desk)
    until(lambda: state(desk, job) == "succeeded")
    seen = [desk.get(job.id, "") for _ in range(2)]  # both see the mask as it was
    for number, stale in enumerate(seen):
        desk.replace_part(stale, "image", b"edit %d" % number)
        if number == 0:
            first = desk.get(job.id, "")
    assert desk.part(first, "image", 0) == b"edit 0"
    assert desk.part(desk.get(job.id, ""), "image", 0) == b"edit 1"


def test_two_services_do_not_share_one_sqlite(tmp_path: Path, bench) -> None:
    settings = Settings(_env_file=None, data_path=tmp_path)
    desk = Desk(settings, bench, Nobody())
    with pytest.raises(StorageFailed):
        Desk(settings, bench, Nobody())
    desk.stop()
    Desk(settings, bench, Nobody()).stop()
