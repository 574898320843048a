"""The engine of a single machine: one worker thread, one pool of models, one line."""

import logging
import queue
from threading import Thread
from time import monotonic

from leffa.engine import workbench
from leffa.engine.choice import shortcoming
from leffa.engine.memory import as_out_of_memory
from leffa.engine.pool import Pool, explain
from leffa.engine.protocol import Made, ModelStatus, Progress, State, Status, Turn, Watch, Work
from leffa.engine.shelf import Shelf
from leffa.errors import Cancelled, LeffaError, OutOfMemory
from leffa.images import DEFAULT_LIMITS, Limits

logger = logging.getLogger(__name__)
STOP_SECONDS = 10.0
RETRY_SECONDS = 30.0


class LocalEngine:
    """Loads models and does work in a thread of its own, so that nothing else has to wait.

    The pool is used in that thread alone; ``limits`` bound the pictures that are decoded there.
    With ``warm_up`` the default model does one step before the engine is ready.
    """

    def __init__(self, pool: Pool, limits: Limits = DEFAULT_LIMITS, warm_up: bool = False) -> None:
        self._pool = pool
        self._limits = limits
        self._warm_up = warm_up
        self._turns: queue.SimpleQueue[Turn | None] = queue.SimpleQueue()
        self._stopping = False
        self._begun = False  # to answer: the default was tried
        self._started = monotonic()
        self._worker = Thread(target=self._work, name="leffa-engine", daemon=True)

    def start(self) -> None:
        """Begin to load models, in the background: the default first, others while nobody waits."""
        self._worker.start()

    @property
    def status(self) -> Status:
        """What the engine is doing, answered from memory; its state is that of the default model."""
        reason = shortcoming(self.shelf, self.default) if self._begun else ""
        state: State = "loading" if not self._begun else "failed" if reason else "ready"
        uptime = monotonic() - self._started
        return Status(state, reason, uptime, memory=self._pool.memory_used() if self._begun else {})

    @property
    def shelf(self) -> Shelf:
        """Which models there are."""
        return self._pool.shelf

    @property
    def models(self) -> list[ModelStatus]:
        """Where every known model stands, best first, answered from memory."""
        return list(self._pool.statuses.values())

    @property
    def default(self) -> ModelStatus:
        """The model that answers where nothing else decides."""
        return self._pool.statuses[self._pool.shelf.default]

    def submit(self, work: Work, watch: Watch) -> Turn:
        """Put work in line; `watch` is told how it goes, from the engine's thread."""
        turn = Turn(work, watch)
        self._turns.put(turn)
        return turn

    def stop(self) -> None:
        """Stop the running turn, drop the waiting ones and end; waits a few seconds for the thread."""
        self._stopping = True
        self._turns.put(None)
        if self._worker.is_alive():
            self._worker.join(STOP_SECONDS)

    def _work(self) -> None:
        self._pool.survey()
        if not self._pool.sees_gpu():
            logger.info(
                "No GPU is seen here: everything runs on the processor. docs/deployment.md lets one in."
            )
        self._try_default()
        self._begun = True
        while (turn := self._next()) is not None:
            self._run(turn)

    def _next(self) -> Turn | None:
        """The next turn; as long as nobody waits, models are loaded ahead and a default that lacks memory."""
        while True:
            while self._turns.empty() and self._load_ahead():
                continue
            lacks_memory = self.default.state == "waiting" and self.default.reason
            try:
                return self._turns.get(timeout=RETRY_SECONDS if lacks_memory else None)
            except queue.Empty:
                self._try_default()

    def _load_ahead(self) -> bool:
        try:
            return self._pool.load_ahead()
        except Exception as error:  # the device itself; requests are told when they meet it
            logger.warning("Nothing was loaded ahead.", exc_info=error)
            return False

    def _try_default(self) -> None:
        """Once it is there the service is ready; without it others still answer when they are named."""
        try:
            model = self._pool.get(self._pool.shelf.default)
            if self._warm_up and not self._begun:
                model.warm_up()
        except Exception as error:  # the pool's status keeps the reason
            logger.warning("The default model is not there: %s", explain(error))

    def _run(self, turn: Turn) -> None:
        """Give the turn's future an answer, whatever happens: somebody waits for it."""
        if not turn.future.set_running_or_notify_cancel():
            return
        try:
            answer = self._answer(turn)
        except BaseException as error:
            answer = _as_leffa_error(error)
        if isinstance(answer, LeffaError):
            turn.future.set_exception(answer)
        else:
            turn.future.set_result(answer)

    def _answer(self, turn: Turn) -> list[Made] | LeffaError:
        """For want of memory try again without the other models, then without this one resting there."""
        answer = self._attempt(turn)
        for make_room in (self._pool.keep_only, self._pool.offload):
            if isinstance(answer, OutOfMemory) and make_room(turn.work.model):
                answer = self._attempt(turn)
        return answer

    def _attempt(self, turn: Turn) -> list[Made] | LeffaError:
        def cancelled() -> bool:
            return turn.cancelled or self._stopping

        try:
            if cancelled():
                raise Cancelled()
            if turn.work.task == "check":
                return workbench.check(turn.work, self._limits)
            turn.watch(Progress("load", 0, 1))
            model = self._pool.get(turn.work.model)
            return workbench.do(model, turn.work, turn.watch, cancelled, self._limits)
        except Exception as error:
            return _as_leffa_error(error)


def _as_leffa_error(error: BaseException) -> LeffaError:
    if shortage := as_out_of_memory(error):
        return shortage
    if isinstance(error, LeffaError):
        return error
    logger.error("The model failed.", exc_info=error)
    return LeffaError()
