"""What goes out: the JSON answers."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

WEIGHTS_TEXT = "embedded (come with the program) or official (downloaded)"


class FindingOut(BaseModel):
    """Something worth telling that did not stop the work."""

    code: str
    detail: str
    fix: str


class Variation(BaseModel):
    """A further picture of the same request, with its own seed."""

    seed: int
    image: str = Field(description="the picture, base64")
    provenance: dict[str, Any]


class PictureAnswer(BaseModel):
    """The JSON answer; pictures are base64, all but ``image`` are PNG."""

    image: str = Field(description="the result, in output_format")
    image_type: str = Field(examples=["image/png"])
    mask: str = Field(description="what was repainted, white")
    densepose: str = Field(description="body parts of the person")
    parsing: str = Field(description="clothing labels; pixel values are ATR labels 0 to 17, and 18 the neck")
    flow: str = Field(
        description="where in the garment a pixel comes from: red = x, green = y, blue = there is one"
    )
    seed: int
    model: str
    weights: str = Field(description=WEIGHTS_TEXT)
    demonstration: bool
    request_id: str
    job: str = Field(description="the job that made it, see GET /jobs/{id}")
    parameters: dict[str, Any]
    findings: list[FindingOut]
    timings: dict[str, float] = Field(description="seconds a stage")
    provenance: dict[str, Any] = Field(description="all that is needed to make the picture again")
    variations: list[Variation] = Field(description="the other pictures where num_images is above 1")


class Problem(BaseModel):
    """What went wrong: RFC 9457's members, then ours."""

    type: str = Field(examples=["/docs/problems#no_person"])
    title: str
    status: int
    detail: str
    instance: str = Field(description="the request's id, as in X-Request-ID, or the job's")
    code: str = Field(description="stable name of the error")
    fix: str = Field(description="what to do about it")
    field: str | None = Field(None, description="the field at fault")
    allowed: Any = Field(None, description="what the field may be")
    received: Any = Field(None, description="what came")


class ProgressOut(BaseModel):
    """Where a running job is: step `step` of `total` in `stage`."""

    stage: str = Field(examples=["load", "preprocess", "denoise", "restore"])
    step: int
    total: int
    seconds_left: float | None


class ProgressNews(ProgressOut):
    """Data of the event `progress`."""

    preview: str | None = Field(description="the forming picture as data:image/webp;base64,...")


class QueueNews(BaseModel):
    """Data of the event `queue`: the line has moved."""

    position: int = Field(description="jobs before it in line, 0 when it is next")
    seconds_left: float


class JobImage(BaseModel):
    """One picture of a finished job."""

    seed: int
    links: dict[str, str] = Field(description="where image, mask, densepose, parsing and flow are")


class JobOut(BaseModel):
    """A job: what was ordered, where it stands, what came of it."""

    id: str
    task: Literal["tryon", "pose", "mask", "check"]
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    model: str
    demonstration: bool = Field(description="whether the small embedded model makes it")
    position: int | None = Field(description="jobs before it in line, 0 when it is next")
    seconds_left: float | None = Field(description="until it is done, about; null when it is over")
    progress: ProgressOut | None
    seeds: list[int]
    parameters: dict[str, Any] = Field(description="as asked for; once it is done, as used")
    output_format: str
    created: datetime | None
    started: datetime | None
    finished: datetime | None
    expires: datetime | None = Field(description="when it is deleted")
    attempt: int = Field(description="how often it was begun; more than 1 after the service was interrupted")
    batch: str | None
    findings: list[FindingOut]
    images: list[JobImage] = Field(description="empty until it has succeeded, and of masks")
    error: Problem | None
    links: dict[str, str]


class JobPage(BaseModel):
    """Some jobs, newest first."""

    jobs: list[JobOut]
    next: str | None = Field(description="the `cursor` of the next page")


class BatchOut(BaseModel):
    """The jobs of one person and several garments."""

    batch: str
    jobs: list[JobOut]


