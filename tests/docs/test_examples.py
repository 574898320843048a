"""Every example of docs/api.md, and README's, run as it stands against the real service.

Only the ports are others. A section runs from top to bottom in a folder of its own; what serves for ever (the
receivers of webhooks) runs beside the rest of its section.
"""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
PICTURES = {"person.png": "person-1.png", "garment.png": "garment-1.png", "garment-2.png": "garment-2.png"}
SECTION = re.compile(r"^## (.+?)$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(bash|python|javascript)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FOREVER = ("serve_forever()", ".listen(")
SECONDS = 120
NODE = shutil.which("node")
SECTIONS = {name: BLOCK.findall(text) for name, text in SECTION.findall((ROOT / "docs/api.md").read_text())}


@dataclass(frozen=True)
class Service:
    """A service that runs: where, and with which secret it signs."""

    url: str
    secret: str


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """`leffa serve` as a process of its own, ready."""
    folder, port = tmp_path_factory.mktemp("service"), free_port()
    secret = f"whsec_{b64encode(secrets.token_bytes(24)).decode()}"
    settings = {
        "LEFFA_DATA": str(folder / "data"),
        "MODEL_PATH": str(folder / "none"),
        "LEFFA_WEBHOOK_SECRET": secret,
        "LEFFA_WEBHOOK_PRIVATE": "true",
        "LEFFA_STOP_SECONDS": "1",
    }
    command = [sys.executable, "-m", "leffa.cli", "serve", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, stderr=log, env=os.environ | settings) as process,
    ):
        try:
            until_ready(url)
            yield Service(url, secret)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
    assert "Traceback" not in (folder / "log").read_text()


def until_ready(url: str) -> None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            if httpx2.get(f"{url}/health", trust_env=False).is_success:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError("the service never came up")


@pytest.mark.parametrize("name", [name for name, blocks in SECTIONS.items() if blocks])
def test_the_examples_of_a_section_work(name: str, service: Service, tmp_path: Path) -> None:
    for theirs, ours in PICTURES.items():
        shutil.copy(EXAMPLES / ours, tmp_path / theirs)
    ports = {8000: service.url.rpartition(":")[2], 9000: free_port(), 9001: free_port()}
    with ExitStack() as receivers:
        logs = []
        for number, (language, code) in enumerate(SECTIONS[name]):
            if language == "javascript" and NODE is None:
                continue
            for known, port in ports.items():
                code = re.sub(rf"\b{known}\b", str(port), code)
            command = prepare(language, code, tmp_path, number)
            if any(sign in code for sign in FOREVER):
                logs.append(tmp_path / f"receiver-{number}.log")
                receivers.enter_context(receiving(command, service, logs[-1]))
            else:
                run(command, service, tmp_path)
        for log in logs:
            until_said(log, "job.succeeded")
    for picture in pictures_of(name):
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG"), picture


def pictures_of(name: str) -> set[str]:
    """The files that the examples of a section write."""
    codes = [code for language, code in SECTIONS[name] if NODE or language != "javascript"]
    return {path for code in codes for path in re.findall(r'(?:-o |")([\w-]+\.png)', code)}


def prepare(language: str, code: str, folder: Path, number: int) -> list[str]:
    """The command that runs an example."""
    if language == "bash":
        return ["bash", "-euo", "pipefail", "-c", code]
    file = folder / f"example-{number}.{'py' if language == 'python' else 'mjs'}"
    file.write_text(code)
    return (
        [sys.executable, str(file)]
        if language == "python"
        else [NODE or "", "--experimental-eventsource", str(file)]
    )


def environment(service: Service) -> dict[str, str]:
    return {**os.environ, "LEFFA_WEBHOOK_SECRET": service.secret, "NO_PROXY": "127.0.0.1"}


def run(command: list[str], service: Service, folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, env=environment(service), capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"


@contextmanager
def receiving(command: list[str], service: Service, log: Path) -> Iterator[None]:
    """A receiver that runs meanwhile; what it says goes to `log`."""
    with log.open("w") as file:
        process = subprocess.Popen(
            command, cwd=log.parent, env=environment(service), stdout=file, stderr=file
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def until_said(log: Path, words: str) -> None:
    end = time.monotonic() + SECONDS
    while words not in log.read_text():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)


def test_the_readme_s_examples_work(service: Service, tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    readme = (ROOT / "README.md").read_text().replace("http://127.0.0.1:8000", service.url)
    (curl,) = re.findall(r"^curl (?:.*\\\n)*.*$", readme, re.MULTILINE)
    (python,) = [code for language, code in BLOCK.findall(readme) if language == "python"]
    for language, code in (("bash", curl), ("python", python)):
        run(prepare(language, code, tmp_path, 0), service, tmp_path)
        picture = tmp_path / "tryon.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
        picture.unlink()
