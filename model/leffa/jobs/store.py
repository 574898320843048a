"""The book of jobs: every step of a job's life is one transaction, and each can be repeated after a crash."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, delete, func, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from leffa.errors import BadParameter, IdempotencyMismatch, QueueFull, StorageFailed, TooManyJobs
from leffa.jobs.database import take_turns
from leffa.jobs.job import UNFINISHED, Job, State

logger = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
WEBHOOK_SECONDS = 60.0  # longer than any delivery takes
PICTURES = ("tryon", "pose")


@dataclass(frozen=True)
class Bounds:
    """How many jobs may wait: in all, and of one lane."""

    queue: int
    lane: int


@dataclass(frozen=True)
class Page:
    """Some jobs of a history, newest first; cursor: where the next page begins, None at the end."""

    jobs: list[Job]
    cursor: str | None


class Store:
    """The jobs in a database. Any thread may use it; every method may raise StorageFailed.

    retention: seconds that a finished job is kept. Jobs that come out are copies: changing them changes
    nothing.
    """

    def __init__(self, engine: Engine, retention: float) -> None:
        self._engine = engine
        self._retention = retention
        self._reads = sessionmaker(engine, expire_on_commit=False)
        self._writes = sessionmaker(engine.execution_options(writes=True), expire_on_commit=False)

    def accept(self, jobs: Sequence[Job], bounds: Bounds) -> list[Job]:
        """Put jobs in line, all or none, or find those that the same idempotency key made before.

        Raises IdempotencyMismatch, QueueFull and TooManyJobs.
        """
        try:
            with self._write() as session:
                if (known := _earlier(session, jobs)) is not None:
                    return known
                take_turns(session.connection())  # else several would fit into the last place
                _check_bounds(session, jobs, bounds)
                now = time.time()
                for index, job in enumerate(jobs):
                    job.created = now + index * 1e-6  # keeps their order
                session.add_all(jobs)
                return list(jobs)
        except IntegrityError:  # somebody else was quicker with the same key
            with self._write() as session:
                known = _earlier(session, jobs)
            if known is None:
                raise StorageFailed() from None
            return known

    def claim(self, worker: str, batch_first: bool) -> Job | None:
        """The next job, now `worker`'s; None when nothing waits.

        Interactive jobs go before batch ones (with `batch_first` the other way round), among them the lane
        that was served longest ago, in a lane the oldest job.
        """
        with self._write() as session:
            for priority in ("batch", "interactive") if batch_first else ("interactive", "batch"):
                job = session.scalars(_next_in_line(priority)).first()
                if job is not None:
                    now = time.time()
                    job.state, job.worker, job.lease = "running", worker, now + LEASE_SECONDS
                    job.started, job.attempt = now, job.attempt + 1
                    return job
        return None

    def renew(self, job: Job) -> bool:
        """Say that the job's worker is alive; whether the job is to be cancelled, or is its no more."""
        with self._write() as session:
            if not _fenced(session, job, lease=time.time() + LEASE_SECONDS):
                return True
            return bool(session.scalar(select(Job.cancel_requested).where(Job.id == job.id)))

    def finish(self, job: Job, state: State, results: list[dict[str, Any]], error: Any = None) -> bool:
        """End a job; False where it is this worker's no more, and nothing was changed."""
        now = time.time()
        with self._write() as session:
            return _fenced(
                session,
                job,
                state=state,
                results=results,
                error=error,
                finished=now,
                expires=now + self._retention,
                worker=None,
                lease=None,
                webhook_due=now if job.webhook_url else None,
            )

    def give_up(self, job: Job, died: bool) -> None:
        """Put a claimed job back in line: who waits for it may hold the line of another service.

        died: the engine ended while doing it.
        """
        with self._write() as session:
            _fenced(session, job, state="queued", worker=None, lease=None, deaths=job.deaths + died)

    def cancel(self, job: str) -> Job | None:
        """Cancel a job that waits, or ask for it where one runs; the job as it is then."""
        with self._write() as session:
            row = session.get(Job, job, with_for_update=True)
            if row is not None and row.state == "queued":
                for name, value in _ended("cancelled", self._retention).items():
                    setattr(row, name, value)
                row.webhook_due = row.finished if row.webhook_url else None
            elif row is not None and row.state == "running":
                row.cancel_requested = True
            return row

    def recover(self, alone: bool) -> int:
        """Put jobs of dead workers back in line; how many. alone: no other service shares the database.

        Alone, a job that only its lost client waited for is cancelled instead; else another service may have
        that client.
        """
        with self._write() as session:
            dead: ColumnElement[bool] = Job.state == "running"
            if alone:
                lost = Job.waited_for & Job.idempotency_key.is_(None) & Job.state.in_(UNFINISHED)
                session.execute(update(Job).where(lost).values(**_ended("cancelled", self._retention)))
            else:
                dead &= Job.lease < time.time()
            back = update(Job).where(dead).values(state="queued", worker=None, lease=None)
            return int(session.execute(back).rowcount)  # type: ignore[attr-defined]

    def release(self, worker: str) -> None:
        """Put back in line what this worker has not ended, for whatever reason."""
        mine = (Job.worker == worker) & (Job.state == "running")
        with self._write() as session:
            session.execute(update(Job).where(mine).values(state="queued", worker=None, lease=None))

    def close(self) -> None:
        """Close the database; SQLite then leaves one whole file, which can be copied."""
        self._engine.dispose()

    def get(self, job: str) -> Job | None:
        """The job of this id."""
        if "\0" in job:  # Postgres has no such texts
            return None
        with self._read() as session:
            return session.get(Job, job)

    def page(self, owner: str, limit: int, cursor: str | None) -> Page:
        """Jobs of an owner that make pictures, newest first. Raises BadParameter for a cursor of no page."""
        wanted = select(Job).where(Job.owner == owner, Job.task.in_(PICTURES))
        if cursor is not None:
            created, last = _read_cursor(cursor)
            wanted = wanted.where((Job.created < created) | ((Job.created == created) & (Job.id < last)))
        newest = wanted.order_by(Job.created.desc(), Job.id.desc()).limit(limit + 1)
        with self._read() as session:
            jobs = list(session.scalars(newest))
        last_one = jobs[limit - 1] if len(jobs) > limit else None
        return Page(jobs[:limit], f"{last_one.created!r}_{last_one.id}" if last_one else None)

    def unfinished(self) -> list[Job]:
        """All jobs that run or wait, those that run first, then about in the order of their turns."""
        line = (Job.state == "queued", Job.priority == "batch", Job.created, Job.id)
        with self._read() as session:
            return list(session.scalars(select(Job).where(Job.state.in_(UNFINISHED)).order_by(*line)))

    def counts(self) -> Mapping[str, int]:
        """How many jobs are in each state."""
        with self._read() as session:
            rows = session.execute(select(Job.state, func.count()).group_by(Job.state))
            return {state: number for state, number in rows}

    def recent(self, limit: int) -> list[Job]:
        """The jobs that succeeded last."""
        newest = select(Job).where(Job.state == "succeeded").order_by(Job.finished.desc()).limit(limit)
        with self._read() as session:
            return list(session.scalars(newest))

    def rewrite(self, job: Job, results: list[dict[str, Any]]) -> None:
        """Note other parts of a finished job."""
        with self._write() as session:
            session.execute(update(Job).where(Job.id == job.id).values(results=results))

    def remove(self, job: str) -> None:
        """Delete a job's row."""
        with self._write() as session:
            session.execute(delete(Job).where(Job.id == job))

    def expired(self) -> list[str]:
        """Ids of the jobs whose time is over."""
        with self._read() as session:
            return list(session.scalars(select(Job.id).where(Job.expires < time.time())))

    def ids(self) -> set[str]:
        """The ids of all jobs."""
        with self._read() as session:
            return set(session.scalars(select(Job.id)))

    def webhooks(self, limit: int) -> list[Job]:
        """Finished jobs of which somebody is to be told now."""
        due = select(Job).where(Job.webhook_due <= time.time()).order_by(Job.webhook_due).limit(limit)
        with self._read() as session:
            return list(session.scalars(due))

    def claim_webhook(self, job: Job) -> bool:
        """Whether it is this service that tells of the job now; for a while no other one will."""
        due = (Job.id == job.id) & (Job.webhook_due == job.webhook_due)
        with self._write() as session:
            claimed = update(Job).where(due).values(webhook_due=time.time() + WEBHOOK_SECONDS)
            return bool(session.execute(claimed).rowcount)  # type: ignore[attr-defined]

    def note_webhook(self, job: Job, due: float | None) -> None:
        """Note one more try; due: when the next one is, None when there is none."""
        with self._write() as session:
            values = {"webhook_tries": Job.webhook_tries + 1, "webhook_due": due}
            session.execute(update(Job).where(Job.id == job.id).values(values))

    @contextmanager
    def _write(self) -> Iterator[Session]:
        with _storage_errors(), self._writes.begin() as session:
            yield session

    @contextmanager
    def _read(self) -> Iterator[Session]:
        with _storage_errors(), self._reads() as session:
            yield session


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except SQLAlchemyError as error:
        logger.error("The database of the jobs: %s", getattr(error, "orig", error))
        raise StorageFailed("The database of the jobs does not answer.") from error