class MaskOut(BaseModel):
    """An agnostic mask that can be looked at, edited, and used as `mask_id`."""

    id: str
    width: int
    height: int
    garment_type: str
    layers: dict[str, str] = Field(description="addresses of PNGs, white = yes; `mask` is what is repainted")
    expires: datetime | None


class CheckFinding(BaseModel):
    """Something about a picture; an error would stop a try-on, and has the same code there."""

    code: str
    severity: Literal["error", "warning", "info"]
    field: str
    detail: str
    fix: str


class CheckOut(BaseModel):
    """What the pictures are good for, before anything is made of them."""

    ok: bool = Field(description="whether a try-on would be tried")
    findings: list[CheckFinding]
    person: dict[str, Any] | None = Field(None, description="found, count, box, parts_seen")
    garment: dict[str, Any] | None = Field(None, description="worn, garment_type (a guess), box")


class ImageEdit(BaseModel):
    """A picture in OpenAI's shape, as its bytes or as an address."""

    b64_json: str | None = None
    url: str | None = None


class ImagesAnswer(BaseModel):
    """The answer of POST /v1/images/edits."""

    created: int
    data: list[ImageEdit]
    output_format: str


class ImagesFailure(BaseModel):
    """What went wrong, in OpenAI's shape."""

    message: str
    type: str
    param: str | None
    code: str


class ImagesError(BaseModel):
    """An error of POST /v1/images/edits."""

    error: ImagesFailure


class Health(BaseModel):
    """Whether the service can serve, and with what."""

    status: Literal["loading", "ready", "failed"]
    reason: str = Field("", description="why it failed")
    model: str
    weights: str | None = Field(None, description=WEIGHTS_TEXT)
    demonstration: bool | None = Field(None, description="true for the small embedded model")
    device: str
    dtype: str | None = None
    versions: dict[str, str]
    queue_depth: int = Field(description="jobs running and waiting")
    uptime_seconds: float


class Licence(BaseModel):
    """One ingredient of a model, and on which terms it is had."""

    part: str = Field(examples=["code", "weights", "training data"])
    name: str
    licence: str
    source: str = Field(description="where the terms can be read")
    non_commercial: bool = Field(description="whether the terms exclude commerce")
    confirmed: bool = Field(description="whether the terms were read there, or are as commonly reported")
    note: str


class ModelInfo(BaseModel):
    """A model that the program knows."""

    id: str
    task: Literal["tryon", "pose"] = Field(description="which address it answers: /tryon or /pose-transfer")
    weights: str = Field(description=WEIGHTS_TEXT)
    weights_hash: str | None = Field(None, description="of a loaded one; also in every picture it made")
    demonstration: bool
    default: bool = Field(description="whether it answers where nothing else decides")
    present: bool = Field(description="whether its weights are here")
    missing: list[str] = Field(description="files of the weights folder that it needs and that are not there")
    command: str | None = Field(None, description="what to run on the server to get the missing files")
    loaded: bool
    state: Literal["absent", "refused", "waiting", "loading", "loaded", "failed"]
    reason: str = Field("", description="why it is refused or failed")
    device: str | None = Field(None, description="where it runs or would run")
    dtype: str | None = None
    memory: Literal["resident", "offloaded"] | None = Field(
        None, description="its networks stay on the device, or go there one at a time"
    )
    memory_bytes: int | None = Field(None, description="what its networks take, about; 0 for next to nothing")
    garment_types: list[str]
    first_choice_for: list[str] = Field(description="garment types it serves where a request names no model")
    limits: dict[str, Any] = Field(description="ranges of the parameters and of the pictures")
    defaults: dict[str, Any] = Field(description="parameters that are left out")
    licences: list[Licence] = Field(
        description="code, weights, training data, parsers: this is no legal advice"
    )
    non_commercial: bool = Field(description="whether any part excludes commerce")
    refused: bool = Field(description="whether the settings forbid it for that")
