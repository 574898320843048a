"""`leffa serve` as a process of its own: it comes up, serves, and ends when told to."""

import os
import signal
import socket
import subprocess
import sys

import httpx


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_service_starts_serves_and_stops(tools, send, person_png, garment_png, tmp_path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "leffa.cli", "serve", "--port", str(port)]
    environment = {**os.environ, "LEFFA_QUEUE_SIZE": "3", "LEFFA_DATA": str(tmp_path)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as service:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
                tools.until(lambda: status(client) == 200)
                answer = send(client, person_png, garment_png, inference_steps=1)
                assert answer.headers["content-type"] == "image/png"
        finally:
            service.send_signal(signal.SIGTERM)
            _, log = service.communicate(timeout=20)
    assert b"Traceback" not in log, log.decode()
    assert service.returncode in (0, -signal.SIGTERM)


def status(client: httpx.Client) -> int | None:
    """The status of /health; None while nothing listens yet."""
    try:
        return client.get("/health").status_code
    except httpx.TransportError:
        return None
