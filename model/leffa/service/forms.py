"""The multipart forms: from parts to checked fields, decoded pictures and the engine's requests."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from leffa import images
from leffa.errors import BadParameter, Finding, ImageTooLarge, MissingField
from leffa.images import Limits
from leffa.service.fields import NAMES, REPEATED, Call, PictureFields, parse_fields

MOST_FIELDS = 32
MOST_FIELD_BYTES = 64 * 1024


@dataclass(frozen=True)
class Form:
    """A form as sent: text fields checked, files (by our names) still encoded."""

    call: Call
    fields: PictureFields
    files: dict[str, bytes]


@dataclass(frozen=True)
class Pictures:
    """The decoded files by our names: uint8 [H, W, 3], the garment [H, W, 3 or 4], a mask [H, W]."""

    arrays: dict[str, np.ndarray]
    findings: list[Finding]


async def read_form(request: Request, call: Call, limits: Limits) -> Form:
    """Read and check the form; raises BadParameter, MissingField, EmptyFile or ImageTooLarge."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise MissingField(fix="Send the fields as multipart/form-data.", field=call.required[0])
    form = request.form(max_files=len(call.files) + 1, max_fields=MOST_FIELDS, max_part_size=MOST_FIELD_BYTES)
    async with form as parts:
        _check_kinds(parts, call)
        texts = {
            name: ",".join(map(str, parts.getlist(name)))
            for name, part in parts.items()
            if isinstance(part, str) and name not in call.files
        }
        return Form(call, parse_fields(call, texts), await _read_files(parts, call, limits))


def _check_kinds(parts: FormData, call: Call) -> None:
    for name, part in parts.multi_items():
        if len(parts.getlist(name)) > 1 and name not in REPEATED:
            raise BadParameter(f"The field {name[:100]!r} was sent more than once.", field=name[:100])
        if isinstance(part, str) and name in call.files and part:
            raise MissingField(f"{name} was sent as text, not as a file.", field=name, fix=_both_needed(call))
        if isinstance(part, UploadFile) and name not in call.files:
            # Unknown names are reported by parse_fields; a known one must not be a file.
            parse_fields(call, {name: "file"})
            raise BadParameter(f"{name} must be text, not a file.", field=name)


async def _read_files(parts: FormData, call: Call, limits: Limits) -> dict[str, bytes]:
    files = {}
    for name in call.files:
        part = parts.get(name)
        if isinstance(part, UploadFile) and (part.filename or part.size):
            if (part.size or 0) > limits.file_bytes:
                raise ImageTooLarge(field=name, allowed=limits.file_bytes, received=part.size)
            files[NAMES[name]] = await part.read()
            images.check_bytes(files[NAMES[name]], limits, name)
        elif name in call.required:
            raise MissingField(f"The field {name} is missing.", field=name, fix=_both_needed(call))
    return files


def _both_needed(call: Call) -> str:
    return f"Send the field as a file; both {' and '.join(call.required)} are needed."


def decode_pictures(form: Form, limits: Limits) -> Pictures:
    """Decode the files; slow, so never on the event loop. Raises what leffa.images raises."""
    arrays, findings = {}, []
    for api_name, name in NAMES.items():
        if name not in form.files or name == "mask":
            continue
        picture = images.decode(form.files[name], limits, api_name)
        arrays[name] = picture.pixels if name == "garment" else picture.on_white
        findings += picture.findings
    if "mask" in form.files:
        arrays["mask"] = images.decode_mask(form.files["mask"], arrays["person"].shape[:2], limits)
    return Pictures(arrays, findings)


def to_request(form: Form, pictures: Pictures, model: str, seed: int) -> Any:
    """The TryOnRequest or PoseRequest of a form, for the chosen model."""
    options = form.fields.model_dump(exclude={"seed", "model", "output_format", "num_images"})
    return form.call.request(**pictures.arrays, **options, model=model, seed=seed)
