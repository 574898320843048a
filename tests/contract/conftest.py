"""The service in a process of its own."""

import importlib.util
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import httpx2
import pytest

HERE = Path(__file__).parent
READY_SECONDS = 60


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service around models that answer at once; it must end without a trace of an error."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("service") / "log"
    command = [sys.executable, str(HERE / "puppet_service.py"), str(port)]
    with log.open("wb") as file, subprocess.Popen(command, stderr=file) as service:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(f"{url}/health/ready")
            yield url
        finally:
            service.terminate()
            service.wait(30)
    assert "Traceback" not in log.read_text(), log.read_text()[-3000:]


def wait_for(url: str) -> None:
    """Until this address answers 200."""
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        try:
            if httpx2.get(url).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the service did not come up")


@pytest.fixture(scope="session")
def api() -> ModuleType:
    """What tests/api starts services with."""
    spec = importlib.util.spec_from_file_location("api_conftest", HERE.parent / "api" / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
