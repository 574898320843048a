"""Pictures as callers have them: encoded, in a file, or as an image of Pillow or NumPy."""

import io
import os
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from leffa.errors import FileMissing


@runtime_checkable
class Saves(Protocol):
    """An image of Pillow's kind."""

    def save(self, fp: Any, format: str) -> None:
        """Write the picture."""


@runtime_checkable
class Array(Protocol):
    """An array of NumPy's kind: uint8 [H, W, 3 or 4] RGB(A), or [H, W] grey."""

    @property
    def __array_interface__(self) -> dict[str, Any]: ...


Picture = bytes | str | os.PathLike[str] | Saves | Array


def encode(picture: Picture) -> bytes:
    """The bytes to send; images become PNG. Raises FileMissing where a path leads nowhere."""
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, str | os.PathLike):
        return _read(Path(picture))
    if isinstance(picture, Array) and not isinstance(picture, Saves):
        from PIL import Image

        picture = Image.fromarray(picture)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileMissing(f"{path} cannot be read: {error.strerror}.") from error
