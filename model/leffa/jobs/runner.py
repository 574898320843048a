"""Takes jobs in turn, has the engine do them, and writes down what came of it."""

import logging
from base64 import b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from threading import Event, Thread
from time import monotonic
from typing import Any, Protocol
from uuid import uuid4

from leffa.engine.protocol import Engine, Made, Progress, Turn, Work
from leffa.errors import Cancelled, EngineDied, EngineFailed, LeffaError, PartMissing, StorageFailed, describe
from leffa.jobs.files import Files
from leffa.jobs.hub import FINAL_NUMBER, NUMBERS_AN_ATTEMPT, Hub, News
from leffa.jobs.job import Job, State
from leffa.jobs.speed import Speed
from leffa.jobs.store import Store

logger = logging.getLogger(__name__)
IDLE_SECONDS = 1.0  # between two looks for jobs that another service has put in line
BEAT_SECONDS = 5.0
STORAGE_SECONDS = 2.0
STORAGE_TRIES = 5
MOST_DEATHS = 3
INTERACTIVE_IN_A_ROW = 4  # then one of the batch, or a busy day would starve it
END_SECONDS = 5.0


class Observer(Protocol):
    """Who measures."""

    def step(self, model: str, seconds: float) -> None:
        """A denoising step was done."""

    def ended(self, job: Job, state: State, results: Sequence[dict[str, Any]]) -> None:
        """A job is over."""


@dataclass
class Running:
    """The job at work, with what is known of it."""

    job: Job
    turn: Turn | None = None  # until the engine has taken it
    begun: float = field(default_factory=monotonic)
    progress: Progress | None = None
    stepped: float = 0.0  # when the last denoising step ended


