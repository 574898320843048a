"""The weights folder as a place to write to: one writer at a time, and only where there is room."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub.utils import WeakFileLock

from leffa.errors import BadFile, CannotWrite

LOCK = ".weights.lock"
GIGABYTE = 1000**3


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other pulls and conversions out of the folder, which is made where it is missing.

    The lock goes with the process, however that ends. Raises BadFile where another is at work, CannotWrite.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(folder / LOCK, timeout=0.1):
            yield
    except TimeoutError as error:
        raise BadFile(
            f"Another pull or conversion is at work in {folder}.", fix="Wait for its end."
        ) from error
    except OSError as error:
        raise CannotWrite(f"{folder} cannot be written: {error.strerror or error}.") from error


def check_space(folder: Path, needed: int) -> None:
    """Raises CannotWrite where the folder's disk has no room for so many bytes."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise CannotWrite(
            f"{needed / GIGABYTE:.1f} GB are to come, {folder} has room for {free / GIGABYTE:.1f} GB.",
            fix="Make room, or set MODEL_PATH to a larger disk.",
        )
