"""A disk that is full, read-only, locked or broken; clocks that jump; two services where one may be."""

import os
import resource
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from leffa.images import encode
from leffa.jobs.database import open_database
from leffa.jobs.job import Job
from leffa.jobs.store import Bounds, Store

MEGABYTE = 1024**2
BOUNDS = Bounds(queue=9, lane=9)


@pytest.fixture(scope="module")
def service(start_shared):
    """For what a service is to live through."""
    return start_shared()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own; skips the test where this user may not mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """A file that takes the rest of the disk."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (MEGABYTE, 4096, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    return ballast


def test_a_full_disk_refuses_orders_and_keeps_accepted_ones_until_there_is_room(
    start_service, wait_until, tmp_path
) -> None:
    with small_disk(tmp_path / "disk", 8) as disk:
        service = start_service(LEFFA_DATA=disk / "data")
        job = service.order(seed=4, steps=100).json()["id"]
        ballast = fill(disk)
        answer = service.order(seed=5)
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
        assert service.client.get("/health/live").status_code == 200
        steps = 'leffa_step_seconds_count{model="mini"} 99.0'  # between the first and the last
        wait_until(lambda: steps in service.client.get("/metrics").text)
        time.sleep(1)  # the job has come to its end meanwhile, which nobody could write down
        assert service.job(job)["state"] in ("queued", "running")
        ballast.unlink()
        assert service.outcome(job)["state"] == "succeeded"
        assert service.order(seed=5).status_code == 202
        assert "Traceback" not in service.log, service.log


def test_a_result_that_fits_nowhere_fails_its_job_and_no_other(start_service, wait_until) -> None:
    """No file of the service may be larger than a megabyte: EFBIG in place of ENOSPC, without a mount."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (MEGABYTE, MEGABYTE))

    service = start_service(wait=False)
    service.kill()
    service.start(preexec_fn=limit)
    large = encode(np.zeros((700, 700, 3), np.uint8))  # small, but becomes noise of 1.5 MB
    files = {"human_image": large, "garment_image": large}
    failed = service.outcome(service.order(files=files).json()["id"])
    assert (failed["state"], failed["error"]["code"]) == ("failed", "storage_unavailable")
    assert service.outcome(service.order().json()["id"])["state"] == "succeeded"


def test_no_room_for_uploads_is_a_clear_answer(start_service, tmp_path) -> None:
    """Large parts of a form lie in the temporary folder while they arrive."""
    noise = encode(np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), np.uint8))
    with small_disk(tmp_path / "tmp", 1) as disk:
        service = start_service(TMPDIR=disk)
        answer = service.post("/tryon", files={"human_image": noise, "garment_image": noise})
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
        assert service.post("/tryon").status_code == 200


def test_a_read_only_folder_is_said_at_the_start(start_service, tmp_path) -> None:
    with small_disk(tmp_path / "disk", 4) as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        service = start_service(wait=False, LEFFA_DATA=disk / "data")
        assert_refuses(service, "cannot be used", "LEFFA_DATA")


def assert_refuses(service, *words: str) -> None:
    """It ends with a sentence, not with a traceback."""
    assert service.process.wait(180) not in (0, None)
    assert all(word in service.log for word in words), service.log
    assert "Traceback" not in service.log, service.log


def test_a_second_service_on_the_same_folder_is_refused(service, start_service) -> None:
    second = start_service(wait=False, LEFFA_DATA=service.data)
    assert_refuses(second, "Another service uses", "LEFFA_DATA")
    assert service.process.poll() is None


def test_a_broken_database_is_said_at_the_start_and_a_lost_one_is_made_anew(
    start_service, wait_until
) -> None:
    service = start_service()
    service.outcome(service.order().json()["id"])
    service.end()
    database = service.data / "jobs.sqlite"
    assert list(service.data.glob("jobs.sqlite*")) == [database], "a clean end leaves one whole file"
    database.write_bytes(b"this is no database, " * 1000)
    service.start(wait=False)
    assert_refuses(service, "The database cannot be used")
    for path in service.data.glob("jobs.sqlite*"):
        path.unlink()
    service.start()
    assert service.outcome(service.order().json()["id"])["state"] == "succeeded"


