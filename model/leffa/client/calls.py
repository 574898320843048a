"""Every call of the service, once, as steps; `leffa.client.blocking` and `awaiting` drive them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import inf
from time import monotonic
from typing import Any, Literal, TypedDict, Unpack
from uuid import uuid4

from leffa.client.core import Core, J, JobHandle, M, MaskHandle
from leffa.client.ear import Ear
from leffa.client.facts import CheckReport, Health, JobFacts, MaskFacts, ModelInfo, Progress, Result
from leffa.client.pictures import Picture, encode
from leffa.client.steps import Abandon, Send, Steps, backoff, pass_time
from leffa.errors import JobCancelled, JobMissing, LeffaError, Unreachable

GarmentType = Literal["upper_body", "lower_body", "dresses"]
Fit = Literal["auto", "keep", "short", "long"]
Part = Literal["image", "mask", "densepose", "parsing", "flow"]
Watcher = Callable[[Progress], object]
LOADING = 503  # of GET /health
GONE = 204
LONGEST_PAGE = 100
RESTART_RETRIES = 4  # more than a request has: a service that is started again takes half a minute
KEY = "Idempotency-Key"


class MaskOptions(TypedDict, total=False):
    """What a mask may be told, see POST /masks; what is left out takes the service's default."""

    garment_type: GarmentType
    model: str
    sleeves: Fit
    length: Fit
    protect: Sequence[Literal["hands", "face", "hair", "accessories", "shoes"]]


class PoseOptions(TypedDict, total=False):
    """What every order may say, see POST /jobs; what is left out takes the service's default.

    idempotency_key: a word for this order, to send it again from elsewhere without doubling it; one is made
    up where it is left out.
    """

    guidance_scale: float
    inference_steps: int
    seed: int
    model: str
    preset: Literal["exact", "fast", "turbo"]
    ref_acceleration: bool
    output_format: Literal["png", "jpeg", "webp"]
    num_images: int
    priority: Literal["interactive", "batch"]
    webhook_url: str
    idempotency_key: str


class TryOnOptions(PoseOptions, MaskOptions, total=False):
    """What a try-on may say beside. mask: a picture, white is repainted, or one that the service keeps."""

    mask: Picture | MaskHandle
    repaint: bool
    preprocess_garment: bool
    upstream_faults: bool


def tryon(
    core: Core[J, M],
    person: Picture,
    garment: Picture,
    *,
    progress: Watcher | None = None,
    timeout: float | None = None,
    **options: Unpack[TryOnOptions],
) -> Steps[Result]:
    """Dress the person in the garment, and wait for the picture.

    progress is called with all that happens meanwhile; after `timeout` seconds it is a TimeoutError. Whatever
    interrupts the waiting cancels the job. Raises the error that stopped it.
    """
    ordered = yield from submit(core, person, garment, **options)
    return (yield from _wait_or_cancel(ordered, progress, timeout))


def pose_transfer(
    core: Core[J, M],
    person: Picture,
    pose: Picture,
    *,
    progress: Watcher | None = None,
    timeout: float | None = None,
    **options: Unpack[PoseOptions],
) -> Steps[Result]:
    """Put the person into the pose of another, and wait for the picture, as `tryon` does."""
    ordered = yield from submit_pose(core, person, pose, **options)
    return (yield from _wait_or_cancel(ordered, progress, timeout))


def submit(core: Core[J, M], person: Picture, garment: Picture, **options: Unpack[TryOnOptions]) -> Steps[J]:
    """Order a try-on; once this returns, the service keeps the order."""
    files = [("human_image", person), ("garment_image", garment)]
    return core.new_job((yield from _order(core, "/jobs", files, options)))


def submit_pose(core: Core[J, M], person: Picture, pose: Picture, **options: Unpack[PoseOptions]) -> Steps[J]:
    """Order a pose transfer."""
    files = [("human_image", person), ("pose_image", pose)]
    return core.new_job((yield from _order(core, "/jobs", files, {"task": "pose", **options})))


def batch(
    core: Core[J, M], person: Picture, garments: Sequence[Picture], **options: Unpack[TryOnOptions]
) -> Steps[list[J]]:
    """Order one person in each of several garments: a job a garment, all or none."""
    files = [("human_image", person), *(("garment_image", garment) for garment in garments)]
    answer = yield from _order(core, "/jobs/batch", files, options)
    return [core.new_job(job) for job in answer["jobs"]]


def check(
    core: Core[J, M],
    person: Picture | None = None,
    garment: Picture | None = None,
    *,
    garment_type: GarmentType | None = None,
) -> Steps[CheckReport]:
    """Say what would go wrong, or could go better, with a photo, a garment or both."""
    pictures = [("human_image", person), ("garment_image", garment)]
    files = [(name, picture) for name, picture in pictures if picture is not None]
    options = {"garment_type": garment_type} if garment_type else {}
    return CheckReport.read((yield from _order(core, "/check", files, options)))


def mask(core: Core[J, M], person: Picture, **options: Unpack[MaskOptions]) -> Steps[M]:
    """Find what would be repainted of a photo."""
    return core.new_mask((yield from _order(core, "/masks", [("human_image", person)], options)))


def job(core: Core[J, M], id: str) -> Steps[J]:
    """A job that was ordered before, perhaps elsewhere. Raises JobMissing."""
    return core.new_job((yield from _get(core, f"/jobs/{id}")))


