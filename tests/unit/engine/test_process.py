"""The engine in a process of its own: the same answers, and a life after its death."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from leffa.engine.choice import choose
from leffa.engine.process import ProcessEngine
from leffa.engine.protocol import Progress, Work
from leffa.errors import Cancelled, EngineDied, ModelLoading, NoPerson
from leffa.settings import Settings


def until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Iterator[ProcessEngine]:
    """A real engine with the embedded model."""
    engine = ProcessEngine(Settings(_env_file=None, model_path=tmp_path_factory.mktemp("none")))
    with pytest.raises(ModelLoading):
        choose(engine, "tryon")
    engine.start()
    until(lambda: engine.status.state == "ready")
    yield engine
    engine.stop()


def work(person: bytes, garment: bytes, **options) -> Work:
    steps = {"inference_steps": 2, **options}
    return Work("tryon", "mini", steps, {"person": person, "garment": garment}, seeds=(3,))


def test_it_does_the_work_and_tells_how_it_goes(engine, person_png, garment_png) -> None:
    told: list[Progress] = []
    (made,) = engine.submit(work(person_png, garment_png), told.append).future.result(60)
    assert made.facts["seed"] == 3 and made.parts["image"].startswith(b"\x89PNG")
    assert [p.stage for p in told if p.step == 0][:2] == ["load", "preprocess"]
    assert {p.step for p in told if p.stage == "denoise"} == {1, 2}
    assert engine.default.facts.model == "mini" and engine.status.memory["host"] > 10**8


def test_errors_come_through_as_they_are(engine, garment_png) -> None:
    from leffa import images

    nobody = images.encode(images.decode(garment_png).pixels[:40, :40])
    with pytest.raises(NoPerson) as error:
        engine.submit(work(nobody, garment_png), lambda p: None).future.result(60)
    assert error.value.field == "human_image" and error.value.fix


def test_work_that_is_cancelled_stops_within_a_step(engine, person_png, garment_png) -> None:
    steps: list[Progress] = []

    def watch(progress: Progress) -> None:
        if progress.stage == "denoise" and not progress.preview:
            steps.append(progress)
            turn.cancel()

    turn = engine.submit(work(person_png, garment_png, inference_steps=60), watch)
    with pytest.raises(Cancelled):
        turn.future.result(60)
    assert steps[-1].step < 30


def test_after_a_death_whoever_waited_is_told_and_the_next_one_is_served(
    engine, person_png, garment_png
) -> None:
    first = engine.process_id
    turn = engine.submit(work(person_png, garment_png, inference_steps=90), lambda p: None)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(EngineDied):
        turn.future.result(60)
    until(lambda: engine.status.state == "ready")
    assert engine.process_id != first and engine.status.restarts == {"crash": 1}
    (made,) = engine.submit(work(person_png, garment_png), lambda p: None).future.result(60)
    assert made.facts["seed"] == 3


def test_a_stop_leaves_no_process(tmp_path) -> None:
    engine = ProcessEngine(Settings(_env_file=None, model_path=tmp_path))
    engine.start()
    until(lambda: engine.process_id is not None)
    child = engine.process_id
    engine.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
