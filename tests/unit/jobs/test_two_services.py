"""Two services on one Postgres: they share the line, and the one takes over what the other leaves undone."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

ROOT = Path(__file__).parents[3]
SERVICE = ROOT / "tests" / "contract" / "puppet_service.py"
SECONDS = 2.0  # a picture
JOBS = 8
PATIENCE = 90
EXAMPLES = ROOT / "docs" / "examples"


def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


@pytest.fixture
def services(postgres: Callable[[], str], tmp_path: Path) -> Iterator[list[tuple[Any, Any]]]:
    """Two processes and a client of each, with one database and one folder of files."""
    place = {"LEFFA_DATABASE_URL": postgres(), "LEFFA_DATA": str(tmp_path)}
    started = []
    for name in ("one", "other"):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, str(SERVICE), str(port), str(SECONDS)]
        with (tmp_path / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(command, stderr=log, env={**os.environ, **place})
        started.append((process, httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE)))
    for _, client in started:
        until(lambda client=client: is_ready(client))
    yield started
    for process, client in started:
        client.close()
        process.kill()
        process.wait()


def is_ready(client: httpx2.Client) -> bool:
    try:
        return client.get("/health/ready").status_code == 200
    except httpx2.TransportError:
        return False


@pytest.mark.slow
def test_the_jobs_of_a_killed_service_are_done_by_the_other_once(services) -> None:
    (killed, its), (_, other) = services
    files = {
        "human_image": (EXAMPLES / "person-1.png").read_bytes(),
        "garment_image": (EXAMPLES / "garment-1.png").read_bytes(),
    }
    me = {"X-Client-ID": "a-browser-of-somebody"}
    for seed in range(JOBS):
        its.post("/jobs", files=files, data={"seed": str(seed)}, headers=me).raise_for_status()

    def look() -> list[dict]:
        return other.get(f"/jobs?limit={JOBS}", headers=me).json()["jobs"]

    def at_work() -> set[str]:
        return {job["id"] for job in look() if job["state"] == "running"}

    until(lambda: len(two := at_work()) == 2 and at_work() == two)  # each has one, and is not between two
    killed.send_signal(signal.SIGKILL)
    until(lambda: all(job["state"] == "succeeded" for job in look()))
    done = look()
    assert sorted(job["seeds"] for job in done) == [[seed] for seed in range(JOBS)]
    # What the dead service had in hand was begun again, everything else once.
    assert sorted(job["attempt"] for job in done) == [1] * (JOBS - 1) + [2]
    for job in done:
        assert other.get(job["images"][0]["links"]["image"]).content.startswith(b"\x89PNG")
