"""POST /v1/images/edits in OpenAI's shape, so that its clients and gateways work unchanged."""

import re
from base64 import b64encode
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from leffa import images
from leffa.errors import BadParameter, LeffaError, MissingField
from leffa.jobs.job import Job
from leffa.service.fields import NAMES, TRYON, parse_fields
from leffa.service.forms import Form, open_form
from leffa.service.orders import order
from leffa.service.pictures import done_for
from leffa.service.problems import WAITED_PROBLEMS, responses
from leffa.service.schemas import ImagesAnswer, ImagesError

router = APIRouter(tags=["openai"])
MOST_PARTS = 32
# Our name of each of OpenAI's fields (and of the extensions that other servers of its API take).
FIELDS = {
    "n": "num_images",
    "output_format": "output_format",
    "seed": "seed",
    "num_inference_steps": "inference_steps",
    "guidance_scale": "guidance_scale",
    "garment_type": "garment_type",
}
IGNORED = {
    "prompt", "size", "quality", "user", "background", "output_compression", "input_fidelity", "moderation",
    "stream", "partial_images", "response_format", "model", "safety_identifier",
}  # fmt: skip
RESPONSE_FORMATS = ("b64_json", "url")
IMAGES = ("image[]", "image")
PREFIX = re.compile(r"(/[A-Za-z0-9_-]{1,64}){1,8}")
FORM = {
    "type": "object",
    "required": ["image[]"],
    "properties": {
        "image[]": {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "minItems": 2,
            "maxItems": 2,
            "description": "the person's photo, then the garment's picture",
        },
        "mask": {
            "type": "string",
            "format": "binary",
            "description": "PNG, transparent where to repaint; without transparency white is repainted",
        },
        # Any text will do, "null" too: without a type nobody takes that for none.
        "prompt": {"description": "taken and not used"},
        "model": {"description": "id of GET /models; a name of OpenAI's means the default"},
        "n": {"type": "integer", "minimum": 1, "maximum": 4},
        "response_format": {"type": "string", "enum": list(RESPONSE_FORMATS)},
        **{name: {"type": "string"} for name in FIELDS if name != "n"},
    },
}


@router.post(
    "/v1/images/edits",
    response_model=ImagesAnswer,
    responses={
        status: {"model": ImagesError, "description": answer["description"]}
        for status, answer in responses(*WAITED_PROBLEMS).items()
    },
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM}}}},
)
async def edit_images(request: Request) -> JSONResponse:
    """Dress the person of the first image in the garment of the second."""
    try:
        async with open_form(request, MOST_PARTS) as parts:
            form = await _to_form(request, parts)
            as_url = _wants_url(parts)
        (job,) = await order(request, form, waited_for=not as_url)
        async with done_for(request, job) as done:
            return JSONResponse(await to_thread.run_sync(_answer, request, done, as_url))
    except LeffaError as error:
        return _failure(error)
    except HTTPException as error:  # no form at all
        return _failure(BadParameter(str(error.detail)))


def _wants_url(parts: FormData) -> bool:
    wanted = parts.get("response_format") or RESPONSE_FORMATS[0]
    if wanted not in RESPONSE_FORMATS:
        raise BadParameter(
            "There is no such response_format.", field="response_format", allowed=list(RESPONSE_FORMATS)
        )
    return wanted == "url"


async def _to_form(request: Request, parts: FormData) -> Form:
    pictures = [part for name in IMAGES for part in parts.getlist(name)]
    files = [part for part in pictures if isinstance(part, UploadFile)]
    if len(files) != 2:
        raise MissingField(
            f"{len(files)} images were sent.",
            field="image",
            fix="Send the person's photo, then the garment's.",
        )
    texts = {
        FIELDS[name]: str(value)
        for name, value in parts.items()
        if name in FIELDS and not isinstance(value, UploadFile)
    }
    for name in parts:
        if name not in IMAGES and len(parts.getlist(name)) > 1:
            raise BadParameter(f"The field {name[:100]!r} was sent more than once.", field=name[:100])
    if unknown := set(parts) - {*FIELDS, *IGNORED, *IMAGES, "mask"}:
        raise BadParameter(f"There is no field {min(unknown)[:100]!r}.", field=min(unknown)[:100])
    if str(parts.get("stream", "false")).lower() not in ("false", ""):
        raise BadParameter("Pictures are not streamed.", field="stream", fix="Leave stream out.")
    model = str(parts.get("model", ""))
    if model in {known.known.id for known in request.app.state.engine.models}:
        texts["model"] = model
    datas = [await file.read() for file in files]
    sent = {NAMES["human_image"]: [datas[0]], NAMES["garment_image"]: [datas[1]]}
    mask = parts.get("mask")
    if isinstance(mask, UploadFile):
        data = await mask.read()
        sent["mask"] = [await to_thread.run_sync(_mask, data, request, limiter=request.app.state.decoders)]
    return Form(TRYON, parse_fields(TRYON, texts), sent)


def _mask(data: bytes, request: Request) -> bytes:
    """OpenAI's masks are transparent where to repaint; ours are white there."""
    picture = images.decode(data, request.app.state.settings.limits, "mask").pixels
    if picture.shape[2] == 3:
        return data
    return images.encode(255 - picture[..., 3])


def _answer(request: Request, job: Job, as_url: bool) -> dict[str, Any]:
    base = str(request.base_url).rstrip("/") + _prefix(request)
    desk = request.app.state.desk
    pictures = [
        {"url": f"{base}/jobs/{job.id}/image?number={number}"}
        if as_url
        else {"b64_json": b64encode(desk.part(job, "image", number)).decode()}
        for number in range(len(job.results))
    ]
    return {"created": int(job.created), "data": pictures, "output_format": job.output_format}


def _prefix(request: Request) -> str:
    """Below what path a proxy has this service."""
    prefix = request.headers.get("x-forwarded-prefix", "")
    return prefix if PREFIX.fullmatch(prefix) else ""


def _failure(error: LeffaError) -> JSONResponse:
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    body = {
        "message": f"{error.detail} {error.fix}",
        "type": kind,
        "param": error.field,
        "code": error.code,
    }
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    return JSONResponse({"error": body}, error.status, headers=headers)
