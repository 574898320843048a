"""The door of this room: orders in, news and pictures out."""

import fcntl
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic
from typing import IO
from uuid import uuid4

from leffa.engine.protocol import Engine, Progress
from leffa.errors import (
    JobMissing,
    LeffaError,
    PartMissing,
    QueueFull,
    Stopping,
    StorageFailed,
    TooManyJobs,
)
from leffa.jobs.database import MEMORY, open_database
from leffa.jobs.files import Files
from leffa.jobs.hub import FINAL_NUMBER, NUMBERS_AN_ATTEMPT, Hub, News
from leffa.jobs.job import Job, new_id
from leffa.jobs.runner import Observer, Runner
from leffa.jobs.speed import Speed
from leffa.jobs.store import Bounds, Page, Store
from leffa.jobs.webhooks import Postman
from leffa.settings import Settings

logger = logging.getLogger(__name__)
HOUSEKEEPING_SECONDS = 20.0
FORGETTING_SECONDS = 600.0  # how long a job is kept in memory where nothing is kept
LEARN_FROM = 50
STOP_RETRY_SECONDS = 10
KEY_OWNER = "key:"  # begins the owner of a job that was made with an API key


@dataclass(frozen=True)
class Standing:
    """Where an unfinished job stands. position: jobs before it in line, 0 for the next, None once it runs."""

    position: int | None
    seconds_left: float
    progress: Progress | None


