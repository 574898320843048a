"""Services as processes of their own, to be killed, starved and stopped."""

import io
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from leffa.images import encode

PUPPET = Path(__file__).parent / "puppet.py"
READY_SECONDS = 240
COMMANDS = {"real": ["-m", "leffa.cli"], "puppet": [str(PUPPET)]}


def pytest_addoption(parser: pytest.Parser) -> None:
    """`pytest tests/faults/test_kill.py --kills 200 -s` is the long run."""
    parser.addoption("--kills", type=int, default=10, help="how often the service is killed at random")


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """How often to kill; 10 where the option is not known because other suites run too."""
    return int(request.config.getoption("--kills", 10))


class Service:
    """One data folder and the service on it, which can be started again and again."""

    def __init__(self, kind: str, folder: Path, settings: dict[str, Any]) -> None:
        self._command = COMMANDS[kind]
        self._folder = folder
        self.data = Path(settings.get("LEFFA_DATA", folder / "data"))
        self._settings = {
            "LEFFA_DATA": self.data,
            "MODEL_PATH": folder / "no-weights",
            "LEFFA_RATE_LIMIT": "",
            "LEFFA_UPLOADS_PER_CLIENT": 64,
            "LEFFA_QUEUE_PER_CLIENT": 64,
            "LEFFA_WARM_UP": "false",
            "OMP_WAIT_POLICY": "passive",
            **settings,
        }
        self.pictures = {"human_image": PERSON, "garment_image": GARMENT}
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self.port = free_port()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)

    def start(self, wait: bool = True, **options: Any) -> "Service":
        """Start it, on the same port each time; with `wait`, until it is ready."""
        self.starts += 1
        environment = {**os.environ, **{name: str(value) for name, value in self._settings.items()}}
        command = [sys.executable, *self._command, "serve", "--port", str(self.port)]
        with self._log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment, cwd=self._folder, **options
            )
        if wait:
            until(self.ready)
        return self

    @property
    def _log_file(self) -> Path:
        return self._folder / f"log-{self.starts}"

    @property
    def log(self) -> str:
        """What this start has written."""
        return self._log_file.read_text()

    @property
    def pid(self) -> int:
        """Of the process that answers."""
        assert self.process is not None
        return self.process.pid

    def ready(self) -> bool:
        """Whether it can serve; fails where it has ended instead."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"it ended with {self.process.returncode}: {self.log}")
        with suppress(httpx.TransportError):
            return self.client.get("/health/ready").status_code == 200
        return False

    def engine(self) -> int:
        """The process id of the engine, once there is one."""
        found: list[int] = []
        until(lambda: found.extend(engines_of(self.pid)) or found)
        return found[0]

    @staticmethod
    def command_of(pid: int) -> str:
        """The command line of a process; empty where it has ended."""
        return command_of(pid)

    def kill(self) -> None:
        """kill -9, as the kernel does it for want of memory."""
        self.end(signal.SIGKILL, 60)

    def end(self, sign: int = signal.SIGTERM, seconds: float = 90) -> float:
        """Send a signal and wait for the end; the seconds that took."""
        assert self.process is not None
        begun = time.monotonic()
        self.process.send_signal(sign)
        self.process.wait(seconds)
        return time.monotonic() - begun

    def close(self) -> None:
        """End it if it still runs."""
        self.client.close()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def order(
        self, seed: int | str = 0, steps: int = 4, key: str | None = None, **more: Any
    ) -> httpx.Response:
        """POST /jobs."""
        return self.post("/jobs", seed, steps, key, **more)

    def post(
        self,
        path: str,
        seed: int | str = 0,
        steps: int = 4,
        key: str | None = None,
        files: dict[str, bytes] | None = None,
        headers: dict[str, str] | None = None,
        client: httpx.Client | None = None,
        **fields: str,
    ) -> httpx.Response:
        """Send the two pictures, small ones unless others are given."""
        return (client or self.client).post(
            path,
            files=named(files or self.pictures),
            data={"seed": str(seed), "inference_steps": str(steps), **fields},
            headers={**(headers or {}), **({"Idempotency-Key": key} if key else {})},
        )

    def two_pictures(self) -> dict[str, tuple[str, bytes]]:
        """The files of a form."""
        return named(self.pictures)

    def job(self, job: str) -> dict[str, Any]:
        """GET /jobs/{id}."""
        answer: dict[str, Any] = self.client.get(f"/jobs/{job}").raise_for_status().json()
        return answer

    def outcome(self, job: str, seconds: float = READY_SECONDS) -> dict[str, Any]:
        """The job once it is over."""
        over = ("succeeded", "failed", "cancelled")
        until(lambda: self.job(job)["state"] in over, seconds)
        return self.job(job)

    def image(self, job: str) -> httpx.Response:
        """GET /jobs/{id}/image."""
        return self.client.get(f"/jobs/{job}/image")

    def pixels(self, job: str) -> bytes:
        """The picture of a job without its notes, which tell the number of steps."""
        return Image.open(io.BytesIO(self.image(job).raise_for_status().content)).tobytes()

    def rows(self, query: str = "select id, idempotency_key, state from jobs") -> list[tuple[Any, ...]]:
        """What the database says, read beside the service."""
        connection = sqlite3.connect(f"file:{self.data / 'jobs.sqlite'}?mode=ro", uri=True)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def memory(self) -> int:
        """Bytes that the answering process holds."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def engines_of(pid: int) -> list[int]:
    """The children of a process that run an engine."""
    children = Path(f"/proc/{pid}/task/{pid}/children").parent.parent.glob("*/children")
    ids = [int(child) for path in children for child in path.read_text().split()]
    return [child for child in ids if "spawn_main" in command_of(child)]


def command_of(pid: int) -> str:
    """A process's command line; empty where there is none, or only its remains."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def named(files: dict[str, bytes]) -> dict[str, tuple[str, bytes]]:
    """The files of a form, each with a name."""
    return {field: (f"{field}.png", data) for field, data in files.items()}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], seconds: float = READY_SECONDS) -> None:
    """Wait for something to come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


def small_picture(seed: int) -> bytes:
    """64 x 64 pixels of noise."""
    return encode(np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8), "png")


PERSON, GARMENT = small_picture(1), small_picture(2)
StartService = Callable[..., Service]


def starting(base: Path) -> Iterator[StartService]:
    """Starts services, each on a folder of its own; none is left at the end."""
    services: list[Service] = []

    def start(kind: str = "puppet", wait: bool = True, **settings: Any) -> Service:
        folder = base / f"service-{len(services)}"
        folder.mkdir()
        services.append(Service(kind, folder, settings))
        return services[-1].start(wait)

    yield start
    for service in services:
        service.close()


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[StartService]:
    """Starts services for one test."""
    yield from starting(tmp_path)


@pytest.fixture(scope="module")
def start_shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartService]:
    """Starts services for all tests of a file."""
    yield from starting(tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., None]:
    """Waits for something to come true."""
    return until