def history(core: Core[J, M], limit: int = 20) -> Steps[list[J]]:
    """The newest jobs of this API key, or of this client id."""
    found: list[J] = []
    cursor: dict[str, str] = {}
    while len(found) < limit:
        size = min(limit - len(found), LONGEST_PAGE)
        page = yield from _get(core, "/jobs", {"limit": size, **cursor})
        found += [core.new_job(answer) for answer in page["jobs"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    return found


def models(core: Core[J, M]) -> Steps[list[ModelInfo]]:
    """Every model that the service knows, best first."""
    answer = yield from _get(core, "/models")
    return [ModelInfo.read(model) for model in answer]


def health(core: Core[J, M]) -> Steps[Health]:
    """Whether the service can serve, also while it cannot."""
    response = yield from core.ask(Send("GET", "/health"), fine=(LOADING,))
    return Health.read(response.json())


def refresh(job: JobHandle) -> Steps[JobFacts]:
    """Ask again how the job stands; the answer is also in `job.facts`."""
    job.facts = JobFacts.read((yield from _get(job.core, job.path)))
    return job.facts


def wait(job: JobHandle, progress: Watcher | None = None, timeout: float | None = None) -> Steps[Result]:
    """Wait until the job is over, and fetch its pictures.

    progress is called with all that happens meanwhile. Raises the error that the job ended with,
    JobCancelled, and TimeoutError after `timeout` seconds: the job goes on then.
    """
    yield from _listen(job, progress, inf if timeout is None else monotonic() + timeout)
    if job.facts.error is not None:
        raise job.facts.error
    if job.state == "cancelled":
        raise JobCancelled()
    images = []
    for number in range(len(job.facts.seeds)):
        images.append((yield from image(job, number)))
    return Result(job.facts, tuple(images))


def image(job: JobHandle, number: int = 0) -> Steps[bytes]:
    """A picture of a finished job. Raises JobUnfinished, PartMissing, or what the job ended with."""
    return (yield from part(job, "image", number))


def part(job: JobHandle, name: Part, number: int = 0) -> Steps[bytes]:
    """What a picture was made from, as PNG: mask, densepose, parsing or flow. Raises as `image` does."""
    response = yield from job.core.ask(Send("GET", f"{job.path}/{name}", {"number": number}))
    return response.content


def cancel(job: JobHandle) -> Steps[JobFacts]:
    """Have the job stopped, within one denoising step; one that is over stays as it is."""
    for left in range(job.core.retries, -1, -1):
        if (yield from refresh(job)).over:
            break
        try:
            # Sent twice it would delete the cancelled job: so whoever lost the answer looks first.
            response = yield from job.core.ask(Send("DELETE", job.path, repeatable=False))
        except Unreachable:
            if not left:
                raise
        else:
            gone = response.status_code == GONE  # it had ended just then
            job.facts = replace(job.facts, state="cancelled") if gone else JobFacts.read(response.json())
            break
    return job.facts


def delete(job: JobHandle) -> Steps[None]:
    """Have the job, its inputs and its pictures deleted, cancelled first if need be."""
    try:
        yield from cancel(job)
        yield from _listen(job, None, inf)
        yield from job.core.ask(Send("DELETE", job.path))
    except JobMissing:
        return


def layer(mask: MaskHandle, name: str = "mask") -> Steps[bytes]:
    """A layer as PNG, white where it is; `mask.facts.layers` names them."""
    response = yield from mask.core.ask(Send("GET", f"{mask.path}/{name}"))
    return response.content


def edit(mask: MaskHandle, picture: Picture) -> Steps[MaskFacts]:
    """Put an edited picture in the mask's place: as large as the photo, white is repainted."""
    request = Send("PUT", mask.path, content=encode(picture), headers={"Content-Type": "image/png"})
    mask.facts = MaskFacts.read((yield from mask.core.ask(request)).json())
    return mask.facts


def _get(core: Core[Any, Any], path: str, params: Mapping[str, str | int] | None = None) -> Steps[Any]:
    return (yield from core.ask(Send("GET", path, params or {}))).json()


def _order(
    core: Core[Any, Any], path: str, files: Sequence[tuple[str, Picture]], options: Mapping[str, Any]
) -> Steps[Any]:
    """The JSON of a form's answer; under one key, so that sending it again makes nothing anew."""
    sent = list(files)
    texts = {name: _text(value) for name, value in options.items() if name not in ("mask", "idempotency_key")}
    own_mask = options.get("mask")
    if isinstance(own_mask, MaskHandle):
        texts["mask_id"] = own_mask.id
    elif own_mask is not None:
        sent.append(("mask_image", own_mask))
    form = [(name, (name, encode(picture))) for name, picture in sent]
    headers = {KEY: options.get("idempotency_key") or uuid4().hex}
    return (yield from core.ask(Send("POST", path, data=texts, files=form, headers=headers))).json()


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else ",".join(value)


def _listen(job: JobHandle, progress: Watcher | None, deadline: float) -> Steps[None]:
    """Until the job is over; whatever ends a stream before, the next one goes on where it stopped."""
    ear = Ear(job.facts, progress, deadline)
    while not job.facts.over:
        request = Send(
            "GET",
            f"{job.path}/events",
            headers={"Accept": "text/event-stream", "Last-Event-ID": str(ear.last)},
            hear=ear.begin(),
            patience=ear.patience,
        )
        yield from job.core.ask(request, more_retries=RESTART_RETRIES, deadline=deadline)
        job.facts = ear.facts
        if not job.facts.over:
            yield from pass_time(backoff(0), deadline)


def _wait_or_cancel(job: JobHandle, progress: Watcher | None, timeout: float | None) -> Steps[Result]:
    try:
        return (yield from wait(job, progress, timeout))
    except LeffaError as error:
        error.add_note(f"job: {job.id}")
        raise
    except BaseException:
        yield Abandon(Send("DELETE", job.path))
        raise
