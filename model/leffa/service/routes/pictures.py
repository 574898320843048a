"""POST /tryon and POST /pose-transfer: pictures in, pictures out."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from leffa.images import WRITE_FORMATS
from leffa.service.fields import POSE, TRYON, request_body
from leffa.service.pictures import make_pictures
from leffa.service.problems import JOB_HEADERS, WAITED_PROBLEMS, responses
from leffa.service.schemas import JobOut, PictureAnswer

router = APIRouter(tags=["pictures"])
BINARY = {"type": "string", "format": "binary"}
HEADERS = {
    "X-Seed": "seed of the picture",
    "X-Model": "id of the model",
    "X-Weights": "embedded or official",
    "X-Job": "id of the job that made it",
    "X-Model-Note": "says so where a demonstration model answered",
    "X-Findings": "JSON list of what was noticed, for example several_persons",
    "Server-Timing": "milliseconds a stage",
}
ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the picture; with `Accept: application/json` everything as JSON",
        "model": PictureAnswer,
        "content": {kind: {"schema": BINARY} for kind in WRITE_FORMATS.values()},
        "headers": {
            name: {"description": text, "schema": {"type": "string"}} for name, text in HEADERS.items()
        },
    },
    202: {
        "model": JobOut,
        "description": "the job, with `Prefer: respond-async`",
        "headers": JOB_HEADERS
        | {"Preference-Applied": {"description": "respond-async", "schema": {"type": "string"}}},
    },
}
RESPONSES = ANSWER | responses(*WAITED_PROBLEMS)


@router.post("/tryon", responses=RESPONSES, openapi_extra={"requestBody": request_body(TRYON)})
async def tryon(request: Request) -> Response:
    """Dress the person of `human_image` in the garment of `garment_image`."""
    return await make_pictures(request, TRYON)


@router.post("/pose-transfer", responses=RESPONSES, openapi_extra={"requestBody": request_body(POSE)})
async def pose_transfer(request: Request) -> Response:
    """Put the person of `human_image` into the pose of the person of `pose_image`."""
    return await make_pictures(request, POSE)
