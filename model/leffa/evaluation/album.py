"""The pictures of a report: kept as the cases are measured, shown by its page."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from leffa.errors import CannotWrite
from leffa.evaluation.pairs import Pair
from leffa.evaluation.sheet import thumbnail

FOLDER = "pictures"
TALLEST = 512
QUALITY = 88


class Album:
    """Writes four pictures a case below ``folder``, numbered in order; nothing if that is None."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self.thumbnails: dict[str, np.ndarray] = {}
        """Results by case name; the full pictures of all cases may be gigabytes."""

    def keep(self, pair: Pair, result: np.ndarray) -> None:
        """Write the case's pictures, at most 512 pixels high. Raises CannotWrite."""
        if self._folder is None:
            return
        pictures = {"person": pair.person, "garment": pair.garment, "result": result, "target": pair.target}
        number = len(self.thumbnails)
        self.thumbnails[pair.name] = thumbnail(result)
        with _told(self._folder):
            for part, picture in pictures.items():
                image = Image.fromarray(picture)
                image.thumbnail((4 * TALLEST, TALLEST))
                image.save(self._folder / name_of(number, part), quality=QUALITY)


def name_of(number: int, part: str) -> str:
    """The file of a case's picture: names of cases may hold what files and addresses must not."""
    return f"{number:05}-{part}.webp"


@contextmanager
def picture_folder(out: Path | None) -> Iterator[Album]:
    """An album whose pictures appear as ``out``/pictures, in place of older ones, when the block ends well.

    Raises CannotWrite.
    """
    if out is None:
        yield Album(None)
        return
    draft, place = out / f".{FOLDER}", out / FOLDER
    try:
        with _told(out):
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
        yield Album(draft)
        with _told(out):
            shutil.rmtree(place, ignore_errors=True)
            draft.rename(place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotWrite(f"{folder}: {error}") from error
