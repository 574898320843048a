"""One request for pictures from form to answer: a job that waits for its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

from anyio import to_thread
from fastapi import Request
from starlette.responses import JSONResponse, Response

from leffa import errors
from leffa.engine.protocol import Made
from leffa.jobs.desk import STOP_RETRY_SECONDS
from leffa.jobs.hub import LOOK_SECONDS, Listener
from leffa.jobs.job import Job
from leffa.service import answers, forms
from leffa.service.fields import Call
from leffa.service.orders import order
from leffa.service.standing import to_job_out


async def make_pictures(request: Request, call: Call) -> Response:
    """The answer of an address that makes pictures. Raises any LeffaError."""
    state = request.app.state
    begun = perf_counter()
    form = await forms.read_form(request, call, state.settings.limits)
    if prefers_async(request):
        (job,) = await order(request, form)
        return await accepted(request, job)
    _check_count(form.fields, wants_json(request))
    received = perf_counter() - begun
    (job,) = await order(request, form, waited_for=True)
    async with done_for(request, job) as done:
        made = await to_thread.run_sync(_collect, state.desk, done, wants_json(request))
    answer = answers.json_answer if wants_json(request) else answers.picture_answer
    outcome = answers.Outcome(done, made, {"receive": received}, request.state.request_id)
    return await to_thread.run_sync(answer, outcome)


async def accepted(request: Request, job: Job) -> Response:
    """202 with the job."""
    out = await to_thread.run_sync(to_job_out, request.app.state.desk, job)
    headers = {"Location": out.links["self"], "Cache-Control": "no-store"}
    if prefers_async(request):
        headers["Preference-Applied"] = "respond-async"
    return JSONResponse(out.model_dump(mode="json"), 202, headers=headers)


def wants_json(request: Request) -> bool:
    """Whether the client asks for JSON."""
    return "application/json" in request.headers.get("accept", "").lower()


def prefers_async(request: Request) -> bool:
    """Whether the client would rather have a job than wait (RFC 7240)."""
    return "respond-async" in request.headers.get("prefer", "").lower()


@asynccontextmanager
async def done_for(request: Request, job: Job) -> AsyncIterator[Job]:
    """As `finish`; after the block, or an error, the job is forgotten where nothing is kept."""
    try:
        yield await finish(request, job)
    finally:
        await to_thread.run_sync(request.app.state.desk.forget, job)


async def finish(request: Request, job: Job) -> Job:
    """The job once it is done; cancelled when its client goes away. Raises the error that stopped it."""
    desk = request.app.state.desk
    with desk.hub.listen(job.id) as listener:
        ending = asyncio.create_task(_end_of(desk, job, listener))
        ending.add_done_callback(_look_at)
        gone = asyncio.create_task(_disconnected(request))
        try:
            await asyncio.wait([ending, gone], return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                # Who sent a key can come back for the answer.
                if job.idempotency_key is None:
                    await to_thread.run_sync(desk.cancel, job)
                    request.app.state.metrics.cancelled.labels("disconnect").inc()
                raise errors.Cancelled()
            return ending.result()
        finally:
            gone.cancel()
            ending.cancel()


def _look_at(ending: asyncio.Task[Job]) -> None:
    """An error that comes when the client has gone is nobody's, and no news for the log."""
    if not ending.cancelled():
        ending.exception()


async def _end_of(desk: Any, job: Job, listener: Listener) -> Job:
    while True:
        now: Job = await to_thread.run_sync(desk.store.get, job.id)
        if now is None:
            raise errors.JobMissing()
        if desk.stopping and now.state in ("queued", "cancelled"):
            if now.idempotency_key is None:
                await to_thread.run_sync(desk.cancel, now)
            raise errors.Stopping(retry_after=STOP_RETRY_SECONDS)
        if now.over:
            return _succeeded(now)
        await _something_new(listener)


async def _something_new(listener: Listener) -> None:
    while (news := await listener.next(LOOK_SECONDS)) is not None:
        if news.kind in ("state", "stop"):
            return


def _succeeded(job: Job) -> Job:
    if job.state == "succeeded":
        return job
    raise errors.again(job.error) if job.error else errors.JobCancelled()


def _collect(desk: Any, job: Job, maps: bool) -> list[Made]:
    """The parts that an answer shows: the maps belong to the first picture."""
    made = []
    for number, result in enumerate(job.results):
        names = [name for name in result["parts"] if name == "image" or (maps and number == 0)]
        made.append(Made({name: desk.part(job, name, number) for name in names}, result))
    return made


def _check_count(fields: Any, as_json: bool) -> None:
    if fields.num_images > 1 and not as_json:
        raise errors.BadParameter(
            "Several pictures need the JSON answer.",
            field="num_images",
            allowed=1,
            received=fields.num_images,
            fix="Send the header `Accept: application/json`, or ask for one picture.",
        )


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