def test_a_locked_database_delays_and_loses_nothing(service, wait_until) -> None:
    job = service.order(seed=3, steps=100).json()["id"]
    wait_until(lambda: service.job(job)["state"] == "running")
    with closing(sqlite3.connect(service.data / "jobs.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = service.order(seed=5)
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
        assert service.job(job)["state"] == "running", "reading goes on"
        other.execute("ROLLBACK")
    assert service.outcome(job)["state"] == "succeeded"
    assert service.outcome(service.order(seed=5).json()["id"])["state"] == "succeeded"


def test_a_job_whose_picture_is_gone_fails_and_does_not_block_the_line(service) -> None:
    first = service.order(steps=100).json()["id"]
    robbed = service.order(seed=1).json()["id"]
    (service.data / "files" / robbed / "person").unlink()
    last = service.order(seed=2).json()["id"]
    assert service.outcome(first)["state"] == "succeeded"
    failed = service.outcome(robbed)
    assert (failed["state"], failed["error"]["code"]) == ("failed", "storage_unavailable")
    assert service.outcome(last)["state"] == "succeeded"


def test_corrupt_weights_make_the_service_not_ready_and_say_why(start_service, wait_until) -> None:
    service = start_service(wait=False, PUPPET_LOADS="no")
    wait_until(lambda: health(service) == "failed")
    answer = service.client.get("/health/ready")
    assert answer.status_code == 503
    assert "is damaged" in answer.json()["reason"]
    assert service.client.get("/health/live").status_code == 200
    refused = service.order()
    assert (refused.status_code, refused.json()["code"]) == (503, "model_failed")


def health(service) -> str:
    try:
        return str(service.client.get("/health").json()["status"])
    except OSError:
        return ""
    except Exception:  # nobody listens yet
        return ""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(open_database(f"sqlite:///{tmp_path}/jobs.sqlite"), retention=3600)


def new_job(**more) -> Job:
    return Job(task="tryon", model="mini", options={}, seeds=[0], inputs={}, **more)


@pytest.mark.parametrize("jump", [-1e6, 1e6], ids=["backward", "forward"])
def test_a_clock_that_jumps_loses_no_job_and_does_none_twice(store: Store, monkeypatch, jump: float) -> None:
    clock = [1_800_000_000.0]
    monkeypatch.setattr("leffa.jobs.store.time.time", lambda: clock[0])
    first, second = store.accept([new_job(), new_job()], BOUNDS)
    claimed = store.claim("me", False)
    assert claimed is not None
    clock[0] += jump
    third = store.accept([new_job()], BOUNDS)[0]
    assert store.renew(claimed) is False, "its lease goes on"
    assert store.finish(claimed, "succeeded", [])
    done = [store.claim("me", False) for _ in range(3)]
    assert {job.id for job in done if job} == {second.id, third.id}
    for job in done:
        assert job is None or store.finish(job, "succeeded", [])
    assert store.expired() == [], "what has just been made is kept its time"
    assert store.counts() == {"succeeded": 3}
    assert first.id == claimed.id


def test_an_attempt_that_was_taken_over_changes_nothing_any_more(store: Store) -> None:
    store.accept([new_job()], BOUNDS)
    old = store.claim("one", False)
    store.recover(alone=True)
    new = store.claim("two", False)
    assert (old.id, new.attempt) == (new.id, old.attempt + 1)
    assert not store.finish(old, "failed", [], {"code": "late"})
    assert store.renew(old), "it is told to stop"
    store.give_up(old, died=True)
    assert store.get(new.id).state == "running"
    assert store.finish(new, "succeeded", [{"seed": 0}])
    assert not store.finish(old, "succeeded", [{"seed": 1}])
    assert store.get(new.id).results == [{"seed": 0}]


def test_many_claim_at_once_and_each_job_goes_to_one(store: Store) -> None:
    store.accept([new_job() for _ in range(9)], BOUNDS)
    taken, start = [], threading.Barrier(6)

    def take(name: str) -> None:
        start.wait()
        while job := store.claim(name, False):
            taken.append(job.id)

    threads = [threading.Thread(target=take, args=(str(i),)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 9
