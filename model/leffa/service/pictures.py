"""One request for pictures from form to answer: read, choose the model, decode, wait for the turn, answer."""

import asyncio
import secrets
from time import perf_counter
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from starlette.responses import Response

from leffa import errors
from leffa.engine.protocol import Job
from leffa.service import forms
from leffa.service.answers import Outcome, json_answer, picture_answer
from leffa.service.fields import Call, PictureFields
from leffa.tryon import SEEDS

# A decoded photo can take a few hundred megabytes, so only so many are decoded at a time.
DECODERS = 2


async def make_pictures(request: Request, call: Call) -> Response:
    """The answer of an address that makes pictures. Raises any LeffaError."""
    state = request.app.state
    begun = perf_counter()
    form = await forms.read_form(request, call, state.settings.limits)
    _check_count(form.fields, wants_json(request))
    model = state.engine.choose(call.task, getattr(form.fields, "garment_type", None), form.fields.model)
    pictures = await _in_thread(state.decoders, forms.decode_pictures, form, state.settings.limits)
    decoded = perf_counter()
    requests = [forms.to_request(form, pictures, model, seed) for seed in _seeds(form.fields)]
    job = state.engine.submit(model, requests)
    results = await _finish(job, request)
    outcome = Outcome(
        made_by=job.facts,
        results=results,
        inputs=form.files,
        findings=pictures.findings,
        seconds={"receive": decoded - begun, "queue": job.queue_seconds, "load": job.load_seconds},
        output_format=form.fields.output_format,
        request_id=request.state.request_id,
    )
    return await _in_thread(state.decoders, json_answer if wants_json(request) else picture_answer, outcome)


def wants_json(request: Request) -> bool:
    """Whether the client asks for JSON."""
    return "application/json" in request.headers.get("accept", "").lower()


def _check_count(fields: PictureFields, as_json: bool) -> None:
    if fields.num_images > 1 and not as_json:
        raise errors.BadParameter(
            "Several pictures need the JSON answer.",
            field="num_images",
            allowed=1,
            received=fields.num_images,
            fix="Send the header `Accept: application/json`, or ask for one picture.",
        )


def _seeds(fields: PictureFields) -> list[int]:
    count = SEEDS[1] + 1
    first = secrets.randbelow(count) if fields.seed == "random" else fields.seed
    return [(first + i) % count for i in range(fields.num_images)]


async def _in_thread(limiter: CapacityLimiter, work: Any, *arguments: Any) -> Any:
    return await to_thread.run_sync(work, *arguments, limiter=limiter)


async def _finish(job: Job, request: Request) -> list[Any]:
    """Wait for the job; the work stops when the client goes away or the server does."""
    finished: asyncio.Future[Any] = asyncio.wrap_future(job.future)
    gone: asyncio.Future[Any] = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait([finished, gone], return_when=asyncio.FIRST_COMPLETED)
        if not finished.done():
            raise errors.Cancelled()
        return finished.result()
    finally:
        gone.cancel()
        if not finished.done():
            job.cancel()
            finished.cancel()  # nobody is going to look at how the work ended


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
