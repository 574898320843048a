"""POST /check before anything is made, and /masks: what would be repainted, to look at and to edit."""

from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends, Request, Response

from leffa import errors, images
from leffa.jobs.job import Job
from leffa.service import forms
from leffa.service.fields import CHECK, MASK, request_body
from leffa.service.orders import order
from leffa.service.pictures import done_for, finish
from leffa.service.problems import WAITED_PROBLEMS, merged, responses
from leffa.service.routes.jobs import READING, find_job
from leffa.service.schemas import CheckOut, MaskOut

router = APIRouter(tags=["checks"])
Layer = Literal["mask", "cloth", "arms", "hands", "face", "hair", "accessories", "shoes"]
PNG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}
}
LAYER = responses(errors.PartMissing, errors.BadParameter)
EDITS = (errors.BadMask, errors.MaskWrongSize, errors.EmptyMask, errors.NotAnImage, errors.ImageTooLarge)


@router.post(
    "/check", responses=responses(*WAITED_PROBLEMS), openapi_extra={"requestBody": request_body(CHECK)}
)
async def check(request: Request, response: Response) -> CheckOut:
    """Say what would go wrong, or could go better, with a photo, a garment or both."""
    form = await forms.read_form(request, CHECK, request.app.state.settings.limits)
    if not form.files:
        raise errors.MissingField(
            "There is no picture to check.",
            field="human_image",
            fix="Send human_image, garment_image or both.",
        )
    (job,) = await order(request, form, waited_for=True)
    async with done_for(request, job) as done:
        await to_thread.run_sync(request.app.state.desk.remove, done)
    response.headers["Cache-Control"] = "no-store"
    return CheckOut.model_validate(done.results[0])


@router.post(
    "/masks",
    status_code=201,
    responses=responses(*WAITED_PROBLEMS)
    | {201: {"headers": {"Location": {"description": "address of the mask", "schema": {"type": "string"}}}}},
    openapi_extra={"requestBody": request_body(MASK)},
)
async def create_mask(request: Request, response: Response) -> MaskOut:
    """The agnostic mask of a photo and its layers; its id goes into `mask_id` of /tryon and /jobs."""
    form = await forms.read_form(request, MASK, request.app.state.settings.limits)
    (job,) = await order(request, form, waited_for=True)
    try:
        mask = _describe(await finish(request, job))
    except errors.LeffaError:
        await to_thread.run_sync(request.app.state.desk.forget, job)
        raise
    response.headers["Location"] = f"/masks/{mask.id}"
    return mask


def find_mask(request: Request, mask_id: str) -> Job:
    """The mask of the address, for whoever may read it."""
    job = find_job(request, mask_id)
    if job.task != "mask" or job.state != "succeeded":
        raise errors.JobMissing("There is no such mask.")
    return job


Found = Annotated[Job, Depends(find_mask)]


@router.get("/masks/{mask_id}", responses=READING)
def read_mask(mask: Found) -> MaskOut:
    """Which layers there are."""
    return _describe(mask)


@router.get("/masks/{mask_id}/{layer}", response_class=Response, responses=merged(READING, LAYER, PNG))
def read_layer(request: Request, mask: Found, layer: Layer) -> Response:
    """A layer as PNG, white where it is."""
    data = request.app.state.desk.part(mask, layer, 0)
    return Response(data, media_type="image/png", headers={"Cache-Control": "no-store"})


@router.put(
    "/masks/{mask_id}",
    responses=READING | responses(*EDITS),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def edit_mask(request: Request, mask: Found) -> MaskOut:
    """Put an edited mask in the place of the mask: a picture of the same size, white is repainted."""
    data = await request.body()

    def replace() -> Job:
        facts = mask.results[0]
        limits = request.app.state.settings.limits
        edited = images.decode_mask(data, (facts["height"], facts["width"]), limits, "mask")
        request.app.state.desk.replace_part(mask, "mask", images.encode(edited))
        return mask

    return _describe(await to_thread.run_sync(replace, limiter=request.app.state.decoders))


def _describe(job: Job) -> MaskOut:
    facts = job.results[0]
    return MaskOut(
        id=job.id,
        width=facts["width"],
        height=facts["height"],
        garment_type=job.options["garment_type"],
        layers={layer: f"/masks/{job.id}/{layer}" for layer in facts["parts"]},
        expires=job.expires,
    )
