"""`leffa.client` over a bad line: nothing is ordered twice, nothing that was told is missed or told again."""

import asyncio
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from leffa import errors
from leffa.client import AsyncClient, Client, Progress
from leffa.client.steps import Send, Sleep, ask, error_of

STEPS = 12
PIECE = 65536
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Fault:
    """How a connection ends.

    up, down: after so many bytes of requests or of answers. lost: before the answer to a request with these
    bytes. silent: not at all, but no answer passes.
    """

    up: float = float("inf")
    down: float = float("inf")
    lost: bytes = b""
    silent: bool = False


class Proxy:
    """Passes connections on to a service, until each meets the next fault of its plan."""

    def __init__(self) -> None:
        self.target: int | None = None
        self.plan: deque[Fault] = deque()
        self.met = 0
        self._started = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),), daemon=True)

    def __enter__(self) -> "Proxy":
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def lead_to(self, url: Any) -> None:
        self.target = urlsplit(str(url)).port

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connection, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._end.wait()
        server.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self.plan.popleft() if self.plan else Fault()
        self.met += fault != Fault()
        with suppress(OSError):
            if self.target is not None:
                await self._pass_on(fault, reader, writer, *await asyncio.open_connection(HOST, self.target))
        writer.close()

    async def _pass_on(
        self,
        fault: Fault,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        from_there: asyncio.StreamReader,
        to_there: asyncio.StreamWriter,
    ) -> None:
        """Until either side, or the fault, ends it."""
        asked = bytearray()

        def allow(left: float) -> float:
            return 0 if fault.silent or (fault.lost and fault.lost in asked) else left

        up = _pump(reader, to_there, fault.up, lambda left: left, asked.extend)
        down = _pump(from_there, writer, fault.down, allow, lambda piece: None)
        tasks = [asyncio.create_task(up), asyncio.create_task(down)]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if fault.silent:
            await self._end.wait()
        for task in tasks:
            task.cancel()
        to_there.close()


async def _pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    left: float,
    allow: Callable[[float], float],
    note: Callable[[bytes], object],
) -> None:
    """Pass bytes on until the end, or the byte after the last allowed one."""
    with suppress(OSError):
        while piece := await reader.read(PIECE):
            note(piece)
            left = allow(left)
            writer.write(piece[: int(min(len(piece), left))])
            await writer.drain()
            if len(piece) > left:
                return
            left -= len(piece)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as proxy:
        yield proxy


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    return {"retention_hours": 1, "data_path": tmp_path / "data"}


class Walker:
    """A puppet that takes steps, the last one when a test says so."""

    def __init__(self, tools: SimpleNamespace, pace: float = 0.05) -> None:
        self.last = threading.Event()
        self.made = 0
        self._pace = pace
        self._puppet = tools.Puppet()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._puppet, name)

    def __call__(self, request: Any, progress: Any, cancelled: Any, preview: Any = None) -> Any:
        for step in range(1, STEPS + 1):
            if step == STEPS:
                while not self.last.wait(0.05):
                    if cancelled():
                        raise errors.Cancelled()
            progress("denoise", step, STEPS)
            time.sleep(self._pace)
        self.made += 1
        return self._puppet(request)


@pytest.mark.parametrize("fault", [Fault(up=300), Fault(lost=b"POST"), Fault(down=40)], ids=str)
def test_an_order_is_sent_again_and_not_doubled(tools, proxy, settings, small_png, fault) -> None:
    with tools.running(lambda name: tools.Puppet(), **settings) as running, Client(proxy.url) as leffa:
        proxy.lead_to(running.base_url)
        proxy.plan.extend([fault, fault])
        job = leffa.submit(small_png, small_png)
        assert job.wait(timeout=30).image
        assert [known.id for known in leffa.history()] == [job.id]
    assert proxy.met == 2


def test_a_batch_is_sent_again_and_not_doubled(tools, proxy, settings, small_png) -> None:
    with tools.running(lambda name: tools.Puppet(), **settings) as running, Client(proxy.url) as leffa:
        proxy.lead_to(running.base_url)
        proxy.plan.append(Fault(lost=b"POST"))
        jobs = leffa.batch(small_png, [small_png] * 3)
        assert {job.id for job in jobs} == {known.id for known in leffa.history()}
        assert len(jobs) == 3


def test_a_caller_s_own_key_finds_the_order_again(tools, settings, small_png) -> None:
    with tools.running(lambda name: tools.Puppet(), **settings) as running:
        url = str(running.base_url)
        with Client(url) as one, Client(url) as other:
            first = one.submit(small_png, small_png, idempotency_key="order 17")
            assert other.submit(small_png, small_png, idempotency_key="order 17").id == first.id
            with pytest.raises(errors.IdempotencyMismatch):
                other.submit(small_png, small_png, idempotency_key="order 17", seed=1)