class Desk:
    """Takes orders, keeps them, has them done, and knows where they stand. Any thread may use it."""

    def __init__(self, settings: Settings, engine: Engine, observer: Observer) -> None:
        self._settings = settings
        self._in_memory = settings.retention_hours == 0
        retention = FORGETTING_SECONDS if self._in_memory else settings.retention_hours * 3600
        self._lock_file = None if self._in_memory else _lock(settings)
        self.store = Store(open_database(_database_url(settings)), retention)
        self._files = Files(_files_url(settings))
        if not settings.alone and not settings.files_url:
            logger.warning(
                "Another service on this database needs the same LEFFA_FILES_URL, and this one has none."
            )
        self.hub = Hub()
        self._speed = Speed(reversed(self.store.recent(LEARN_FROM)))
        self._runner = Runner(
            engine,
            self.store,
            self._files,
            self.hub,
            self._speed,
            settings.provenance,
            observer,
            self._count,
        )
        self._postman = _postman(settings, self.store)
        self._suspects: set[str] = set()
        self._stopping = Event()
        self._keeper = Thread(target=self._keep_house, name="leffa-housekeeping", daemon=True)
        self.depth = 0

    def start(self) -> None:
        """Bring back what an earlier process left undone, and begin to do jobs."""
        alone = self._settings.alone
        if back := self.store.recover(alone):
            logger.info("%d jobs that were under way go back in line.", back)
        self._count()
        self._runner.start()
        self._keeper.start()
        if self._postman is not None:
            self._postman.start()

    def begin_stop(self) -> None:
        """Take no more orders, end all listening; the job at work may go on for a while."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._runner.begin_stop(self._settings.stop_seconds)
        self.hub.stop()

    def finish_job(self) -> None:
        """Wait for the job at work, as long as the settings allow; then it is back in line."""
        self.begin_stop()
        self._runner.join()

    def stop(self) -> None:
        """End everything else. The engine may be stopped before, to end a job that does not."""
        self.finish_job()
        if self._postman is not None:
            self._postman.stop()
        self.store.close()
        if self._lock_file is not None:
            self._lock_file.close()

    @property
    def stopping(self) -> bool:
        """Whether no more orders are taken."""
        return self._stopping.is_set()

    def accept(self, jobs: Sequence[Job], inputs: Sequence[Mapping[str, bytes]]) -> list[Job]:
        """Take orders, all or none, each with its input files; once this returns they are not lost.

        Those that the same idempotency key made before are found instead. Raises QueueFull, TooManyJobs,
        IdempotencyMismatch, StorageFailed and Stopping.
        """
        if self.stopping:
            raise Stopping(retry_after=STOP_RETRY_SECONDS)
        bounds = Bounds(self._settings.queue_size, self._settings.queue_per_client)
        try:
            for job, files in zip(jobs, inputs, strict=True):
                for name, data in files.items():
                    self._files.write(job.id, name, data)
            accepted = self.store.accept(jobs, bounds)
        except BaseException as error:
            self._drop_files(jobs)
            if isinstance(error, QueueFull | TooManyJobs):
                error.retry_after = max(1, round(self._wait_for(self.store.unfinished())))
            raise
        if accepted[0] is not jobs[0]:
            self._drop_files(jobs)
        self._count()
        self._runner.wake()
        return accepted

    def get(self, job: str, reader: str) -> Job:
        """A job. Raises JobMissing, also where it was made with an API key and the reader has another."""
        found = self.store.get(job)
        if found is None or (found.owner.startswith(KEY_OWNER) and found.owner != reader):
            raise JobMissing()
        return found

    def page(self, owner: str, limit: int, cursor: str | None) -> Page:
        """An owner's jobs, newest first; raises BadParameter for a cursor of no page."""
        return self.store.page(owner, limit, cursor)

    def standing(self, job: Job) -> Standing | None:
        """Where an unfinished job stands; None for one that is over."""
        if job.over:
            return None
        running = self._runner.running
        if running is not None and running.job.id == job.id:
            left = self._speed.left(job, running.progress, monotonic() - running.begun)
            return Standing(None, left, running.progress)
        unfinished = self.store.unfinished()
        ids = [other.id for other in unfinished]
        ahead = unfinished[: ids.index(job.id)] if job.id in ids else []
        waiting = sum(other.state == "queued" for other in ahead)
        position = waiting if job.state == "queued" else None
        return Standing(position, self._wait_for(ahead) + self._speed.expect(job), None)

    def part(self, job: Job, part: str, number: int) -> bytes:
        """A file of a finished job's picture. Raises PartMissing."""
        if not 0 <= number < len(job.results) or part not in job.results[number]["parts"]:
            raise PartMissing()
        return self._files.read(job.id, job.results[number]["parts"][part])

    def input(self, job: Job, name: str) -> bytes:
        """An input file of a job. Raises PartMissing."""
        if name not in job.inputs:
            raise PartMissing()
        return self._files.read(job.id, name)

    def replace_part(self, job: Job, part: str, data: bytes) -> None:
        """Put other content in place of a part of the first picture; readers see the old or the new one."""
        first, *others = job.results
        name = f"{job.attempt}-0-{part}-edited-{new_id()}"  # two edits at once write two files
        self._files.write(job.id, name, data)
        parts = {**first["parts"], part: name}
        self.store.rewrite(job, [{**first, "parts": parts}, *others])

    def cancel(self, job: Job) -> Job:
        """Cancel an unfinished job: at once where it waits, within a step where it runs."""
        now = self.store.cancel(job.id)
        if now is None:
            raise JobMissing()
        self._runner.cancel(job.id)
        if now.over:
            self.hub.publish(News(job.id, now.attempt * NUMBERS_AN_ATTEMPT + FINAL_NUMBER, "state", {}))
            self.hub.forget(job.id)
            self.hub.stir()
        self._count()
        return now

    def remove(self, job: Job) -> None:
        """Delete a finished job: row, inputs and results."""
        self.store.remove(job.id)
        self._files.remove(job.id)

    def forget(self, job: Job) -> None:
        """Delete a job whose waiting client had its answer, where nothing is kept.

        Not one with an idempotency key, which can ask again, nor one that is still about to stop.
        """
        if not self._in_memory or not job.waited_for or job.idempotency_key is not None:
            return
        now = self.store.get(job.id)
        if now is not None and now.over:
            self.remove(now)

    def _wait_for(self, jobs: Sequence[Job]) -> float:
        running = self._runner.running
        at_work = [job for job in jobs if running is not None and job.id == running.job.id]
        others = [job for job in jobs if job not in at_work]
        left = (
            self._speed.left(running.job, running.progress, monotonic() - running.begun)
            if running is not None and at_work
            else 0.0
        )
        return left + self._speed.wait(others)

    def _count(self) -> None:
        try:
            counts = self.store.counts()
        except StorageFailed:
            return  # the next change counts again
        self.depth = counts.get("queued", 0) + counts.get("running", 0)

    def _drop_files(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            try:
                self._files.remove(job.id)
            except StorageFailed as error:  # the housekeeping finds what is left
                logger.warning("Files of %s were left: %s", job.id, error.detail)

    def _keep_house(self) -> None:
        while not self._stopping.wait(HOUSEKEEPING_SECONDS):
            try:
                self.tidy()
            except LeffaError as error:
                logger.error("The housekeeping failed: %s", error.detail)

    def tidy(self) -> None:
        """Delete jobs whose time is over and files without a job; take over jobs of services that died."""
        for job in self.store.expired():
            self.store.remove(job)
            self._files.remove(job)
        # An order's files are written before its row: only who has none twice is forsaken.
        without = set(self._files.jobs())
        without -= self.store.ids()
        for job in without & self._suspects:
            self._files.remove(job)
        self._suspects = without
        if not self._settings.alone:
            self.store.recover(alone=False)
        self._count()


def _lock(settings: Settings) -> IO[str] | None:
    """Two services on one SQLite file would take each other's jobs for lost."""
    if not settings.alone:
        return None
    try:
        settings.data_path.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = (settings.data_path / "lock").open("w")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StorageFailed(
            f"Another service uses {settings.data_path}.", fix="Stop it, or set LEFFA_DATA to another folder."
        ) from None
    except OSError as error:
        raise StorageFailed(
            f"{settings.data_path} cannot be used: {error.strerror}.",
            fix="Set LEFFA_DATA to a folder that can be written, or LEFFA_RETENTION_HOURS=0.",
        ) from error
    return file


def _database_url(settings: Settings) -> str:
    if settings.retention_hours == 0:
        return MEMORY
    given = settings.database_url.get_secret_value()
    return given or f"sqlite:///{settings.data_path.resolve() / 'jobs.sqlite'}"


def _files_url(settings: Settings) -> str:
    if settings.retention_hours == 0:
        return f"memory://leffa-{uuid4().hex}"
    return settings.files_url or str((settings.data_path / "files").resolve())


def _postman(settings: Settings, store: Store) -> Postman | None:
    secret = settings.webhook_secret.get_secret_value()
    return Postman(store, secret, settings.webhook_private) if secret else None
