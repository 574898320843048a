"""The engine in a process of its own: watched, killed when it hangs, started again when it ends.

The child runs a LocalEngine. Down the pipe go work and cancellations, up come progress, answers and the state
of the models. A turn that was in the child when it ended gets EngineDied, and can be tried again elsewhere.
"""

import logging
import multiprocessing as mp
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import count
from multiprocessing.connection import Connection
from threading import Lock, Thread
from time import monotonic, sleep
from typing import Any

from leffa.engine.child import run_child
from leffa.engine.pool import at_rest
from leffa.engine.protocol import ModelStatus, Progress, Status, Turn, Watch, Work
from leffa.engine.shelf import Shelf, find_shelf
from leffa.errors import Cancelled, EngineDied
from leffa.settings import Settings

logger = logging.getLogger(__name__)
LONGEST_SILENCE = 900.0  # seconds without news while a model loads, or before anything was measured
LEAST_SILENCE = 60.0
TIMES_USUAL = 10.0
KILL_SECONDS = 5.0
LONGEST_REST = 30.0


@dataclass
class _Pending:
    """A turn in the child, and when it was last heard of."""

    turn: Turn
    heard: float = field(default_factory=monotonic)
    stage: str = "load"
    told_to_stop: bool = False


class ProcessEngine:
    """The Engine whose models live in a child process; ``settings`` must be picklable, as Settings are."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.shelf: Shelf = find_shelf(settings)
        self._models = [at_rest(known) for known in self.shelf.models.values()]
        self._state = Status("loading", "", 0.0)
        self._started = monotonic()
        self._restarts: Counter[str] = Counter()
        self._pending: dict[int, _Pending] = {}
        self._numbers = count()
        self._slowest: dict[str, float] = {}  # longest silence of a stage, in seconds
        self._lock = Lock()
        # A lock of its own: a child that does not read must not keep itself from being killed.
        self._sending = Lock()
        self._stopping = False
        self._reason = "crash"
        self._child: mp.process.BaseProcess | None = None
        self._pipe: Connection | None = None
        self._threads = [
            Thread(target=self._keep_alive, name="leffa-engine-keeper", daemon=True),
            Thread(target=self._look_after, name="leffa-engine-watch", daemon=True),
        ]

    @property
    def status(self) -> Status:
        """What the engine is doing, answered from memory; its state is that of the default model."""
        uptime = monotonic() - self._started
        return replace(self._state, uptime_seconds=uptime, restarts=dict(self._restarts))

    @property
    def models(self) -> list[ModelStatus]:
        """Where every known model stands, best first, answered from memory."""
        return self._models

    @property
    def default(self) -> ModelStatus:
        """The model that answers where nothing else decides."""
        return next(status for status in self._models if status.known.id == self.shelf.default)

    @property
    def process_id(self) -> int | None:
        """The child's, while there is one."""
        return self._child.pid if self._child is not None else None

    def start(self) -> None:
        """Start the child and the threads that look after it."""
        for thread in self._threads:
            thread.start()

    def submit(self, work: Work, watch: Watch) -> Turn:
        """Send work to the child; `watch` is told how it goes, from a thread of this engine."""
        turn = Turn(work, watch)
        number = next(self._numbers)
        with self._lock:
            if self._pipe is None:
                turn.future.set_exception(EngineDied())
                return turn
            self._pending[number] = _Pending(turn)
        self._send("work", number, work)
        return turn

    def stop(self) -> None:
        """End the child, at once: what it was doing can be done again."""
        self._stopping = True
        self._kill("stopped")
        for thread in self._threads:
            if thread.is_alive():
                thread.join(KILL_SECONDS)

    def _keep_alive(self) -> None:
        """Start the child, hear it to its end, and again; ever more slowly where it ends at once."""
        rest = 0.5
        while not self._stopping:
            begun = monotonic()
            try:
                self._spawn()
            except OSError as error:  # no memory or no process is free: another time perhaps
                logger.error("No engine process can be started.", exc_info=error)
            else:
                self._hear()
                self._bury()
            if self._stopping:
                return
            rest = 0.5 if monotonic() - begun > LONGEST_REST else min(2 * rest, LONGEST_REST)
            logger.error("The engine process ended (%s); it is started again.", self._reason)
            self._reason = "crash"
            sleep(rest)

    def _spawn(self) -> None:
        context = mp.get_context("spawn")
        pipe, theirs = context.Pipe()
        child = context.Process(
            target=run_child, args=(self._settings, theirs), name="leffa-engine", daemon=True
        )
        child.start()
        theirs.close()
        with self._lock:
            self._child, self._pipe = child, pipe
        if self._stopping:
            self._kill("stopped")

    def _hear(self) -> None:
        assert self._pipe is not None
        while True:
            try:
                kind, *rest = self._pipe.recv()
            except (EOFError, OSError):
                return
            except Exception:  # an answer cut in the middle does not unpickle
                logger.exception("The engine process sent something unreadable.")
                self._kill("garbled")
                return
            getattr(self, f"_on_{kind}")(*rest)

    def _on_state(self, state: Status, models: list[ModelStatus]) -> None:
        self._state, self._models = state, models

    def _on_progress(self, number: int, progress: Progress) -> None:
        pending = self._pending.get(number)
        if pending is None:
            return
        now = monotonic()
        if pending.stage != "load":
            self._slowest[pending.stage] = max(now - pending.heard, self._slowest.get(pending.stage, 0.0))
        pending.heard, pending.stage = now, progress.stage
        pending.turn.watch(progress)

    def _on_answer(self, number: int, answer: Any) -> None:
        pending = self._pending.pop(number, None)
        if pending is None:
            return
        if isinstance(answer, BaseException):
            pending.turn.future.set_exception(answer)
        else:
            pending.turn.future.set_result(answer)

    def _bury(self) -> None:
        """Give up the child, and tell whoever waits for it."""
        assert self._child is not None
        with self._lock:
            self._state = Status("loading", "", 0.0)  # before anything is refused for want of a child
            self._pipe = None
            lost, self._pending = self._pending, {}
        if self._child.is_alive():
            self._child.kill()
        self._child.join()
        if not self._stopping:
            self._restarts[self._reason] += 1
        for pending in lost.values():
            stopped = pending.turn.cancelled or self._stopping
            pending.turn.future.set_exception(Cancelled() if stopped else EngineDied())

    def _look_after(self) -> None:
        """Pass cancellations on, and end a child that has been silent for too long."""
        while not self._stopping:
            sleep(0.05)
            for number, pending in list(self._pending.items()):
                if pending.turn.cancelled and not pending.told_to_stop:
                    pending.told_to_stop = True
                    self._send("cancel", number)
                if monotonic() - pending.heard > self._patience(pending.stage):
                    logger.error("The engine has been silent for too long in the stage %s.", pending.stage)
                    self._kill("wedged")

    def _patience(self, stage: str) -> float:
        if self._settings.step_seconds and stage != "load":
            return self._settings.step_seconds
        usual = self._slowest.get(stage)
        return LONGEST_SILENCE if usual is None else max(LEAST_SILENCE, TIMES_USUAL * usual)

    def _send(self, *message: Any) -> None:
        with self._sending:
            pipe = self._pipe
            if pipe is None:
                return
            try:
                pipe.send(message)
            except OSError:  # it has just ended, which the keeper finds out
                logger.warning("The engine process no longer listens.")

    def _kill(self, reason: str) -> None:
        self._reason = reason
        with self._lock:
            if self._child is not None and self._child.is_alive():
                self._child.kill()
