"""Training data of the official architecture: four folder layouts, one dictionary of tensors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from leffa.errors import BadParameter
from leffa.training.datasets.deepfashion import deepfashion
from leffa.training.datasets.dress_code import dress_code
from leffa.training.datasets.pairs import pairs
from leffa.training.datasets.samples import Samples, Source
from leffa.training.datasets.viton_hd import viton_hd
from leffa.weights.catalogue import ModelSpec

__all__ = ["Kind", "Samples", "Source", "open_source"]

Kind = Literal["viton_hd", "dress_code", "deepfashion", "pairs"]
Form = Literal["segmentation", "part_index", "iuv"]
LAYOUTS: dict[Kind, tuple[Callable[[Path, Form], Source], tuple[Form, ...]]] = {
    "viton_hd": (viton_hd, ("segmentation",)),
    "dress_code": (dress_code, ("part_index", "segmentation")),
    "deepfashion": (deepfashion, ("iuv",)),
    "pairs": (pairs, ("part_index", "segmentation")),
}


def open_source(kind: Kind, folder: Path, model: ModelSpec) -> Source:
    """The cases of a data folder, DensePose painted as `model` takes it; no picture is opened.

    Raises FileMissing or BadFolder for lists that are not there or name nothing, BadParameter for a model
    that takes another picture of the body than the folder can give.
    """
    layout, forms = LAYOUTS[kind]
    if model.densepose not in forms:
        raise BadParameter(
            f"{kind} has no DensePose picture for {model.id}, which takes the {model.densepose}.",
            field="data.kind",
            allowed=[name for name, (_, known) in LAYOUTS.items() if model.densepose in known],
            received=kind,
            fix="Choose another model or other data.",
        )
    return layout(folder, model.densepose)
