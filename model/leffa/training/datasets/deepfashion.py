"""DeepFashion In-shop for pose transfer, with the list of pairs that papers share and DensePose beside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leffa.errors import BadFolder
from leffa.training.datasets.samples import Case, Picture, Source, read_list, read_rgb

PAIRS = "fasion-resize-pairs-train.csv"  # published with this spelling


def deepfashion(folder: Path, form: str = "iuv") -> Source:
    """The training cases of `folder`. Raises FileMissing or BadFolder for its list."""
    header, *lines = read_list(folder / PAIRS, ",")
    if header != ["from", "to"] or any(len(words) != 2 for words in lines):
        raise BadFolder(f"{folder / PAIRS} needs two columns, from and to.")
    if not lines:
        raise BadFolder(f"{folder / PAIRS} names nothing.")
    cases = [_case(folder, *words) for words in lines]
    return Source(cases, densepose=_read_uvi, garment_mask=_garment_mask)


def _case(folder: Path, source: str, target: str) -> Case:
    """The person of one picture in the pose of another, which is repainted whole."""
    densepose = folder / "densepose" / "train" / f"{Path(target).stem}_iuv.png"
    person = folder / "train" / target
    garment = folder / "train" / source
    return Case(person=person, target=person, garment=garment, densepose=densepose, clothes=densepose)


def _read_uvi(path: Path) -> Picture:
    """Part, U, V to U, V, part, both coordinates stretched to 0..255 together, as in `BodyMap.uvi`."""
    iuv = read_rgb(path)
    seen = iuv[..., 0] > 0
    coordinates = iuv[..., 1:].astype(np.float32)
    highest = coordinates[seen].max() if seen.any() else 0.0
    stretched = coordinates * (255 / highest if highest else 0.0)
    return np.dstack([stretched.astype(np.uint8), iuv[..., 0]])


def _garment_mask(case: Case) -> NDArray[np.bool_]:
    """The whole body: the reference picture shows all of the person, not a garment alone."""
    return read_rgb(case.clothes)[..., 0] > 0
