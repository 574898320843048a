"""Our own pairs folder, as `leffa synth` writes it: the target is the person in the other garment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leffa.evaluation.pairs import find_cases
from leffa.training.datasets.samples import Case, Source, read_coloured_parts, read_grey, read_part_index


def pairs(folder: Path, form: str = "segmentation") -> Source:
    """The cases of `folder`. Raises FileMissing, BadFolder."""
    painter = read_part_index if form == "part_index" else read_coloured_parts
    return Source([_case(case) for case in find_cases(folder)], painter, _garment_mask)


def _case(folder: Path) -> Case:
    return Case(
        person=folder / "person.png",
        target=folder / "target.png",
        garment=folder / "garment.png",
        densepose=folder / "parts.png",
        clothes=folder / "garment_mask.png",
        mask=folder / "mask.png",
    )


def _garment_mask(case: Case) -> NDArray[np.bool_]:
    return read_grey(case.clothes) >= 128
