"""What goes out: the JSON answers."""

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
    parameters: dict[str, Any]
    findings: list[FindingOut]
    timings: dict[str, float] = Field(description="seconds a stage")
    provenance: dict[str, Any] = Field(description="all that is needed to make the picture again")
    variations: list[Variation] = Field(description="the other pictures where num_images is above 1")


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
    queue_depth: int = Field(description="requests running and waiting")
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