class Runner:
    """One thread that does jobs, one at a time. ``marked``: whether pictures say that AI made them.

    ``changed`` is called after every change of the line, and may take a moment.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        files: Files,
        hub: Hub,
        speed: Speed,
        marked: bool,
        observer: Observer,
        changed: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._store = store
        self._files = files
        self._hub = hub
        self._speed = speed
        self._marked = marked
        self._observer = observer
        self._changed = changed
        self._name = uuid4().hex
        self._awake = Event()
        self._stopping = Event()
        self._deadline = 0.0
        self._in_a_row = 0
        self._lost_track = False  # a job of mine may be running by the book alone
        self.running: Running | None = None
        self._thread = Thread(target=self._loop, name="leffa-jobs", daemon=True)

    def start(self) -> None:
        """Begin to take jobs as soon as the engine can."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there is a job."""
        self._awake.set()

    def cancel(self, job: str) -> None:
        """Stop this job if it is the one at work; the book has it already."""
        running = self.running
        if running is not None and running.turn is not None and running.job.id == job:
            running.turn.cancel()

    def begin_stop(self, seconds: float) -> None:
        """Take no more jobs; the one at work may go on for so long, then it goes back in line."""
        self._deadline = monotonic() + seconds
        self._stopping.set()
        self._awake.set()

    def join(self) -> None:
        """Wait until the thread has ended, not much longer than was granted."""
        if self._thread.is_alive():
            self._thread.join(max(0.0, self._deadline - monotonic()) + END_SECONDS)

    def _loop(self) -> None:
        while not self._stopping.is_set():
            try:
                self._turn()
            except StorageFailed as error:
                logger.error("No job can be taken now: %s", error.detail)
                self._lose_track()
            except Exception as error:  # nobody would ever do a job again if this thread ended
                logger.error("No job can be taken now.", exc_info=error)
                self._lose_track()

    def _lose_track(self) -> None:
        """Something was not written down: wait a while, then put back in line what this runner had."""
        self._lost_track = True
        self._stopping.wait(STORAGE_SECONDS)

    def _turn(self) -> None:
        """Do the next job, or wait a while for one."""
        job = self._claim()
        if job is None:
            self._awake.wait(IDLE_SECONDS)
            self._awake.clear()
        else:
            self._do(job)

    def _claim(self) -> Job | None:
        if self._engine.status.state == "loading":
            return None
        if self._lost_track:
            self._store.release(self._name)
            self._lost_track = False
        job = self._store.claim(self._name, self._in_a_row >= INTERACTIVE_IN_A_ROW)
        if job is not None:
            self._in_a_row = self._in_a_row + 1 if job.priority == "interactive" else 0
        return job

    def _do(self, job: Job) -> None:
        self._publish(job, 1)
        self._hub.stir()
        self._changed()
        try:
            self._end(job, self._attempt(job))
        except StorageFailed as error:
            logger.error("The job %s goes back in line: %s", job.id, error.detail)
            self._lose_track()
        finally:
            self.running = None
            self._changed()
            self._publish(job, FINAL_NUMBER)
            self._hub.forget(job.id)

    def _attempt(self, job: Job) -> Sequence[Made] | LeffaError:
        """What the engine makes of a job, or what stopped it. Raises StorageFailed."""
        try:
            inputs = {name: self._files.read(job.id, name) for name in job.inputs}
        except PartMissing:  # it will not come back, and would block the line for ever
            return StorageFailed("A picture of the job is gone.", fix="Order it again.")
        work = Work(
            job.task, job.model, job.options, inputs, tuple(job.seeds), job.output_format, self._marked
        )
        running = self.running = Running(job)  # before the engine tells of it
        running.turn = turn = self._engine.submit(work, partial(self._tell, job, count(2)))
        self._beat(job, turn)  # it may have been cancelled since it was claimed
        try:
            return self._wait(job, turn)
        except LeffaError as error:
            return error

    def _wait(self, job: Job, turn: Turn) -> Sequence[Made]:
        renewed = monotonic()
        while not wait([turn.future], timeout=0.2).done:
            now = monotonic()
            if self._stopping.is_set() and now > self._deadline:
                turn.cancel()
                if now > self._deadline + END_SECONDS / 2:
                    raise Cancelled()
            if now - renewed > BEAT_SECONDS:
                renewed = now
                self._beat(job, turn)
        return turn.future.result()

    def _beat(self, job: Job, turn: Turn) -> None:
        try:
            if self._store.renew(job):
                turn.cancel()
        except StorageFailed as error:  # the work goes on; its end is written when that works again
            logger.warning("The lease of %s was not renewed: %s", job.id, error.detail)

    def _end(self, job: Job, answer: Sequence[Made] | LeffaError) -> None:
        if isinstance(answer, EngineDied) and job.deaths + 1 < MOST_DEATHS:
            self._store.give_up(job, died=True)
        elif isinstance(answer, EngineDied):
            self._finish(job, "failed", error=EngineFailed(f"The engine ended {MOST_DEATHS} times."))
        elif isinstance(answer, Cancelled) and self._stopping.is_set():
            self._store.give_up(job, died=False)
        elif isinstance(answer, Cancelled):
            self._finish(job, "cancelled")
        elif isinstance(answer, LeffaError):
            self._finish(job, "failed", error=answer)
        else:
            self._succeed(job, answer)

    def _succeed(self, job: Job, made: Sequence[Made]) -> None:
        if self.running is not None:
            self._speed.learn(job, monotonic() - self.running.begun)
        for last in range(STORAGE_TRIES):
            try:
                results = [self._keep(job, number, one) for number, one in enumerate(made)]
                break
            except StorageFailed as error:
                if last == STORAGE_TRIES - 1 or self._stopping.wait(STORAGE_SECONDS):
                    self._finish(job, "failed", error=error)
                    return
        self._finish(job, "succeeded", results)

    def _keep(self, job: Job, number: int, made: Made) -> dict[str, Any]:
        """Write the parts of one answer; nobody is told of them before the book is."""
        names = {part: f"{job.attempt}-{number}-{part}" for part in made.parts}
        for part, name in names.items():
            self._files.write(job.id, name, made.parts[part])
        return {**made.facts, "parts": names}

    def _finish(
        self,
        job: Job,
        state: State,
        results: list[dict[str, Any]] | None = None,
        error: LeffaError | None = None,
    ) -> None:
        members = describe(error) if error else None
        if not self._store.finish(job, state, results or [], members):
            logger.warning("The job %s was taken over; what this attempt made is dropped.", job.id)
            return
        self._observer.ended(job, state, results or [])

    def _tell(self, job: Job, numbers: "count[int]", progress: Progress) -> None:
        running = self.running
        if running is None or running.job is not job:
            return
        self._time_step(running, progress)
        running.progress = progress
        seconds = self._speed.left(job, progress, monotonic() - running.begun)
        data = {
            "stage": progress.stage,
            "step": progress.step,
            "total": progress.total,
            "seconds_left": round(seconds, 1),
            "preview": _data_uri(progress.preview),
        }
        number = job.attempt * NUMBERS_AN_ATTEMPT + next(numbers)
        self._hub.publish(News(job.id, number, "progress", data))

    def _time_step(self, running: Running, progress: Progress) -> None:
        if progress.stage != "denoise" or progress.preview:
            return
        now = monotonic()
        if running.progress is not None and running.progress.stage == "denoise":
            self._observer.step(running.job.model, now - running.stepped)
        running.stepped = now

    def _publish(self, job: Job, number: int) -> None:
        self._hub.publish(News(job.id, job.attempt * NUMBERS_AN_ATTEMPT + number, "state", {}))


def _data_uri(webp: bytes) -> str | None:
    return f"data:image/webp;base64,{b64encode(webp).decode()}" if webp else None
