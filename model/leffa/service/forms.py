"""The multipart form of POST /tryon: from parts to checked fields and decoded pictures."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from leffa import images
from leffa.errors import BadParameter, Finding, ImageTooLarge, MissingField
from leffa.images import Limits
from leffa.service.schemas import FILES, REQUIRED_FILES, TryOnFields, parse_fields

MOST_FIELDS = 32
MOST_FIELD_BYTES = 64 * 1024


@dataclass(frozen=True)
class Form:
    """A form as sent: text fields checked, files (by our name: person, garment, mask) still encoded."""

    fields: TryOnFields
    files: dict[str, bytes]


@dataclass(frozen=True)
class Pictures:
    """The decoded files: person uint8 [H, W, 3], garment [H, W, 3 or 4], mask [H, W] or None."""

    person: np.ndarray
    garment: np.ndarray
    mask: np.ndarray | None
    findings: list[Finding]


async def read_form(request: Request, limits: Limits) -> Form:
    """Read and check the form; raises BadParameter, MissingField, EmptyFile or ImageTooLarge."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise MissingField(fix="Send the fields as multipart/form-data.", field=REQUIRED_FILES[0])
    form = request.form(max_files=len(FILES) + 1, max_fields=MOST_FIELDS, max_part_size=MOST_FIELD_BYTES)
    async with form as parts:
        _check_kinds(parts)
        texts = {name: part for name, part in parts.items() if isinstance(part, str) and name not in FILES}
        fields = parse_fields(texts)
        return Form(fields, await _read_files(parts, limits))


def _check_kinds(parts: FormData) -> None:
    for name, part in parts.items():
        if len(parts.getlist(name)) > 1:
            raise BadParameter(f"The field {name[:100]!r} was sent more than once.", field=name[:100])
        if isinstance(part, str) and name in FILES and part:
            raise MissingField(f"{name} was sent as text, not as a file.", field=name)
        if isinstance(part, UploadFile) and name not in FILES:
            # Unknown names are reported by parse_fields; a known one must not be a file.
            parse_fields({name: "file"})
            raise BadParameter(f"{name} must be text, not a file.", field=name)


async def _read_files(parts: FormData, limits: Limits) -> dict[str, bytes]:
    files = {}
    for name, short_name in FILES.items():
        part = parts.get(name)
        if isinstance(part, UploadFile) and (part.filename or part.size):
            if (part.size or 0) > limits.file_bytes:
                raise ImageTooLarge(field=name, allowed=limits.file_bytes, received=part.size)
            files[short_name] = await part.read()
            images.check_bytes(files[short_name], limits, name)
        elif name in REQUIRED_FILES:
            raise MissingField(f"The field {name} is missing.", field=name)
    return files


def decode_pictures(files: dict[str, bytes], limits: Limits) -> Pictures:
    """Decode the files; slow, so never on the event loop. Raises what leffa.images raises."""
    person = images.decode(files["person"], limits, "human_image")
    garment = images.decode(files["garment"], limits, "garment_image")
    pixels = person.on_white
    mask = images.decode_mask(files["mask"], pixels.shape[:2], limits) if "mask" in files else None
    return Pictures(pixels, garment.pixels, mask, person.findings + garment.findings)


def to_request(fields: TryOnFields, pictures: Pictures, seed: int) -> dict[str, Any]:
    """The fields of a TryOnRequest."""
    options = fields.model_dump(exclude={"seed", "output_format", "num_images"})
    return {
        **options,
        "seed": seed,
        "person": pictures.person,
        "garment": pictures.garment,
        "mask": pictures.mask,
    }
