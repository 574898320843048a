"""What comes in: the forms of the addresses. The only place that knows the API's own names for things."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from leffa import images
from leffa.engine.protocol import WorkKind
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
Fit = Literal["auto", "keep", "short", "long"]
Protected = Literal["hands", "face", "hair", "accessories", "shoes"]


def _split(value: Any) -> Any:
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


Protects = Annotated[
    tuple[Protected, ...], BeforeValidator(_split), Field(max_length=len(get_args(Protected)))
]
# Fields that several forms share.
MODEL: Any = Field(None, description="id of a model, see GET /models")
GARMENT_TYPE: Any = Field("upper_body", description="where the garment goes")
SLEEVES: Any = Field("auto", description="sleeves of the new garment; keep: as those worn now")
LENGTH: Any = Field("auto", description="length of the new garment; keep: as of that worn now")
PROTECT: Any = Field((), description="never repainted: words separated by commas, or the field several times")


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
    model: str | None = MODEL
    preset: Preset | None = Field(None, description="how to trade quality for speed")
    ref_acceleration: bool = Field(False, description="run the reference network once, not every step")
    output_format: OutputFormat = Field("png", description="format of the picture")
    num_images: int = Field(1, ge=1, le=4, description="pictures to make; more than one as JSON only")


class TryOnFields(PictureFields):
    """The text fields of POST /tryon."""

    garment_type: GarmentType = GARMENT_TYPE
    sleeves: Fit = SLEEVES
    length: Fit = LENGTH
    protect: Protects = PROTECT
    repaint: bool = Field(False, description="put the photo back outside the mask")
    preprocess_garment: bool = Field(
        False, description="centre a garment cut out of its background, a PNG with transparency"
    )
    upstream_faults: bool = Field(
        False, description="repeat the known faults of Leffa's own demo instead of correcting them"
    )

    mask_id: str | None = Field(None, max_length=64, description="id of POST /masks, instead of mask_image")


class PoseFields(PictureFields):
    """The text fields of POST /pose-transfer."""


class JobFields(BaseModel):
    """What a job takes beside the fields of its picture."""

    task: Literal["tryon", "pose"] = Field("tryon", description="whose fields the others are")
    priority: Literal["interactive", "batch"] = Field(
        "interactive", description="batch: somebody waits less impatiently"
    )
    webhook_url: str | None = Field(
        None, max_length=2000, description="called when the job is over, signed as Standard Webhooks"
    )


class TryOnJobFields(JobFields, TryOnFields):
    """The text fields of POST /jobs for a try-on."""


class PoseJobFields(JobFields, PoseFields):
    """The text fields of POST /jobs for a pose transfer."""


class MaskFields(BaseModel):
    """The text fields of POST /masks."""

    model_config = ConfigDict(extra="forbid")

    garment_type: GarmentType = GARMENT_TYPE
    model: str | None = MODEL
    sleeves: Fit = SLEEVES
    length: Fit = LENGTH
    protect: Protects = PROTECT


class CheckFields(BaseModel):
    """The text fields of POST /check."""

    model_config = ConfigDict(extra="forbid")

    garment_type: GarmentType | None = Field(None, description="where the garment goes")


@dataclass(frozen=True)
class Call:
    """One address's form: its text fields, and its files by the API's name with a description."""

    task: WorkKind
    fields: type[BaseModel]
    files: Mapping[str, str]
    optional: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()

    @property
    def required(self) -> list[str]:
        """The files that must be sent."""
        return [name for name in self.files if name not in self.optional]


# What the API's files are called everywhere else.
NAMES = {"human_image": "person", "garment_image": "garment", "mask_image": "mask", "pose_image": "pose"}
PERSON, GARMENT = "photo of the person", "picture of the garment"
TRYON_FILES = {
    "human_image": PERSON,
    "garment_image": GARMENT,
    "mask_image": "black and white, as large as human_image; white is repainted",
}
POSE_FILES = {"human_image": PERSON, "pose_image": "photo of somebody in the pose to take"}
TRYON = Call("tryon", TryOnFields, TRYON_FILES, optional=("mask_image",))
POSE = Call("pose", PoseFields, POSE_FILES)
CALLS = (TRYON, POSE)
JOBS = {
    "tryon": replace(TRYON, fields=TryOnJobFields),
    "pose": replace(POSE, fields=PoseJobFields),
}
BATCH = replace(TRYON, fields=TryOnJobFields, repeated=("garment_image",))
MASK = Call("mask", MaskFields, {"human_image": PERSON})
CHECK = Call(
    "check",
    CheckFields,
    {"human_image": PERSON, "garment_image": GARMENT},
    optional=("human_image", "garment_image"),
)
MOST_GARMENTS = 16
# Fields that may be sent several times.
REPEATED = ("protect",)
UNKNOWN_NAMES = {
    "garment_type": (UnknownGarmentType, list(get_args(GarmentType))),
    "preset": (UnknownPreset, list(get_args(Preset))),
    "output_format": (UnknownOutputFormat, list(get_args(OutputFormat))),
}
SWITCH = ["true", "false"]
PICTURE_TYPES = [f"image/{kind.lower()}" for kind in images.READ_FORMATS]
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
    "task": list(JOBS),
    "priority": ["interactive", "batch"],
}


def parse_fields(call: Call, texts: Mapping[str, str]) -> BaseModel:
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


def request_body(*calls: Call) -> dict[str, Any]:
    """The OpenAPI ``requestBody`` of an address: the files and the text fields, of one form or another."""
    schema = _form_schema(calls[0])
    for call in calls[1:]:  # one form with the fields of all: clients are generated from it
        schema["properties"] = _form_schema(call)["properties"] | schema["properties"]
    needed = [call.required for call in calls] if calls[0].required else [[name] for name in calls[0].files]
    schema["required"] = [name for name in needed[0] if all(name in others for others in needed)]
    if len(needed) > 1:
        schema["anyOf"] = [{"required": names} for names in needed]
    files = dict.fromkeys(name for call in calls for name in call.files)
    encoding = {name: {"contentType": ", ".join(PICTURE_TYPES)} for name in files}
    return {"required": True, "content": {"multipart/form-data": {"schema": schema, "encoding": encoding}}}


def _form_schema(call: Call) -> dict[str, Any]:
    schema = call.fields.model_json_schema()
    texts = {name: _text_schema(text) for name, text in schema["properties"].items()}
    schema["properties"] = {name: _file_schema(call, name) for name in call.files} | texts
    return schema


def _text_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A field as a form can have it: left out, but never null."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    plain = {name: value for name, value in schema.items() if name != "anyOf" and value is not None}
    if plain.get("type") == "array" and "maxLength" in plain:  # of a tuple pydantic says it as of a text
        plain["maxItems"] = plain.pop("maxLength")
    return plain | (kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {})


def _file_schema(call: Call, name: str) -> dict[str, Any]:
    file = {"type": "string", "format": "binary", "description": call.files[name]}
    return (
        {"type": "array", "items": file, "minItems": 1, "maxItems": MOST_GARMENTS}
        if name in call.repeated
        else file
    )
