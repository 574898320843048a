"""Many clients at once against the real service: `python scripts/load.py [--clients 50] [--seconds 300]`.

They order pictures and wait, order jobs and listen or ask, cancel, and go away. Nothing may fail but by a 429
or 503 with Retry-After, /health must answer quickly meanwhile, and memory must not grow. Prints a table and
a line of JSON; ends with 1 where something is not as it should be.
"""

import argparse
import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import httpx2

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples"
FILES = {
    "human_image": (EXAMPLES / "person-1.png").read_bytes(),
    "garment_image": (EXAMPLES / "garment-1.png").read_bytes(),
}
FAST = {"inference_steps": "1"}
QUEUE = 20  # shorter than the crowd, so that some are refused
READY_SECONDS, STOP_SECONDS, TIMEOUT_SECONDS = 120, 60, 120
HEALTH_EVERY, MEMORY_EVERY, LONGEST_PAUSE = 0.1, 1.0, 5.0
SETTLED_SECONDS = 60  # after which memory must not grow
MOST_GROWTH, MOST_HEALTH_SECONDS = 0.05, 0.1
OVER = ("succeeded", "failed", "cancelled")


@dataclass
class Seen:
    """What all clients met."""

    outcomes: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    health: list[float] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)


class Client:
    """One client that does one thing after another until the end."""

    def __init__(self, http: httpx2.AsyncClient, seen: Seen, end: float, seed: int) -> None:
        self.http, self.seen, self.end = http, seen, end
        self.random = random.Random(seed)

    async def run(self) -> None:
        """Live until the end; every surprise is noted."""
        acts = (self.wait, self.listen, self.ask, self.cancel, self.leave)
        while time.monotonic() < self.end:
            act = self.random.choices(acts, (4, 3, 2, 1, 1))[0]
            try:
                await act()
            except Exception as error:
                self.seen.errors.append(f"{act.__name__}: {type(error).__name__}: {error}"[:300])

    async def wait(self) -> None:
        """POST /tryon."""
        begun = time.monotonic()
        answer = await self.http.post("/tryon", files=FILES, data=FAST)
        if await self.taken(answer):
            assert answer.headers["content-type"] == "image/png", answer.text[:200]
            self.seen.waits.append(time.monotonic() - begun)
            self.seen.outcomes["pictures"] += 1

    async def listen(self) -> None:
        """A job whose events are listened to."""
        if not (job := await self.order()):
            return
        async with self.http.stream("GET", job["links"]["events"]) as answer:
            states = [line async for line in answer.aiter_lines() if line.startswith('data: {"id"')]
        state = json.loads(states[-1].removeprefix("data: "))["state"]
        assert state == "succeeded", state
        self.seen.outcomes["jobs listened to"] += 1

    async def ask(self) -> None:
        """A job that is asked for until it is over, then deleted."""
        if not (job := await self.order()):
            return
        while (job := (await self.http.get(job["links"]["self"])).json())["state"] not in OVER:
            await asyncio.sleep(0.5)
        assert job["state"] == "succeeded", job["error"]
        picture = await self.http.get(job["images"][0]["links"]["image"])
        assert picture.content.startswith(b"\x89PNG")
        assert (await self.http.delete(job["links"]["self"])).status_code == 204
        self.seen.outcomes["jobs asked for"] += 1

    async def cancel(self) -> None:
        """A job that is cancelled at some time, perhaps too late."""
        if not (job := await self.order()):
            return
        await asyncio.sleep(self.random.random() * 3)
        answer = await self.http.delete(job["links"]["self"])
        assert answer.status_code in (202, 204), answer.text[:200]
        self.seen.outcomes["jobs cancelled"] += 1

    async def leave(self) -> None:
        """A picture that nobody waits for to the end."""
        try:
            await self.http.post("/tryon", files=FILES, data=FAST, timeout=self.random.random() * 2 + 0.2)
        except httpx2.TimeoutException:
            self.seen.outcomes["clients gone"] += 1

    async def order(self) -> dict | None:
        """POST /jobs; None where it was refused, as it may be."""
        answer = await self.http.post("/jobs", files=FILES, data=FAST)
        return answer.json() if await self.taken(answer) else None

    async def taken(self, answer: httpx2.Response) -> bool:
        """Whether the request was; who is refused pauses as told."""
        if answer.status_code in (429, 503):
            pause = int(answer.headers["Retry-After"])
            self.seen.outcomes[f"refused: {answer.status_code} {answer.json()['code']}"] += 1
            await asyncio.sleep(min(pause, LONGEST_PAUSE, max(0.0, self.end - time.monotonic())))
            return False
        assert answer.status_code in (200, 202), f"{answer.status_code} {answer.text[:200]}"
        return True


