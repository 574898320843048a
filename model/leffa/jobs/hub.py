"""Who wants to know what of a job: news from worker threads to whoever listens on an event loop."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal

NUMBERS_AN_ATTEMPT = 10_000_000
FINAL_NUMBER = NUMBERS_AN_ATTEMPT - 1
KEPT = 256  # news of a job that a listener who comes back can still get
LONGEST_LINE = 64
LOOK_SECONDS = 2.0  # news of a job that another service does come through the database alone


@dataclass(frozen=True)
class News:
    """Something that happened. Numbers rise within a job, across restarts too.

    kind: "state" (look at the job again), "progress" (data: stage, step, total, seconds_left, preview),
    "queue" (the line has moved), "stop" (the service ends).
    """

    job: str
    number: int
    kind: Literal["state", "progress", "queue", "stop"]
    data: dict[str, Any]


class Listener:
    """One who listens to one job, on the event loop where it was made."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._line: asyncio.Queue[News] = asyncio.Queue(LONGEST_LINE)

    async def next(self, seconds: float) -> News | None:
        """What happens next; None when nothing did for so long."""
        with suppress(TimeoutError):
            return await asyncio.wait_for(self._line.get(), seconds)
        return None

    def tell(self, news: News) -> None:
        """Pass news on, from any thread."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._put, news)

    def _put(self, news: News) -> None:
        if self._line.full():  # who reads slowly misses what is oldest; the state can always be asked for
            self._line.get_nowait()
        self._line.put_nowait(news)


class Hub:
    """Passes news on. Any thread may publish."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._listeners: dict[str, set[Listener]] = {}
        self._past: dict[str, deque[News]] = {}
        self._stopped = False

    @contextmanager
    def listen(self, job: str) -> Iterator[Listener]:
        """A listener to a job, as long as the block lasts."""
        listener = Listener()
        with self._lock:
            self._listeners.setdefault(job, set()).add(listener)
            if self._stopped:
                listener.tell(News(job, 0, "stop", {}))
        try:
            yield listener
        finally:
            with self._lock:
                self._listeners[job].discard(listener)
                if not self._listeners[job]:
                    del self._listeners[job]

    def publish(self, news: News) -> None:
        """Tell those who listen to the job, and keep it a while for those who come back."""
        with self._lock:
            self._past.setdefault(news.job, deque(maxlen=KEPT)).append(news)
            listeners = list(self._listeners.get(news.job, ()))
        for listener in listeners:
            listener.tell(news)

    def since(self, job: str, number: int) -> list[News]:
        """The progress that a listener missed who has seen up to `number`."""
        with self._lock:
            return [
                news for news in self._past.get(job, ()) if news.number > number and news.kind == "progress"
            ]

    def forget(self, job: str) -> None:
        """Keep nothing of a job that is over."""
        with self._lock:
            self._past.pop(job, None)

    def stir(self) -> None:
        """Tell everybody that the line has moved."""
        self._tell_all("queue")

    def stop(self) -> None:
        """Tell everybody, and who comes later, that the service ends."""
        self._stopped = True
        self._tell_all("stop")

    def _tell_all(self, kind: Literal["queue", "stop"]) -> None:
        with self._lock:
            everybody = [(job, listener) for job, those in self._listeners.items() for listener in those]
        for job, listener in everybody:
            listener.tell(News(job, 0, kind, {}))
