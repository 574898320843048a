"""The engine's process dies, hangs, raises or lacks memory: the service does not, and no job is lost."""

import os
import re
import signal
import threading

import numpy as np
import pytest

from leffa.engine.process import ProcessEngine
from leffa.images import encode
from leffa.settings import Settings

# What the puppet does at these seeds, see puppet.py.
CRASH, HANG, RAISE, SHORT_OF_MEMORY, CRASH_ONCE, HANG_ONCE = range(1001, 1007)


@pytest.fixture(scope="module")
def service(start_shared):
    """A service whose watchdog is quick."""
    return start_shared(LEFFA_STEP_SECONDS=3)


def restarts(service, reason: str) -> int:
    found = re.search(
        rf'leffa_engine_restarts{{reason="{reason}"}} (\d+)', service.client.get("/metrics").text
    )
    return int(found[1]) if found else 0


def test_what_the_model_raises_is_one_job_s_problem(service) -> None:
    answers = {seed: service.post("/tryon", seed=seed) for seed in (RAISE, SHORT_OF_MEMORY)}
    assert answers[RAISE].status_code == 500
    assert answers[RAISE].json()["code"] == "internal_error"
    assert "wings" not in answers[RAISE].text, "what went wrong inside is the log's, not the client's"
    assert "wings" in service.log
    assert answers[SHORT_OF_MEMORY].status_code == 503
    assert answers[SHORT_OF_MEMORY].json()["code"] == "out_of_memory"
    assert service.post("/tryon", seed=1).status_code == 200
    assert restarts(service, "crash") == 0


def test_a_job_whose_engine_is_killed_is_done_again_with_the_same_bytes(service, wait_until) -> None:
    calm = service.outcome(service.order(seed=7, steps=6).json()["id"])
    job = service.order(seed=7, steps=100).json()["id"]
    wait_until(lambda: (service.job(job)["progress"] or {}).get("step", 0) >= 2)
    os.kill(service.engine(), signal.SIGKILL)
    again = service.outcome(job)
    assert (again["state"], again["attempt"]) == ("succeeded", 2)
    assert service.pixels(job) == service.pixels(calm["id"])
    assert restarts(service, "crash") == 1


def test_an_engine_that_hangs_in_a_step_is_killed_and_the_job_done_again(service) -> None:
    job = service.outcome(service.order(seed=HANG_ONCE).json()["id"])
    assert (job["state"], job["attempt"]) == ("succeeded", 2)
    assert restarts(service, "wedged") == 1


def test_a_job_that_kills_the_engine_three_times_fails_and_the_others_live(start_service) -> None:
    service = start_service()
    first = service.order(steps=30).json()["id"]  # while it runs the others are put in line
    deadly = service.order(seed=CRASH).json()["id"]
    others = [service.order(seed=seed).json()["id"] for seed in range(3)]
    answers, end = set(), threading.Event()

    def look() -> None:
        while not end.wait(0.01):
            answers.add(service.client.get(f"/jobs/{deadly}").status_code)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        failed = service.outcome(deadly)
        assert (failed["state"], failed["attempt"]) == ("failed", 3)
        assert failed["error"]["code"] == "engine_failed"
        assert [service.outcome(job)["state"] for job in others] == ["succeeded"] * 3
        assert service.job(first)["attempt"] == 1
    finally:
        end.set()
        watcher.join()
    assert [service.job(job)["attempt"] for job in others] == [1] * 3, "innocent jobs are not blamed"
    assert answers == {200}, "the service answers while its engine is away"


def test_a_frozen_engine_holds_up_neither_the_service_nor_its_end(start_service, wait_until) -> None:
    """It does not even read its pipe, so whoever writes there waits until it is killed."""
    service = start_service(LEFFA_STOP_SECONDS=1)
    os.kill(service.engine(), signal.SIGSTOP)
    # More than a pipe holds.
    noise = encode(np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8))
    job = service.order(files={"human_image": noise, "garment_image": noise}).json()["id"]
    wait_until(lambda: service.job(job)["state"] == "running")
    assert service.client.get("/health/live").status_code == 200
    assert service.end() < 20
    service.start()
    assert service.outcome(job)["state"] == "succeeded"


def test_a_machine_without_a_free_process_is_asked_again(monkeypatch, wait_until) -> None:
    engine = ProcessEngine(Settings(_env_file=None))
    tries = []

    def fail() -> None:
        tries.append(engine)
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(engine, "_spawn", fail)
    engine.start()
    wait_until(lambda: len(tries) >= 2)
    engine.stop()
