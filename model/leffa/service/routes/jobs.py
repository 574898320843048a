"""/jobs: order now, look later, and be told how it goes."""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from leffa import errors
from leffa.images import WRITE_FORMATS
from leffa.jobs.job import Job
from leffa.service import forms
from leffa.service.fields import BATCH, JOBS, request_body
from leffa.service.orders import order
from leffa.service.pictures import accepted
from leffa.service.problems import JOB_HEADERS, MADE_PROBLEMS, PICTURE_PROBLEMS, merged, responses
from leffa.service.schemas import BatchOut, JobOut, JobPage
from leffa.service.standing import to_job_out
from leffa.service.stream import tell_of

router = APIRouter(tags=["jobs"])
MOST_ON_A_PAGE = 100
Part = Literal["image", "mask", "densepose", "parsing", "flow"]
READING = responses(errors.JobMissing, errors.StorageFailed)
# A part of a job that failed is answered with the error that it ended with.
ENDED = responses(errors.JobUnfinished, errors.JobCancelled, *MADE_PROBLEMS)
EVENT_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
BINARY = {"type": "string", "format": "binary"}
CURSOR = r"^\d{1,20}\.\d{1,20}_[A-Za-z0-9_-]{1,64}$"


def find_job(request: Request, job_id: str) -> Job:
    """The job of the address, for whoever may read it."""
    job: Job = request.app.state.desk.get(job_id, request.state.caller.owner)
    return job


Found = Annotated[Job, Depends(find_job)]


@router.post(
    "/jobs",
    status_code=202,
    response_model=JobOut,
    responses=responses(*PICTURE_PROBLEMS) | {202: {"headers": JOB_HEADERS}},
    openapi_extra={"requestBody": request_body(*JOBS.values())},
)
async def create_job(request: Request) -> Response:
    """Order pictures. With an `Idempotency-Key` the same request again finds the same job."""
    form = await forms.read_job_form(request, request.app.state.settings.limits)
    (job,) = await order(request, form)
    return await accepted(request, job)


@router.post(
    "/jobs/batch",
    status_code=202,
    responses=responses(*PICTURE_PROBLEMS),
    openapi_extra={"requestBody": request_body(BATCH)},
)
async def create_batch(request: Request) -> BatchOut:
    """Order one person in each of several garments: one job a garment, all or none."""
    form = await forms.read_form(request, BATCH, request.app.state.settings.limits)
    jobs = await order(request, form)

    def describe() -> list[JobOut]:
        return [to_job_out(request.app.state.desk, job) for job in jobs]

    return BatchOut(batch=jobs[0].batch or "", jobs=await to_thread.run_sync(describe))


@router.get("/jobs", responses=responses(errors.StorageFailed, errors.BadParameter))
def list_jobs(
    request: Request,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=MOST_ON_A_PAGE)] = 20,
    cursor: Annotated[str | None, Query(pattern=CURSOR, description="`next` of a page")] = None,
) -> JobPage:
    """The jobs of this API key, or of this browser (`X-Client-ID`), newest first."""
    owner = request.state.caller.owner
    if not owner:
        raise errors.MissingKey(
            "Only who says who they are has a history.",
            fix="Send the header X-Client-ID: a random word of 16 to 64 letters, digits, - or _.",
        )
    desk = request.app.state.desk
    page = desk.page(owner, limit, cursor)
    response.headers["Cache-Control"] = "no-store"
    return JobPage(jobs=[to_job_out(desk, job) for job in page.jobs], next=page.cursor)


@router.get("/jobs/{job_id}", responses=READING)
def read_job(request: Request, response: Response, job: Found) -> JobOut:
    """Where the job stands."""
    response.headers["Cache-Control"] = "no-store"
    return to_job_out(request.app.state.desk, job)


@router.delete(
    "/jobs/{job_id}",
    status_code=202,
    response_model=JobOut,
    response_description="cancelled",
    responses=READING | {204: {"description": "deleted"}},
)
def delete_job(request: Request, job: Found) -> Response:
    """Cancel an unfinished job (202); delete a finished one with its inputs and pictures (204)."""
    desk = request.app.state.desk
    if job.over:
        desk.remove(job)
        return Response(status_code=204)
    if not job.cancel_requested:
        request.app.state.metrics.cancelled.labels("request").inc()
    out = to_job_out(desk, desk.cancel(job))
    return Response(out.model_dump_json(), 202, media_type="application/json")


@router.get("/jobs/{job_id}/events", response_class=EventSourceResponse, responses=READING)
async def read_events(
    request: Request, job: Found, last_event_id: Annotated[str | None, Header()] = None
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: `state` (the job, first and at each change), `queue`, `progress`.

    The stream ends after a final state, and when the service stops; who comes back with `Last-Event-ID` gets
    the progress that was missed.
    """
    seen = int(last_event_id) if last_event_id and EVENT_NUMBER.fullmatch(last_event_id) else 0
    async for event in tell_of(request.app.state.desk, job.id, seen):
        yield event


@router.get(
    "/jobs/{job_id}/{part}",
    response_class=Response,
    responses=merged(READING, ENDED, responses(errors.PartMissing, errors.BadParameter))
    | {200: {"content": {kind: {"schema": BINARY} for kind in WRITE_FORMATS.values()}}},
)
def read_part(
    request: Request, job: Found, part: Part, number: Annotated[int, Query(ge=0, le=15)] = 0
) -> Response:
    """A picture of a finished job: the result, or what the model saw; `number` for one of several."""
    desk = request.app.state.desk
    require_success(job)
    kind = job.output_format if part == "image" else "png"
    return Response(
        desk.part(job, part, number),
        media_type=WRITE_FORMATS[kind],
        headers={"Cache-Control": "private, max-age=3600", **_disposition(job, part, kind)},
    )


def require_success(job: Job) -> None:
    """Raises JobUnfinished, JobCancelled, or the error that the job ended with."""
    if not job.over:
        raise errors.JobUnfinished(retry_after=1)
    if job.state == "cancelled":
        raise errors.JobCancelled()
    if job.error:
        raise errors.again(job.error)


def _disposition(job: Job, part: str, kind: str) -> dict[str, Any]:
    return {"Content-Disposition": f'inline; filename="leffa-{job.id[:8]}-{part}.{kind}"'}
