"""A job as the API shows it."""

from datetime import UTC, datetime
from typing import Any

from leffa.errors import again
from leffa.jobs.desk import Desk
from leffa.jobs.job import Job
from leffa.service.problems import document_of
from leffa.service.schemas import FindingOut, JobImage, JobOut, ProgressOut
from leffa.tryon import EMBEDDED

PARTS = ("image", "mask", "densepose", "parsing", "flow")


def to_job_out(desk: Desk, job: Job) -> JobOut:
    """The job with its place in line, its progress or its pictures; reads the database."""
    now = desk.standing(job)
    progress = now.progress if now else None
    own = f"/jobs/{job.id}"
    first = job.results[0] if job.results else {}
    return JobOut(
        id=job.id,
        task=job.task,
        state=job.state,
        model=job.model,
        demonstration=job.model == EMBEDDED,
        position=now.position if now else None,
        seconds_left=round(now.seconds_left, 1) if now else None,
        progress=ProgressOut(
            stage=progress.stage,
            step=progress.step,
            total=progress.total,
            seconds_left=round(now.seconds_left, 1) if now else None,
        )
        if progress
        else None,
        seeds=job.seeds,
        parameters=first.get("parameters", job.options),
        output_format=job.output_format,
        created=_time(job.created),
        started=_time(job.started),
        finished=_time(job.finished),
        expires=_time(job.expires),
        attempt=job.attempt,
        batch=job.batch,
        findings=[FindingOut(**finding) for finding in first.get("findings", job.findings)],
        images=[_image(job, number, made) for number, made in enumerate(job.results) if "seed" in made],
        error=document_of(again(job.error), job.id) if job.error else None,
        links={"self": own, "events": f"{own}/events"},
    )


def _image(job: Job, number: int, result: dict[str, Any]) -> JobImage:
    shown = [part for part in PARTS if part in result["parts"]]
    return JobImage(
        seed=result["seed"],
        links={part: f"/jobs/{job.id}/{part}?number={number}" for part in shown},
    )


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