def test_progress_goes_on_where_the_line_broke(tools, proxy, settings, small_png) -> None:
    walker = Walker(tools)
    seen: list[int] = []
    lines: set[int] = set()

    def watch(now: Progress) -> None:
        if now.stage == "denoise":
            seen.append(now.step)
            lines.add(proxy.met)
        if len(seen) == STEPS - 1:
            walker.last.set()

    with tools.running(lambda name: walker, **settings) as running, Client(proxy.url) as leffa:
        proxy.lead_to(running.base_url)
        proxy.plan.extend([Fault(down=3000), Fault(down=1800), Fault(lost=b"events"), Fault(down=1600)])
        assert leffa.tryon(small_png, small_png, progress=watch, timeout=60).image
    # Of the last step the final state may be all that is told.
    assert seen in (list(range(1, STEPS + 1)), list(range(1, STEPS)))
    assert proxy.met >= 3 and len(lines) >= 2


def test_a_job_outlives_its_service(tools, proxy, settings, small_png) -> None:
    walker = Walker(tools, pace=0.0)
    seen: list[Progress] = []

    async def wait() -> bytes:
        async with AsyncClient(proxy.url) as leffa:
            job = await leffa.submit(small_png, small_png, seed=4)
            submitted.set()
            result = await job.wait(seen.append, timeout=60)
            assert job.facts.attempt == 2
            return result.image

    def run() -> None:
        images.append(asyncio.run(wait()))

    submitted, images = threading.Event(), list[bytes]()
    thread = threading.Thread(target=run)
    with tools.running(lambda name: walker, stop_seconds=0, **settings) as first:
        proxy.lead_to(first.base_url)
        thread.start()
        assert submitted.wait(10)
        tools.until(lambda: any(now.step == STEPS - 1 for now in seen))
        proxy.target = None
    walker.last.set()
    with tools.running(lambda name: walker, **settings) as second:
        proxy.lead_to(second.base_url)
        thread.join(60)
    assert len(images) == 1 and walker.made == 1


def test_a_cancellation_is_sent_again_and_deletes_nothing(tools, proxy, settings, small_png) -> None:
    walker = Walker(tools)
    with tools.running(lambda name: walker, **settings) as running:
        proxy.lead_to(running.base_url)
        proxy.plan.append(Fault(lost=b"DELETE"))
        with Client(proxy.url) as leffa:
            job = leffa.submit(small_png, small_png)
            job.cancel()
            assert proxy.met == 1
            with pytest.raises(errors.JobCancelled):
                job.wait(timeout=30)
            assert job.refresh().state == "cancelled"


def test_a_silent_line_is_given_up(tools, proxy, settings, small_png) -> None:
    with tools.running(lambda name: tools.Puppet(), **settings) as running:
        proxy.lead_to(running.base_url)
        proxy.plan.append(Fault(silent=True))
        with Client(proxy.url, timeout=0.5) as leffa:
            leffa.submit(small_png, small_png)
            assert len(leffa.history()) == 1


def test_nobody_there_is_an_error_of_the_tree(small_png) -> None:
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with Client(url, retries=1) as leffa, pytest.raises(errors.Unreachable, match="/jobs"):
            leffa.submit(small_png, small_png)
    with Client("ftp://nowhere") as leffa, pytest.raises(errors.Unreachable):
        leffa.health()


@pytest.mark.parametrize(
    ("answer", "kind", "retry_after"),
    [
        (httpx2.Response(502, text="<h1>Bad Gateway</h1>"), errors.Unavailable, None),
        (httpx2.Response(503, json=["odd"], headers={"Retry-After": "7"}), errors.Unavailable, 7),
        (httpx2.Response(404, json={"code": "not_found", "detail": "No."}), errors.LeffaError, None),
        (httpx2.Response(429, json={"code": "rate_limited", "detail": "No."}), errors.TooManyRequests, None),
        (
            httpx2.Response(503, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
            errors.Unavailable,
            0,
        ),
        (httpx2.Response(503, headers={"Retry-After": "soon"}), errors.Unavailable, None),
    ],
    ids=str,
)
def test_answers_from_between_are_errors_too(answer, kind, retry_after) -> None:
    error = error_of(answer)
    assert type(error) is kind and error.retry_after == retry_after


@pytest.mark.parametrize(
    ("request_", "answer", "tried_again"),
    [
        (Send("POST", "/jobs"), httpx2.Response(502), True),
        (Send("POST", "/jobs"), httpx2.Response(429, headers={"Retry-After": "3"}), True),
        (Send("POST", "/jobs"), httpx2.Response(429, headers={"Retry-After": "3600"}), False),
        (Send("POST", "/jobs"), httpx2.Response(503, json={"code": "out_of_memory"}), False),
        (Send("POST", "/jobs"), httpx2.Response(500), False),
        (Send("DELETE", "/jobs/1", repeatable=False), httpx2.Response(504), False),
        (Send("DELETE", "/jobs/1", repeatable=False), httpx2.Response(503), True),
    ],
    ids=str,
)
def test_only_what_may_help_is_tried_again(
    request_: Send, answer: httpx2.Response, tried_again: bool
) -> None:
    steps = ask(request_, retries=1)
    assert next(steps) is request_
    if not tried_again:
        with pytest.raises(errors.LeffaError):
            steps.send(answer)
        return
    assert isinstance(steps.send(answer), Sleep)
    assert steps.send(None) is request_
    with pytest.raises(errors.LeffaError):
        steps.send(answer)
