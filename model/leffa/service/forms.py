"""The multipart forms: from parts to checked fields and files."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request
from pydantic import BaseModel
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile

from leffa import images
from leffa.errors import BadParameter, ImageTooLarge, MissingField, StorageFailed
from leffa.images import Limits
from leffa.service.fields import JOBS, MOST_GARMENTS, NAMES, REPEATED, Call, parse_fields

MOST_FIELDS = 32
MOST_FIELD_BYTES = 64 * 1024
MULTIPART = "multipart/form-data"
UTF8 = b"utf-8", b"utf8"


@dataclass(frozen=True)
class Form:
    """A form as sent: text fields checked, files (by our names, each perhaps several times) still encoded."""

    call: Call
    fields: BaseModel
    files: Mapping[str, list[bytes]]

    @property
    def single_files(self) -> dict[str, bytes]:
        """The files where none may be sent twice."""
        return {name: datas[0] for name, datas in self.files.items()}


async def read_form(request: Request, call: Call, limits: Limits) -> Form:
    """Read and check the form; raises BadParameter, MissingField, EmptyFile or ImageTooLarge."""
    return await _read(request, {call.task: call}, limits)


async def read_job_form(request: Request, limits: Limits) -> Form:
    """As read_form, of POST /jobs: the field `task` says whose fields the others are."""
    return await _read(request, JOBS, limits)


async def _read(request: Request, calls: Mapping[str, Call], limits: Limits) -> Form:
    first = next(iter(calls.values()))
    if not request.headers.get("content-type", "").lower().startswith(MULTIPART):
        field = first.required[0] if first.required else None
        raise MissingField(fix=f"Send the fields as {MULTIPART}.", field=field)
    # One more than allowed, so that we say what was sent twice instead of the parser's refusing it.
    most_files = len(first.files) + 1 + (MOST_GARMENTS if first.repeated else 0)
    async with open_form(request, most_files) as parts:
        call = calls.get(str(parts.get("task", "")), first)
        _check_kinds(parts, call)
        texts = {
            name: ",".join(map(str, parts.getlist(name)))
            for name, part in parts.items()
            if isinstance(part, str) and name not in call.files
        }
        return Form(call, parse_fields(call, texts), await _read_files(parts, call, limits))


@asynccontextmanager
async def open_form(request: Request, most_files: int) -> AsyncIterator[FormData]:
    """The parts of a form. Raises BadParameter and StorageFailed; HTTPException where it is none."""
    _, options = parse_options_header(request.headers.get("content-type", ""))
    charset = options.get(b"charset", UTF8[0]).lower()
    if charset not in UTF8:  # some that Python knows make texts that JSON has not
        raise BadParameter("The form's texts are not UTF-8.", field="charset", allowed=[UTF8[0].decode()])
    form = request.form(max_files=most_files, max_fields=MOST_FIELDS, max_part_size=MOST_FIELD_BYTES)
    try:
        async with form as parts:
            yield parts
    except OSError as error:  # large files lie on the disk while they arrive
        raise StorageFailed("There is no room for what was sent.") from error


def _check_kinds(parts: FormData, call: Call) -> None:
    for name, part in parts.multi_items():
        if len(parts.getlist(name)) > 1 and name not in (*REPEATED, *call.repeated):
            raise BadParameter(f"The field {name[:100]!r} was sent more than once.", field=name[:100])
        if isinstance(part, str) and name in call.files and part:
            raise MissingField(f"{name} was sent as text, not as a file.", field=name, fix=_needed(call))
        if isinstance(part, UploadFile) and name not in call.files:
            # Unknown names are reported by parse_fields; a known one must not be a file.
            parse_fields(call, {name: "file"})
            raise BadParameter(f"{name} must be text, not a file.", field=name)


async def _read_files(parts: FormData, call: Call, limits: Limits) -> dict[str, list[bytes]]:
    files: dict[str, list[bytes]] = {}
    for name in call.files:
        sent = [part for part in parts.getlist(name) if isinstance(part, UploadFile)]
        used = [part for part in sent if part.filename or part.size]
        if len(used) > MOST_GARMENTS:
            raise BadParameter(f"{len(used)} garments were sent.", field=name, allowed=MOST_GARMENTS)
        if used:
            files[NAMES[name]] = [await _read_file(part, name, limits) for part in used]
        elif name in call.required:
            raise MissingField(f"The field {name} is missing.", field=name, fix=_needed(call))
    return files


async def _read_file(part: UploadFile, name: str, limits: Limits) -> bytes:
    if (part.size or 0) > limits.file_bytes:
        raise ImageTooLarge(field=name, allowed=limits.file_bytes, received=part.size)
    data = await part.read()
    images.check_bytes(data, limits, name)
    return data


def _needed(call: Call) -> str:
    names = " and ".join(call.required)
    both = "both " if len(call.required) == 2 else ""
    return f"Send the field as a file; {both}{names} are needed." if names else "Send the field as a file."
