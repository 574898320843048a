"""kill -9 at any moment: every accepted job is done once, with the bytes that an undisturbed run gives."""

import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

STEPS, SEEDS = 10, 5
MOMENTS = ("upload", "queue", "denoise", "write", "start", "any")
CUSTOMERS = 2


class Customer(threading.Thread):
    """Orders on and on, each order under a key until it is accepted, and looks at what was made."""

    def __init__(self, service, expected: dict[int, bytes]) -> None:
        super().__init__(daemon=True)
        self._service, self._expected = service, expected
        self.client = httpx.Client(base_url=service.client.base_url, timeout=10)
        self.accepted: dict[str, int] = {}  # seed by job
        self.faults: list[str] = []
        self.enough = threading.Event()

    def run(self) -> None:
        while not self.enough.wait(0.4):
            seed, key = random.randrange(SEEDS), uuid4().hex
            job = self.order(seed, key)
            if random.random() < 0.3 and self.order(seed, key) != job:
                self.faults.append(f"the key {key} has two jobs")
            self.accepted[job] = seed
            self.look(random.choice(list(self.accepted)))

    def order(self, seed: int, key: str) -> str:
        while True:
            with suppress(httpx.TransportError):
                answer = self._service.order(seed, STEPS, key, client=self.client)
                if answer.status_code == 202:
                    return answer.json()["id"]
                if answer.status_code not in (503, 429):
                    self.faults.append(answer.text)
            time.sleep(0.05)

    def look(self, job: str) -> None:
        """A picture is whole and right, or not there yet."""
        with suppress(httpx.TransportError):
            answer = self.client.get(f"/jobs/{job}/image")
            if answer.status_code == 200 and answer.content != self._expected[self.accepted[job]]:
                self.faults.append(f"{job} has a wrong picture")
            elif answer.status_code not in (200, 409):
                self.faults.append(f"{job}: {answer.text}")


def test_random_kills_lose_and_double_nothing(start_service, wait_until, kills: int) -> None:
    service = start_service()
    expected = {
        seed: service.image(service.outcome(service.order(seed, STEPS).json()["id"])["id"]).content
        for seed in range(SEEDS)
    }
    customers = [Customer(service, expected) for _ in range(CUSTOMERS)]
    for customer in customers:
        customer.start()
    begun, done = time.monotonic(), Counter[str]()
    for number in range(kills):
        moment = MOMENTS[number % len(MOMENTS)]
        wait_for(moment, service)
        if number % 4 == 3:  # its engine first, which nobody can be told any more
            with suppress(ProcessLookupError):
                os.kill(service.engine(), signal.SIGKILL)
        service.kill()
        done[moment] += 1
        service.start(wait=MOMENTS[(number + 1) % len(MOMENTS)] != "start")
    wait_until(service.ready)
    for customer in customers:
        customer.enough.set()
        customer.join()

    jobs = {job: seed for customer in customers for job, seed in customer.accepted.items()}
    states = {job: service.outcome(job)["state"] for job in jobs}
    right = sum(service.image(job).content == expected[seed] for job, seed in jobs.items())
    rows = service.rows("select idempotency_key from jobs where idempotency_key is not null")
    attempts = service.rows("select count(*) from jobs where attempt > 1")[0][0]
    print(
        f"\n{kills} kills ({dict(done)}) in {time.monotonic() - begun:.0f} s: {len(jobs)} jobs accepted, "
        f"{right} with the right bytes, {len(rows) - len(set(rows))} doubled, {attempts} done again"
    )
    assert [fault for customer in customers for fault in customer.faults] == []
    assert set(states.values()) == {"succeeded"}, Counter(states.values())
    assert right == len(jobs) == len(rows) == len(set(rows)) > 0


def wait_for(moment: str, service) -> None:
    """Wait for the moment at which the service is to be killed; most last for milliseconds only."""
    end = time.monotonic() + 10
    if moment == "upload":
        half_an_upload(service.port)
    elif moment == "queue":
        while service.order(0, STEPS).status_code != 202 and time.monotonic() < end:
            time.sleep(0.01)
    elif moment in ("denoise", "write"):
        before = finished_files(service)
        while time.monotonic() < end and not begins(moment, service, before):
            time.sleep(0.001)
    elif moment == "start":
        time.sleep(random.uniform(0, 3))
    else:
        time.sleep(random.uniform(0, 1.5))


def begins(moment: str, service, before: set[str]) -> bool:
    if moment == "write":
        return bool(finished_files(service) - before)
    running = service.rows("select id from jobs where state = 'running'")
    return any((service.job(job)["progress"] or {}).get("step") for (job,) in running)


def finished_files(service) -> set[str]:
    found = set()
    for folder, _, names in os.walk(service.data / "files"):  # which minds no folder that goes meanwhile
        found |= {f"{Path(folder).name}/{name}" for name in names if "-0-" in name}
    return found


def half_an_upload(port: int) -> None:
    head = "POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(f"{head}Content-Length: 100000\r\n\r\n--b\r\n".encode() + b"x" * 40_000)
        time.sleep(random.uniform(0, 0.3))


def test_the_embedded_model_makes_the_same_bytes_after_every_kind_of_end(
    start_service, wait_until, person_png, garment_png
) -> None:
    service = start_service("real", LEFFA_STOP_SECONDS=0)
    files = {"human_image": person_png, "garment_image": garment_png}
    steps = 32  # more than are done while the test looks and strikes
    calm = service.image(service.outcome(service.order(3, steps, files=files).json()["id"])["id"]).content

    def disturbed(end) -> bytes:
        job = service.order(3, steps, files=files).json()["id"]
        wait_until(lambda: (service.job(job)["progress"] or {}).get("stage") == "denoise")
        end()
        assert service.outcome(job)["attempt"] == 2
        return service.image(job).content

    assert disturbed(lambda: os.kill(service.engine(), signal.SIGKILL)) == calm
    assert disturbed(lambda: (service.kill(), service.start())) == calm
    assert disturbed(lambda: (service.end(), service.start())) == calm


@pytest.mark.parametrize("moment", ["loading", "at work"])
def test_a_killed_service_leaves_no_process_behind(start_service, wait_until, moment: str) -> None:
    service = start_service(wait=moment == "at work")
    if moment == "at work":
        service.order(steps=100)
    engine = service.engine()
    service.kill()
    wait_until(lambda: not service.command_of(engine), 15)
