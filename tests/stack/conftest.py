"""The stack under test: one that is up already (LEFFA_STACK_API), or a service of our own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
READY_SECONDS = 120


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the API is, ready to serve."""
    if there := os.environ.get("LEFFA_STACK_API"):
        wait_until_ready(there)
        yield there
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    folder = tmp_path_factory.mktemp("stack")
    settings = os.environ | {"PORT": port, "LEFFA_DATA": str(folder), "LEFFA_STOP_SECONDS": "1"}
    command = [sys.executable, "-m", "leffa.cli", "serve"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, env=settings, stderr=log) as service:
        try:
            wait_until_ready(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            service.terminate()


@pytest.fixture(scope="session")
def api(address: str) -> Iterator[httpx2.Client]:
    """A client of the API."""
    with httpx2.Client(base_url=address, timeout=120) as client:
        yield client


def wait_until_ready(address: str) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        try:
            if httpx2.get(f"{address}/health/ready").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"{address} did not become ready")


@pytest.fixture
def pictures() -> Callable[[int], dict[str, bytes]]:
    """The files of an order: the examples of a number."""

    def read(number: int) -> dict[str, bytes]:
        names = {"human_image": f"person-{number}.png", "garment_image": f"garment-{number}.png"}
        return {field: (EXAMPLES / name).read_bytes() for field, name in names.items()}

    return read
