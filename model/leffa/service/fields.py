"""What comes in: the forms of the addresses. The only place that knows the API's own names for things."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from leffa.errors import (
    BadParameter,
    UnknownGarmentType,
    UnknownOutputFormat,
    UnknownParameter,
    UnknownPreset,
)
from leffa.tryon import GUIDANCE, SEEDS, STEPS, PoseRequest, TryOnRequest

GarmentType = Literal["upper_body", "lower_body", "dresses"]
Preset = Literal["exact", "fast", "turbo"]
OutputFormat = Literal["png", "jpeg", "webp"]
Fit = Literal["auto", "keep", "short", "long"]
Protected = Literal["hands", "face", "hair", "accessories", "shoes"]


def _split(value: Any) -> Any:
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


class PictureFields(BaseModel):
    """The text fields that every picture takes; one left out takes the model's own default."""

    model_config = ConfigDict(extra="forbid")

    guidance_scale: Annotated[float, Field(ge=GUIDANCE[0], le=GUIDANCE[1], allow_inf_nan=False)] | None = (
        Field(None, description="how closely to follow the garment or the person, 0 to 20")
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
    output_format: OutputFormat = Field("png", description="format of the picture")
    num_images: int = Field(1, ge=1, le=4, description="pictures to make; more than one as JSON only")


class TryOnFields(PictureFields):
    """The text fields of POST /tryon."""

    garment_type: GarmentType = Field("upper_body", description="where the garment goes")
    sleeves: Fit = Field("auto", description="sleeves of the new garment; keep: as those worn now")
    length: Fit = Field("auto", description="length of the new garment; keep: as of that worn now")
    protect: Annotated[tuple[Protected, ...], BeforeValidator(_split)] = Field(
        (), description="never repainted: words separated by commas, or the field several times"
    )
    repaint: bool = Field(False, description="put the photo back outside the mask")
    preprocess_garment: bool = Field(
        False, description="centre a garment cut out of its background, a PNG with transparency"
    )
    upstream_faults: bool = Field(
        False, description="repeat the known faults of Leffa's own demo instead of correcting them"
    )


class PoseFields(PictureFields):
    """The text fields of POST /pose-transfer."""


@dataclass(frozen=True)
class Call:
    """One address's form: its text fields, its files by the API's name with a description, its request."""

    task: Literal["tryon", "pose"]
    fields: type[PictureFields]
    request: Callable[..., TryOnRequest | PoseRequest]
    files: Mapping[str, str]
    optional: tuple[str, ...] = ()

    @property
    def required(self) -> list[str]:
        """The files that must be sent."""
        return [name for name in self.files if name not in self.optional]


# What the API's files are called everywhere else.
NAMES = {"human_image": "person", "garment_image": "garment", "mask_image": "mask", "pose_image": "pose"}
TRYON = Call(
    "tryon",
    TryOnFields,
    TryOnRequest,
    {
        "human_image": "photo of the person",
        "garment_image": "picture of the garment",
        "mask_image": "black and white, as large as human_image; white is repainted",
    },
    optional=("mask_image",),
)
POSE = Call(
    "pose",
    PoseFields,
    PoseRequest,
    {"human_image": "photo of the person", "pose_image": "photo of somebody in the pose to take"},
)
CALLS = (TRYON, POSE)
# Fields that may be sent several times.
REPEATED = ("protect",)
UNKNOWN_NAMES = {
    "garment_type": (UnknownGarmentType, list(get_args(GarmentType))),
    "preset": (UnknownPreset, list(get_args(Preset))),
    "output_format": (UnknownOutputFormat, list(get_args(OutputFormat))),
}
SWITCH = ["true", "false"]
RANGES = {
    "guidance_scale": {"minimum": GUIDANCE[0], "maximum": GUIDANCE[1]},
    "inference_steps": {"minimum": STEPS[0], "maximum": STEPS[1]},
    "seed": {"minimum": SEEDS[0], "maximum": SEEDS[1], "or": "random"},
    "num_images": {"minimum": 1, "maximum": 4},
    "ref_acceleration": SWITCH,
    "sleeves": list(get_args(Fit)),
    "length": list(get_args(Fit)),
    "protect": list(get_args(Protected)),
    "repaint": SWITCH,
    "preprocess_garment": SWITCH,
    "upstream_faults": SWITCH,
}


def parse_fields(call: Call, texts: Mapping[str, str]) -> PictureFields:
    """Check the text fields; an empty one counts as left out. Raises BadParameter or one of its kinds."""
    try:
        return call.fields.model_validate({name: text for name, text in texts.items() if text != ""})
    except ValidationError as error:
        raise _bad_field(call, error, texts) from None


def _bad_field(call: Call, error: ValidationError, texts: Mapping[str, str]) -> BadParameter:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        names = [*call.files, *call.fields.model_fields]
        return UnknownParameter(f"There is no field {name[:100]!r}.", field=name[:100], allowed=names)
    received = texts[name]
    if name in UNKNOWN_NAMES:
        kind, names = UNKNOWN_NAMES[name]
        return kind(f"{name} cannot be {received[:100]!r}.", field=name, allowed=names, received=received)
    return BadParameter(f"{name}: {first['msg']}.", field=name, allowed=RANGES.get(name), received=received)


def request_body(call: Call) -> dict[str, Any]:
    """The OpenAPI ``requestBody`` of an address: the files and the text fields."""
    schema = call.fields.model_json_schema()
    described = {
        name: {"type": "string", "format": "binary", "description": text} for name, text in call.files.items()
    }
    schema["properties"] = described | schema["properties"]
    schema["required"] = call.required
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
