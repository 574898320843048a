"""Dress Code as published, all three categories; see docs/training.md for the folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leffa.errors import BadFolder
from leffa.training.datasets.samples import (
    Case,
    Source,
    read_coloured_parts,
    read_labels,
    read_list,
    read_part_index,
)
from leffa.tryon import GARMENT_TYPES

# ATR's labels: upper-clothes; skirt and pants; dress.
LABELS = {"upper_body": (4,), "lower_body": (5, 6), "dresses": (7,)}


def dress_code(folder: Path, form: str = "part_index") -> Source:
    """The training cases of `folder`. Raises FileMissing or BadFolder for its lists."""
    cases = [
        _case(folder / category, words)
        for category in GARMENT_TYPES
        for words in read_list(folder / category / "train_pairs.txt")
    ]
    painter = read_part_index if form == "part_index" else read_coloured_parts
    return Source(cases, densepose=painter, garment_mask=_garment_mask)


def _case(folder: Path, words: list[str]) -> Case:
    if len(words) < 2:
        raise BadFolder(f"{folder / 'train_pairs.txt'} needs a person and a garment a line, not {words}.")
    stem = Path(words[0]).stem  # 000000_0; the number behind says what a file of the same person is
    person = folder / "images" / words[0]
    return Case(
        person=person,
        target=person,
        garment=folder / "images" / words[1],
        densepose=folder / "dense" / f"{stem.removesuffix('_0')}_5.png",
        clothes=folder / "label_maps" / f"{stem.removesuffix('_0')}_4.png",
        mask=folder / "agnostic_masks" / f"{stem}.png",
        garment_type=folder.name,
    )


def _garment_mask(case: Case) -> NDArray[np.bool_]:
    return np.isin(read_labels(case.clothes), LABELS[case.garment_type])
