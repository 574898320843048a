"""VITON-HD as published, with the agnostic masks of its successors; see docs/training.md for the folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leffa.training.datasets.samples import Case, Source, read_labels, read_list, read_rgb

UPPER_CLOTHES = (5, 6, 7)  # LIP's upper-clothes, dress and coat: all that the tops are labelled as


def viton_hd(folder: Path, form: str = "segmentation") -> Source:
    """The training cases of `folder`. Raises FileMissing or BadFolder for its list."""
    cases = [_case(folder / "train", words[0]) for words in read_list(folder / "train_pairs.txt")]
    return Source(cases, densepose=read_rgb, garment_mask=_garment_mask)


def _case(folder: Path, name: str) -> Case:
    """The list's second column pairs people with strangers' garments; training takes their own."""
    stem = Path(name).stem
    person = folder / "image" / name
    return Case(
        person=person,
        target=person,
        garment=folder / "cloth" / name,
        densepose=folder / "image-densepose" / name,
        clothes=folder / "image-parse-v3" / f"{stem}.png",
        mask=folder / "agnostic-mask" / f"{stem}_mask.png",
        garment_type="upper_body",
    )


def _garment_mask(case: Case) -> NDArray[np.bool_]:
    return np.isin(read_labels(case.clothes), UPPER_CLOTHES)
