"""From the files of one case to the tensors of one sample, the same for every dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from leffa.diffusion.transform import ModelInputs, model_inputs
from leffa.errors import BadFile, BadFolder, FileMissing
from leffa.evaluation.pairs import open_picture
from leffa.images import to_8_bits
from leffa.preprocess.densepose import PART_COLOURS

Picture = NDArray[np.uint8]
WHITE, BLACK = 255, 0


@dataclass(frozen=True)
class Case:
    """The files of one sample. All but the garment show the same frame, at any size of its proportions.

    person: who is masked; target: the true result, in try-on data the same file. clothes: labels of the
    target, from which the source's `garment_mask` tells the garment. mask None: all is repainted.
    garment_type: what to look for among the labels.
    """

    person: Path
    target: Path
    garment: Path
    densepose: Path
    clothes: Path
    mask: Path | None = None
    garment_type: str = ""

    def in_frame(self) -> list[Path]:
        """The files that must have the person's proportions, the person first, each once."""
        files = [self.person, self.target, self.densepose, self.clothes]
        return list(dict.fromkeys([*files, self.mask] if self.mask else files))


@dataclass(frozen=True)
class Source:
    """Cases and how their files are read.

    densepose: the file of that name to uint8 RGB [H, W, 3] in the model's own form. garment_mask: a case to
    bool [H, W], where the target shows the garment of the reference picture.
    """

    cases: list[Case]
    densepose: Callable[[Path], Picture]
    garment_mask: Callable[[Case], NDArray[np.bool_]]


class Samples(Dataset[dict[str, Tensor]]):
    """The cases of a source as tensors for networks of height x width."""

    def __init__(self, source: Source, height: int, width: int) -> None:
        self.source, self.height, self.width = source, height, width

    def __len__(self) -> int:
        return len(self.source.cases)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Float32 tensors, pictures RGB in -1..1: person, target, garment, densepose [3, H, W]; mask
        [1, H, W], 1 where to repaint; garment_mask [1, H, W] 0..1.

        A frame of other proportions is centred on white (masks and DensePose: black), as at inference.
        Raises FileMissing or BadFile.
        """
        case = self.source.cases[index]
        target = read_rgb(case.target)
        person = target if case.person == case.target else read_rgb(case.person)
        shown = self._inputs(case, person)
        result = shown.person if person is target else self._inputs(case, target).person
        garment_mask = self.source.garment_mask(case).astype(np.uint8) * 255
        worn = Image.fromarray(self._framed(garment_mask, BLACK)).resize((self.width, self.height))
        return {
            "person": shown.person[0],
            "target": result[0],
            "garment": shown.garment[0],
            "densepose": shown.densepose[0],
            "mask": shown.mask[0],
            "garment_mask": torch.from_numpy(np.asarray(worn, np.float32)[None] / 255),
        }

    def _inputs(self, case: Case, person: Picture) -> ModelInputs:
        everything = np.full((self.height, self.width), WHITE, np.uint8)
        mask = self._framed(read_grey(case.mask), BLACK) if case.mask else everything
        return model_inputs(
            self._framed(person, WHITE),
            self._framed(read_rgb(case.garment), WHITE),
            mask,
            self._framed(self.source.densepose(case.densepose), BLACK),
            self.height,
            self.width,
        )

    def _framed(self, picture: Picture, fill: int) -> Picture:
        """Padded to the samples' proportions, centred; not resized."""
        rows, columns = picture.shape[:2]
        height = max(rows, round(columns * self.height / self.width))
        width = max(columns, round(rows * self.width / self.height))
        canvas = np.full((height, width, *picture.shape[2:]), fill, np.uint8)
        top, left = (height - rows) // 2, (width - columns) // 2
        canvas[top : top + rows, left : left + columns] = picture
        return canvas


def read_list(path: Path, separator: str | None = None) -> list[list[str]]:
    """The lines of a list as words, without empty ones. Raises FileMissing, BadFolder where none is left."""
    if not path.is_file():
        raise FileMissing(f"{path} is missing.", fix="See docs/training.md for the layout.")
    lines = [line.strip().split(separator) for line in path.read_text().splitlines() if line.strip()]
    if not lines:
        raise BadFolder(f"{path} names nothing.")
    return lines


def read_rgb(path: Path) -> Picture:
    """uint8 RGB [H, W, 3]; what is transparent lies on white. Raises FileMissing, BadFile."""
    picture = to_8_bits(open_picture(path))
    if "A" in picture.getbands() or "transparency" in picture.info:
        cutout = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", cutout.size, "white"), cutout)
    return np.asarray(picture.convert("RGB"))


def read_grey(path: Path) -> Picture:
    """uint8 [H, W]. Raises FileMissing, BadFile."""
    return np.asarray(to_8_bits(open_picture(path)).convert("L"))


def read_labels(path: Path) -> Picture:
    """Label numbers, uint8 [H, W], of a grey picture or one with a palette. Raises FileMissing, BadFile."""
    picture = open_picture(path)
    if picture.mode not in ("P", "L"):
        raise BadFile(f"{path} holds colours ({picture.mode}), not label numbers.")
    return np.asarray(picture)


def read_coloured_parts(path: Path) -> Picture:
    """A map of DensePose's parts 0..24 as coloured segmentation, uint8 RGB [H, W, 3]."""
    return PART_COLOURS[_parts(path)]


def read_part_index(path: Path) -> Picture:
    """A map of DensePose's parts 0..24 three times, uint8 [H, W, 3]."""
    return np.repeat(_parts(path)[..., None], 3, axis=2)


def _parts(path: Path) -> Picture:
    parts = read_labels(path)
    if parts.max() >= len(PART_COLOURS):
        raise BadFile(f"{path} has a part {parts.max()}; DensePose's are 0 to {len(PART_COLOURS) - 1}.")
    return parts