async def watch(http: httpx2.AsyncClient, seen: Seen, pid: int, end: float) -> None:
    """Ask for /health all the time, and look at the memory."""
    begun = looked = time.monotonic()
    while (now := time.monotonic()) < end:
        answer = await http.get("/health")
        seen.health.append(time.monotonic() - now)
        assert answer.status_code == 200
        if now - looked > MEMORY_EVERY:
            looked = now
            seen.memory.append((now - begun, resident(pid)))
        await asyncio.sleep(HEALTH_EVERY)


def resident(pid: int) -> int:
    """Bytes that a process and its children hold."""
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            status = Path(f"/proc/{one}/status").read_text()
            # Each thread has children of its own.
            children = " ".join(path.read_text() for path in Path(f"/proc/{one}/task").glob("*/children"))
        except OSError:
            continue  # it ended meanwhile
        total += sum(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))
        waiting += [int(child) for child in children.split()]
    return total


async def crowd(url: str, pid: int, clients: int, seconds: float) -> Seen:
    """All clients and the watcher, for so long."""
    seen, end = Seen(), time.monotonic() + seconds
    limits = httpx2.Limits(max_connections=None)
    async with (
        httpx2.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS, limits=limits) as http,
        httpx2.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS) as watcher,
    ):
        lives = [Client(http, seen, end, number).run() for number in range(clients)]
        await asyncio.gather(watch(watcher, seen, pid, end), *lives)
    return seen


def growth(memory: list[tuple[float, int]]) -> float | None:
    """How much memory grew after it had settled, as a share; None where the run was too short to say."""
    later = [size for second, size in memory if second > SETTLED_SECONDS]
    fifth = len(later) // 5
    return median(later[-fifth:]) / median(later[:fifth]) - 1 if fifth >= 5 else None


def report(seen: Seen, seconds: float, clients: int) -> dict:
    """The figures, and under "wrong" what is not as it should be."""
    p99 = quantiles(seen.health, n=100)[98]
    grown = growth(seen.memory)
    wrong = [f"{count} times {text}" for text, count in Counter(seen.errors).most_common(5)]
    wrong += [f"/health took {p99 * 1000:.0f} ms"] * (p99 > MOST_HEALTH_SECONDS)
    wrong += [f"memory grew by {grown or 0:.1%}"] * (grown is not None and grown > MOST_GROWTH)
    done = seen.outcomes["pictures"] + seen.outcomes["jobs listened to"] + seen.outcomes["jobs asked for"]
    return {
        "clients": clients,
        "seconds": seconds,
        "pictures_per_second": round(done / seconds, 2),
        "outcomes": dict(sorted(seen.outcomes.items())),
        "errors": len(seen.errors),
        "health_ms": {"p50": round(median(seen.health) * 1000, 1), "p99": round(p99 * 1000, 1)},
        "tryon_seconds_p50": round(median(seen.waits), 2) if seen.waits else None,
        "memory_mb": round(max(size for _, size in seen.memory) / 1024**2) if seen.memory else None,
        "memory_growth": None if grown is None else round(grown, 4),
        "wrong": wrong,
    }


def run(clients: int, seconds: float) -> dict:
    """Start the service, let the clients at it, stop it; the report."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "LEFFA_DATA": folder,
            "LEFFA_RATE_LIMIT": "",
            "LEFFA_QUEUE_SIZE": str(QUEUE),
            "LEFFA_QUEUE_PER_CLIENT": str(QUEUE),
            "LEFFA_UPLOADS_PER_CLIENT": "64",
            "LEFFA_LOG_LEVEL": "warning",
            "MODEL_PATH": folder,
        }
        command = [sys.executable, "-m", "leffa.cli", "serve", "--port", str(port)]
        log = Path(folder) / "log"
        with (
            log.open("wb") as file,
            subprocess.Popen(command, stderr=file, stdout=file, env={**os.environ, **settings}) as service,
        ):
            try:
                wait_for(f"{url}/health/ready", log)
                seen = asyncio.run(crowd(url, service.pid, clients, seconds))
            finally:
                service.terminate()
                service.wait(STOP_SECONDS)
        told = report(seen, seconds, clients)
        if "Traceback" in (text := log.read_text()):
            told["wrong"].append(f"the log has an error: {text[text.index('Traceback') :][:1000]}")
    return told


def wait_for(url: str, log: Path) -> None:
    """Until this address answers 200."""
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        try:
            if httpx2.get(url).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"The service did not come up:\n{log.read_text()}")


def main() -> None:
    """Run, print, and end with 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=300)
    arguments = parser.parse_args()
    told = run(arguments.clients, arguments.seconds)
    for name, value in told.items():
        print(f"{name:22} {value}", file=sys.stderr)
    print(json.dumps(told))
    sys.exit(bool(told["wrong"]))


if __name__ == "__main__":
    main()
