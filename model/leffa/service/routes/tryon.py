"""POST /tryon: read, decode, wait for the turn, answer."""

import asyncio
import secrets
from time import perf_counter
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from leffa import errors
from leffa.engine.protocol import Job
from leffa.images import WRITE_FORMATS
from leffa.service import forms
from leffa.service.answers import Outcome, json_answer, picture_answer
from leffa.service.problems import responses
from leffa.service.schemas import TryOnAnswer, TryOnFields, request_body
from leffa.tryon import SEEDS

router = APIRouter(tags=["try-on"])
# A decoded photo can take a few hundred megabytes, so only so many are decoded at a time.
DECODERS = 2
BINARY = {"type": "string", "format": "binary"}
HEADERS = {
    "X-Seed": "seed of the picture",
    "X-Model": "id of the model",
    "X-Weights": "embedded or official",
    "X-Model-Note": "says so where a demonstration model answered",
    "X-Findings": "JSON list of what was noticed, for example several_persons",
    "Server-Timing": "milliseconds a stage",
}
ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the person wearing the garment; with `Accept: application/json` everything as JSON",
        "model": TryOnAnswer,
        "content": {kind: {"schema": BINARY} for kind in WRITE_FORMATS.values()},
        "headers": {
            name: {"description": text, "schema": {"type": "string"}} for name, text in HEADERS.items()
        },
    }
}
# Every error of the tree but those of the command line's files and the bases that are never raised.
PROBLEMS = [
    error
    for error in errors.catalogue().values()
    if not issubclass(error, errors.BadFile | errors.Cancelled)
    and error not in (errors.BadImage, errors.BadPerson, errors.Unavailable)
]


@router.post("/tryon", responses=ANSWER | responses(*PROBLEMS), openapi_extra={"requestBody": request_body()})
async def tryon(request: Request) -> Response:
    """Dress the person of `human_image` in the garment of `garment_image`."""
    state = request.app.state
    begun = perf_counter()
    form = await forms.read_form(request, state.settings.limits)
    _check_options(form.fields, state.engine.model.model, wants_json(request))
    pictures = await _in_thread(state.decoders, forms.decode_pictures, form.files, state.settings.limits)
    decoded = perf_counter()
    job = state.engine.submit([forms.to_request(form.fields, pictures, seed) for seed in _seeds(form.fields)])
    results = await _finish(job, request)
    outcome = Outcome(
        model=state.engine.model,
        results=results,
        inputs=form.files,
        findings=pictures.findings,
        seconds={"receive": decoded - begun, "queue": job.queue_seconds},
        output_format=form.fields.output_format,
        request_id=request.state.request_id,
    )
    return await _in_thread(state.decoders, json_answer if wants_json(request) else picture_answer, outcome)


def wants_json(request: Request) -> bool:
    """Whether the client asks for JSON."""
    return "application/json" in request.headers.get("accept", "").lower()


def _check_options(fields: TryOnFields, model: str, as_json: bool) -> None:
    if fields.model not in (None, model):
        raise errors.UnknownModel(
            f"There is no model {fields.model[:100]!r} here.",
            field="model",
            allowed=[model],
            received=fields.model,
        )
    if fields.num_images > 1 and not as_json:
        raise errors.BadParameter(
            "Several pictures need the JSON answer.",
            field="num_images",
            allowed=1,
            received=fields.num_images,
            fix="Send the header `Accept: application/json`, or ask for one picture.",
        )


def _seeds(fields: TryOnFields) -> list[int]:
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
