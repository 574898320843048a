"""What runs inside the engine's own process: a LocalEngine at the end of a pipe."""

import logging
import os
import signal
from functools import partial
from multiprocessing.connection import Connection
from threading import Lock
from time import monotonic
from typing import Any

from leffa.engine.local import LocalEngine
from leffa.engine.pool import open_pool
from leffa.engine.protocol import Progress, Turn, Work
from leffa.settings import Settings

STATE_SECONDS = 0.1
BEHIND = 5  # on a busy machine the service answers first; a picture is in no hurry of milliseconds
MEMORY_SECONDS = 5.0  # between two reports where nothing but memory changes


def run_child(settings: Settings, pipe: Connection) -> None:
    """Serve the pipe until its other end is gone, whatever is running then."""
    # Ctrl-C reaches the whole group: the parent decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(BEHIND)
    logging.basicConfig(level=settings.log_level.upper())
    try:
        _Child(settings, pipe).serve()
    except (EOFError, OSError):
        os._exit(0)


class _Child:
    def __init__(self, settings: Settings, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = Lock()
        self._engine = LocalEngine(open_pool(settings), settings.limits, settings.warm_up)
        self._turns: dict[int, Turn] = {}

    def serve(self) -> None:
        self._engine.start()
        told: Any = None
        told_at = 0.0
        while True:
            if self._pipe.poll(STATE_SECONDS):
                kind, *rest = self._pipe.recv()
                getattr(self, f"_on_{kind}")(*rest)
            state = (self._engine.status.state, self._engine.status.reason, self._engine.models)
            if state != told or monotonic() - told_at > MEMORY_SECONDS:
                told, told_at = state, monotonic()
                self._send("state", self._engine.status, self._engine.models)

    def _on_work(self, number: int, work: Work) -> None:
        def tell(progress: Progress) -> None:
            self._send("progress", number, progress)

        turn = self._engine.submit(work, tell)
        self._turns[number] = turn
        turn.future.add_done_callback(partial(self._answer, number))

    def _on_cancel(self, number: int) -> None:
        if number in self._turns:
            self._turns[number].cancel()

    def _answer(self, number: int, future: Any) -> None:
        self._turns.pop(number, None)
        self._send("answer", number, future.exception() or future.result())

    def _send(self, *message: Any) -> None:
        with self._lock:
            self._pipe.send(message)
