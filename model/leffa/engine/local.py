"""The engine of a single machine: one worker thread, one model, one line."""

import logging
import queue
from collections.abc import Callable, Sequence
from threading import Lock, Thread
from time import monotonic
from typing import Any

from leffa.engine.protocol import Job, Model, State, Status
from leffa.errors import Cancelled, LeffaError, ModelFailed, ModelLoading, OutOfMemory, QueueFull

logger = logging.getLogger(__name__)
STOP_SECONDS = 10.0
LOADING_SECONDS = 5
SPEED_MEMORY = 0.7
OUT_OF_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory")


class LocalEngine:
    """Loads a model and runs jobs in a thread of its own, so that nothing else has to wait.

    ``load`` is called in that thread; ``queue_size`` is the number of jobs that may wait while one runs.
    """

    def __init__(self, load: Callable[[], Model], queue_size: int) -> None:
        self._load = load
        self._queue_size = queue_size
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = Lock()
        self._depth = 0
        self._job_seconds = 0.0  # running mean
        self._running: Job | None = None
        self._stopping = False
        self._state: State = "loading"
        self._reason = ""
        self._model: Model | None = None
        self._started = monotonic()
        self._worker = Thread(target=self._work, name="leffa-engine", daemon=True)

    def start(self) -> None:
        """Begin to load the model, in the background."""
        self._worker.start()

    @property
    def status(self) -> Status:
        """What the engine is doing, answered from memory."""
        return Status(self._state, self._reason, self._depth, monotonic() - self._started)

    @property
    def model(self) -> Model:
        """The loaded model; raises ModelLoading or ModelFailed."""
        if self._state == "failed":
            raise ModelFailed(f"The model could not be loaded: {self._reason}")
        if self._model is None:
            raise ModelLoading(retry_after=LOADING_SECONDS)
        return self._model

    def submit(self, requests: Sequence[dict[str, Any]]) -> Job:
        """Put one job in line; raises ModelLoading, ModelFailed or QueueFull."""
        _ = self.model
        job = Job(requests)
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
        if not self._load_model():
            return
        while (job := self._jobs.get()) is not None:
            self._running = job
            begun = monotonic()
            self._run(job)
            self._running = None
            self._end_turn(monotonic() - begun)

    def _end_turn(self, seconds: float) -> None:
        usual = self._job_seconds or seconds
        with self._lock:
            self._depth -= 1
            self._job_seconds = SPEED_MEMORY * usual + (1 - SPEED_MEMORY) * seconds

    def _load_model(self) -> bool:
        try:
            self._model = self._load()
        except Exception as error:
            logger.exception("The model could not be loaded.")
            self._reason = error.detail if isinstance(error, LeffaError) else repr(error)
            self._state = "failed"
            return False
        self._state = "ready"
        return True

    def _run(self, job: Job) -> None:
        job.queue_seconds = monotonic() - job.submitted
        if not job.future.set_running_or_notify_cancel():
            return
        try:
            job.future.set_result([self._make(job, fields) for fields in job.requests])
        except Exception as error:
            job.future.set_exception(_as_leffa_error(error))

    def _make(self, job: Job, fields: dict[str, Any]) -> Any:
        # Imported here: this thread has loaded torch by now, and the threads that answer never need it.
        from leffa.tryon import TryOnRequest

        if job.cancelled or self._stopping:
            raise Cancelled()
        return self.model(TryOnRequest(**fields), job.report, lambda: job.cancelled or self._stopping)


def _as_leffa_error(error: Exception) -> LeffaError:
    if isinstance(error, LeffaError):
        return error
    # Both torch's CPU allocator and CUDA raise RuntimeErrors that only their text tells apart.
    if isinstance(error, MemoryError) or any(words in str(error).lower() for words in OUT_OF_MEMORY_WORDS):
        return OutOfMemory()
    logger.error("The model failed.", exc_info=error)
    return LeffaError()
