"""Both databases that jobs may be kept in; Postgres is a real server, started here from Debian's binaries."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, delete, text

from leffa.jobs import store as store_module
from leffa.jobs.database import open_database
from leffa.jobs.job import Job
from leffa.jobs.store import Bounds, Store

WHERE = Path("/usr/lib/postgresql")
START_SECONDS = 60
RETENTION = 3600.0
PLENTY = Bounds(queue=1000, lane=1000)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """Makes an empty database on a server of its own, and gives its address."""
    found = sorted(WHERE.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("NO POSTGRES HERE, SO HALF OF THE JOBS' TESTS ARE LEFT OUT: apt-get install postgresql")
    programs = found[-1].parent
    # The server refuses to run as root.
    other = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="leffa-postgres-"))
    if other:
        shutil.chown(folder, **other)
    data = folder / "data"
    initdb = [programs / "initdb", "-D", data, "-U", "leffa", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **other)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=200"]
    command = [programs / "postgres", "-D", data, "-p", str(port), "-k", folder, *options]
    server = f"postgresql://leffa@127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log, stdout=log, cwd=folder, **other)
    try:
        admin = create_engine(
            f"{server}/postgres".replace("postgresql", "postgresql+psycopg", 1), isolation_level="AUTOCOMMIT"
        )
        wait_for(admin, folder / "log")

        def make() -> str:
            name = f"jobs_{uuid4().hex}"
            with admin.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name}"))
            return f"{server}/{name}"

        yield make
        admin.dispose()
    finally:
        process.send_signal(signal.SIGINT)  # at once, whoever is connected
        process.wait(START_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(server: Engine, log: Path) -> None:
    """Until the server answers."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            server.connect().close()
            return
        except Exception:
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def fresh_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """Makes an address of an empty database of one kind or the other."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres")
    folder = tmp_path_factory.mktemp("sqlite")
    return lambda: f"sqlite:///{folder / uuid4().hex}.sqlite"


@pytest.fixture(scope="session")
def database(fresh_url: Callable[[], str]) -> Iterator[Engine]:
    """A database with its tables."""
    engine = open_database(fresh_url())
    yield engine
    engine.dispose()


@dataclass
class Clock:
    """The store's time, which stands still until a test moves it."""

    now: float = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The store's time in the hands of the test."""
    clock = Clock()
    monkeypatch.setattr(store_module, "time", clock)
    return clock


@pytest.fixture
def store(database: Engine) -> Store:
    """A store without jobs."""
    with database.execution_options(writes=True).begin() as connection:
        connection.execute(delete(Job))
    return Store(database, RETENTION)


def make_job(lane: str = "a", **members: Any) -> Job:
    """A try-on that nobody has ordered yet."""
    plain = {"task": "tryon", "model": "mini", "options": {}, "seeds": [1], "inputs": {}}
    return Job(**{**plain, "lane": lane, **members})


@pytest.fixture(scope="session")
def tools() -> SimpleNamespace:
    """What the tests of this folder share."""
    return SimpleNamespace(job=make_job, PLENTY=PLENTY, RETENTION=RETENTION)
