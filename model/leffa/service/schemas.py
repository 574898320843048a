"""What comes in and goes out. The only place that knows the API's own names for things."""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leffa.errors import (
    BadParameter,
    UnknownGarmentType,
    UnknownOutputFormat,
    UnknownParameter,
    UnknownPreset,
)
from leffa.tryon import GUIDANCE, SEEDS, STEPS

GarmentType = Literal["upper_body", "lower_body", "dresses"]
Preset = Literal["exact", "fast", "turbo"]
OutputFormat = Literal["png", "jpeg", "webp"]
# Names of the API's files, and what they are called everywhere else.
FILES = {"human_image": "person", "garment_image": "garment", "mask_image": "mask"}
WEIGHTS_TEXT = "embedded (come with the program) or official (downloaded)"
REQUIRED_FILES = ("human_image", "garment_image")


class TryOnFields(BaseModel):
    """The text fields of POST /tryon; one left out takes the model's own default."""

    model_config = ConfigDict(extra="forbid")

    garment_type: GarmentType = Field("upper_body", description="where the garment goes")
    guidance_scale: Annotated[float, Field(ge=GUIDANCE[0], le=GUIDANCE[1], allow_inf_nan=False)] | None = (
        Field(None, description="how closely to follow the garment, 0 to 20")
    )
    inference_steps: Annotated[int, Field(ge=STEPS[0], le=STEPS[1])] | None = Field(
        None, description="denoising steps, 1 to 100"
    )
    seed: Annotated[int, Field(ge=SEEDS[0], le=SEEDS[1])] | Literal["random"] = Field(
        "random", description="the same seed and inputs give the same picture"
    )
    model: str | None = Field(None, description="id of a model, see GET /models")
    preset: Preset | None = Field(None, description="how to trade quality for speed")
    ref_acceleration: bool = Field(False, description="run the reference network once, not every step")
    repaint: bool = Field(False, description="put the photo back outside the mask")
    output_format: OutputFormat = Field("png", description="format of the picture")
    num_images: int = Field(1, ge=1, le=4, description="pictures to make; more than one as JSON only")


UNKNOWN_NAMES = {
    "garment_type": (UnknownGarmentType, list(get_args(GarmentType))),
    "preset": (UnknownPreset, list(get_args(Preset))),
    "output_format": (UnknownOutputFormat, list(get_args(OutputFormat))),
}
RANGES = {
    "guidance_scale": {"minimum": GUIDANCE[0], "maximum": GUIDANCE[1]},
    "inference_steps": {"minimum": STEPS[0], "maximum": STEPS[1]},
    "seed": {"minimum": SEEDS[0], "maximum": SEEDS[1], "or": "random"},
    "num_images": {"minimum": 1, "maximum": 4},
    "ref_acceleration": ["true", "false"],
    "repaint": ["true", "false"],
}


def parse_fields(texts: dict[str, str]) -> TryOnFields:
    """Check the text fields; an empty one counts as left out. Raises BadParameter or one of its kinds."""
    try:
        return TryOnFields.model_validate({name: text for name, text in texts.items() if text != ""})
    except ValidationError as error:
        raise _bad_field(error, texts) from None


def _bad_field(error: ValidationError, texts: dict[str, str]) -> BadParameter:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        names = [*FILES, *TryOnFields.model_fields]
        return UnknownParameter(f"There is no field {name[:100]!r}.", field=name[:100], allowed=names)
    received = texts[name]
    if name in UNKNOWN_NAMES:
        kind, names = UNKNOWN_NAMES[name]
        return kind(f"{name} cannot be {received[:100]!r}.", field=name, allowed=names, received=received)
    return BadParameter(f"{name}: {first['msg']}.", field=name, allowed=RANGES.get(name), received=received)


def request_body() -> dict[str, Any]:
    """The OpenAPI ``requestBody`` of POST /tryon: the files and the text fields."""
    schema = TryOnFields.model_json_schema()
    files = {
        "human_image": "photo of the person",
        "garment_image": "picture of the garment",
        "mask_image": "black and white, as large as human_image; white is repainted",
    }
    described = {
        name: {"type": "string", "format": "binary", "description": text} for name, text in files.items()
    }
    schema["properties"] = described | schema["properties"]
    schema["required"] = list(REQUIRED_FILES)
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


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


class TryOnAnswer(BaseModel):
    """The JSON answer; pictures are base64, all but ``image`` are PNG."""

    image: str = Field(description="the result, in output_format")
    image_type: str = Field(examples=["image/png"])
    mask: str = Field(description="what was repainted, white")
    densepose: str = Field(description="body parts of the person")
    parsing: str = Field(description="clothing labels; pixel values are ATR labels 0 to 17")
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


class ModelInfo(BaseModel):
    """A model that can be asked for."""

    id: str
    task: Literal["tryon"] = "tryon"
    weights: str = Field(description=WEIGHTS_TEXT)
    demonstration: bool
    garment_types: list[str]
    limits: dict[str, Any] = Field(description="ranges of the parameters and of the pictures")
