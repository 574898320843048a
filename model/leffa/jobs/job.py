"""A job as it is kept: what was ordered, where it stands, what came of it."""

import secrets
from typing import Any, Literal

from sqlalchemy import JSON, Double, Index, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column

from leffa.engine.protocol import WorkKind

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
Priority = Literal["interactive", "batch"]
FINAL: tuple[State, ...] = ("succeeded", "failed", "cancelled")
UNFINISHED: tuple[State, ...] = ("queued", "running")


def new_id() -> str:
    """An id that nobody guesses: knowing it is enough to read a job without an owner."""
    return secrets.token_urlsafe(18)


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True):
    """What the tables share: they are dataclasses, with dictionaries and lists kept as JSON."""

    type_annotation_map = {
        dict[str, Any]: JSON,
        list[dict[str, Any]]: JSON,
        list[int]: JSON,
        float: Double,
    }


class Job(Base):
    """One order and its fate. Times are seconds since 1970, UTC; None where there is none yet.

    options: named as in leffa.tryon's request of the task, without pictures, model and seed. seeds: one a
    picture. inputs: SHA-256 of the input files by our names (person, garment, mask, pose). owner: who may
    read it, empty for whoever knows the id. lane: who shares turns and limits. waited_for: a client holds
    the line, and the job is worth nothing once that is gone. fingerprint: digest of everything that was sent,
    to tell a repeated request from another one under the same idempotency key.

    worker, lease: who does it, and until when that counts. attempt: counts the claims, and fences off an
    earlier worker that comes back. deaths: engines that ended while doing it. results: a dictionary a
    picture: the engine's facts, and under "parts" the name of the file of each part. error: the members of
    a problem document. expires: when the job and its pictures are deleted.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("lane", "idempotency_key", name="one_job_a_key"),
        Index("jobs_in_line", "state", "priority", "lane", "created"),
        Index("jobs_of_an_owner", "owner", "created"),
        Index("jobs_to_delete", "expires"),
        Index("webhooks_to_send", "webhook_due"),
    )

    task: Mapped[WorkKind]
    model: Mapped[str]
    options: Mapped[dict[str, Any]]
    seeds: Mapped[list[int]]
    inputs: Mapped[dict[str, Any]]
    output_format: Mapped[str] = mapped_column(default="png")
    owner: Mapped[str] = mapped_column(default="")
    lane: Mapped[str] = mapped_column(default="")
    priority: Mapped[Priority] = mapped_column(default="interactive")
    waited_for: Mapped[bool] = mapped_column(default=False)
    idempotency_key: Mapped[str | None] = mapped_column(default=None)
    fingerprint: Mapped[str] = mapped_column(default="")
    webhook_url: Mapped[str | None] = mapped_column(default=None)
    batch: Mapped[str | None] = mapped_column(default=None)
    findings: Mapped[list[dict[str, Any]]] = mapped_column(default_factory=list)
    id: Mapped[str] = mapped_column(primary_key=True, default_factory=new_id)

    state: Mapped[State] = mapped_column(default="queued")
    created: Mapped[float] = mapped_column(default=0.0)
    started: Mapped[float | None] = mapped_column(default=None)
    finished: Mapped[float | None] = mapped_column(default=None)
    expires: Mapped[float | None] = mapped_column(default=None)
    worker: Mapped[str | None] = mapped_column(default=None)
    lease: Mapped[float | None] = mapped_column(default=None)
    attempt: Mapped[int] = mapped_column(default=0)
    deaths: Mapped[int] = mapped_column(default=0)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    results: Mapped[list[dict[str, Any]]] = mapped_column(default_factory=list)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    webhook_tries: Mapped[int] = mapped_column(default=0)
    webhook_due: Mapped[float | None] = mapped_column(default=None)

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in FINAL