def _read_cursor(cursor: str) -> tuple[float, str]:
    created, _, job = cursor.partition("_")
    try:
        return float(created), job
    except ValueError:
        raise BadParameter("This page does not exist.", field="cursor", fix="Use `next` of a page.") from None


def _ended(state: State, retention: float) -> dict[str, Any]:
    now = time.time()
    return {"state": state, "finished": now, "expires": now + retention}


def _earlier(session: Session, jobs: Sequence[Job]) -> list[Job] | None:
    """The jobs that the idempotency key of these made before; None without one."""
    first = jobs[0]
    if first.idempotency_key is None:
        return None
    same = select(Job).where(Job.lane == first.lane, Job.idempotency_key == first.idempotency_key)
    known = session.scalars(same).first()
    if known is None:
        return None
    if known.fingerprint != first.fingerprint:
        raise IdempotencyMismatch(field="Idempotency-Key")
    if known.batch is None:
        return [known]
    return list(session.scalars(select(Job).where(Job.batch == known.batch).order_by(Job.created)))


def _check_bounds(session: Session, jobs: Sequence[Job], bounds: Bounds) -> None:
    waiting = select(func.count()).select_from(Job).where(Job.state == "queued")
    if (session.scalar(waiting) or 0) + len(jobs) > bounds.queue:
        raise QueueFull(f"{bounds.queue} jobs may wait, and there are that many.")
    mine = session.scalar(waiting.where(Job.lane == jobs[0].lane)) or 0
    if mine + len(jobs) > bounds.lane:
        raise TooManyJobs(f"{bounds.lane} jobs of one client may wait.")


def _next_in_line(priority: str) -> Select[Job]:
    served = select(Job.lane, func.max(Job.started).label("last")).group_by(Job.lane).subquery()
    return (
        select(Job)
        .join(served, served.c.lane == Job.lane)
        .where(Job.state == "queued", Job.priority == priority)
        .order_by(func.coalesce(served.c.last, 0), Job.created, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=Job)
    )


def _fenced(session: Session, job: Job, **values: Any) -> bool:
    """Change a job that is still this claim's; whether it was."""
    mine = (Job.id == job.id) & (Job.attempt == job.attempt) & (Job.state == "running")
    result = session.execute(update(Job).where(mine, Job.worker == job.worker).values(**values))
    return bool(result.rowcount)  # type: ignore[attr-defined]
