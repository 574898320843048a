"""The engine of a single machine: one worker thread, one pool of models, one line."""

import logging
import queue
from collections.abc import Sequence
from threading import Lock, Thread
from time import monotonic
from typing import Any

from leffa.engine.memory import as_out_of_memory
from leffa.engine.pool import Pool, explain
from leffa.engine.protocol import Facts, Job, Model, ModelStatus, State, Status
from leffa.errors import Cancelled, LeffaError, ModelFailed, ModelLoading, OutOfMemory, QueueFull

logger = logging.getLogger(__name__)
STOP_SECONDS = 10.0
LOADING_SECONDS = 5
SPEED_MEMORY = 0.7
RETRY_SECONDS = 30.0


class LocalEngine:
    """Loads models and runs jobs in a thread of its own, so that nothing else has to wait.

    The pool is used in that thread; ``queue_size`` is the number of jobs that may wait while one runs.
    """

    def __init__(self, pool: Pool, queue_size: int) -> None:
        self._pool = pool
        self._queue_size = queue_size
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = Lock()
        self._depth = 0
        self._job_seconds = 0.0  # running mean
        self._running: Job | None = None
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
        reason = self._shortcoming() if self._begun else ""
        state: State = "loading" if not self._begun else "failed" if reason else "ready"
        return Status(state, reason, self._depth, monotonic() - self._started)

    @property
    def models(self) -> list[ModelStatus]:
        """Where every known model stands, best first, answered from memory."""
        return list(self._pool.statuses.values())

    @property
    def default(self) -> ModelStatus:
        """The model that answers where nothing else decides."""
        return self._pool.statuses[self._pool.shelf.default]

    def choose(self, task: str, garment_type: str | None = None, wanted: str | None = None) -> str:
        """The id of the model for a request; raises UnknownModel, ModelLoading or ModelFailed."""
        failed = {status.known.id: status.reason for status in self.models if status.state == "failed"}
        if not self.default.known.usable:
            failed[self.default.known.id] = self._shortcoming()
        chosen = self._pool.shelf.choose(task, garment_type, wanted, failed).id
        if not self._begun:
            raise ModelLoading(retry_after=LOADING_SECONDS)
        if chosen in failed:
            raise ModelFailed(f"{chosen} could not be loaded: {failed[chosen]}")
        return chosen

    def submit(self, model: str, requests: Sequence[Any]) -> Job:
        """Put one job for a chosen model in line; raises QueueFull."""
        job = Job(model, requests)
        with self._lock:
            if self._depth > self._queue_size:
                wait = max(1, round(self._depth * self._job_seconds))
                raise QueueFull(f"{self._queue_size} requests are waiting already.", retry_after=wait)
            self._depth += 1
        self._jobs.put(job)
        return job

    def stop(self) -> None:
        """Stop the running job, drop the waiting ones and end; waits a few seconds for the thread."""
        self._stopping = True
        if self._running is not None:
            self._running.cancel()
        self._jobs.put(None)
        if self._worker.is_alive():
            self._worker.join(STOP_SECONDS)

    def _work(self) -> None:
        self._pool.survey()
        self._try_default()
        self._begun = True
        while (job := self._next()) is not None:
            self._running = job
            begun = monotonic()
            self._run(job)
            self._running = None
            self._end_turn(monotonic() - begun)

    def _next(self) -> Job | None:
        """The next job; as long as nobody waits, models are loaded ahead and a default that lacks memory."""
        while True:
            while self._jobs.empty() and self._load_ahead():
                continue
            lacks_memory = self.default.state == "waiting" and self.default.reason
            try:
                return self._jobs.get(timeout=RETRY_SECONDS if lacks_memory else None)
            except queue.Empty:
                self._try_default()

    def _load_ahead(self) -> bool:
        try:
            return self._pool.load_ahead()
        except Exception as error:  # the device itself; requests are told when they meet it
            logger.warning("Nothing was loaded ahead.", exc_info=error)
            return False

    def _end_turn(self, seconds: float) -> None:
        usual = self._job_seconds or seconds
        with self._lock:
            self._depth -= 1
            self._job_seconds = SPEED_MEMORY * usual + (1 - SPEED_MEMORY) * seconds

    def _try_default(self) -> None:
        """Once it is there the service is ready; without it others still answer when they are named."""
        try:
            self._pool.get(self._pool.shelf.default)
        except Exception as error:  # the pool's status keeps the reason
            logger.warning("The default model is not there: %s", explain(error))

    def _shortcoming(self) -> str:
        """Why the default model cannot answer now; empty where it can, or will be loaded for a request."""
        known = self.default.known
        try:
            self._pool.shelf.named(known.id, known.task)
        except LeffaError as error:
            return explain(error)
        return self.default.reason

    def _run(self, job: Job) -> None:
        """Give the job's future an answer, whatever happens: somebody waits for it."""
        job.queue_seconds = monotonic() - job.submitted
        if not job.future.set_running_or_notify_cancel():
            return
        try:
            answer = self._answer(job)
        except BaseException as error:
            answer = _as_leffa_error(error)
        if isinstance(answer, LeffaError):
            job.future.set_exception(answer)
        else:
            job.future.set_result(answer)

    def _answer(self, job: Job) -> list[Any] | LeffaError:
        """For want of memory try again without the other models, then without this one resting there."""
        answer = self._attempt(job)
        for make_room in (self._pool.keep_only, self._pool.offload):
            if isinstance(answer, OutOfMemory) and make_room(job.model):
                answer = self._attempt(job)
        return answer

    def _attempt(self, job: Job) -> list[Any] | LeffaError:
        try:
            begun = monotonic()
            model = self._pool.get(job.model)
            job.load_seconds = monotonic() - begun
            job.facts = Facts.of(model)
            return [self._make(model, job, request) for request in job.requests]
        except Exception as error:
            return _as_leffa_error(error)

    def _make(self, model: Model, job: Job, request: Any) -> Any:
        if job.cancelled or self._stopping:
            raise Cancelled()
        return model(request, job.report, lambda: job.cancelled or self._stopping)


def _as_leffa_error(error: BaseException) -> LeffaError:
    if shortage := as_out_of_memory(error):
        return shortage
    if isinstance(error, LeffaError):
        return error
    logger.error("The model failed.", exc_info=error)
    return LeffaError()
