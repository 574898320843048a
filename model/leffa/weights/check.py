"""Looking a weights folder over: what is missing, cut short, damaged or of the wrong shape, in plain words.

Of checkpoints only the headers are read, as far as their format allows; shapes are compared with networks
built without memory from the folder's own configurations. Parsers are small: they are loaded as for service.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import torch
from diffusers import AutoencoderKL

from leffa.diffusion.unets import PREFIXES, build_unets
from leffa.errors import BadFolder, LeffaError, UnsupportedWeights
from leffa.preprocess.densepose import DensePose
from leffa.preprocess.openpose import OpenPose
from leffa.preprocess.parsing import ATR, LIP, LabelSet, SchpParser
from leffa.weights.catalogue import (
    CHECKPOINTS,
    DENSEPOSE,
    OPENPOSE,
    PARSERS,
    Keypoints,
    ModelSpec,
    Parser,
    WeightsFile,
    files_of,
    preferred,
)
from leffa.weights.configs import base_config
from leffa.weights.convert import DEAD
from leffa.weights.reading import GET_AGAIN, read_state
from leffa.weights.records import read_records

Shapes = dict[str, tuple[int, ...]]
State = Literal["ok", "missing", "wrong", "built in"]
LABEL_SETS = {"atr": ATR, "lip": LIP}


@dataclass(frozen=True)
class Finding:
    """One file of the folder, the converted one where there is one, and what it is like."""

    path: Path
    state: State
    words: str = ""

    @property
    def fine(self) -> bool:
        """Whether a model can work with it; a missing configuration has a stand-in in the program."""
        return self.state in ("ok", "built in")


def check(
    folder: Path, models: Iterable[ModelSpec], parser: Parser = "onnx", keypoints: Keypoints = "openpose"
) -> dict[str, list[Finding]]:
    """A finding for every file of each model, largest first. Raises BadFolder where there is no folder."""
    if not folder.is_dir():
        raise BadFolder(f"{folder} is no folder.", fix="Set MODEL_PATH, or run `leffa weights pull`.")
    look = cache(lambda file, model: _look(file, model, folder))  # shared files are read once
    return {
        model.id: [
            look(file, model if file in CHECKPOINTS.values() else None)
            for file in files_of(model, parser, keypoints)
        ]
        for model in models
    }


def _look(file: WeightsFile, model: ModelSpec | None, folder: Path) -> Finding:
    path = preferred(folder / file.path)
    if not path.is_file():
        return Finding(path, "built in" if file.optional else "missing")
    try:
        _compare_size(file, path, folder)
        _examiner(file, model, folder)(path)
    except LeffaError as error:
        return Finding(path, "wrong", error.detail)
    return Finding(path, "ok")


def _compare_size(file: WeightsFile, path: Path, folder: Path) -> None:
    record = read_records(folder).get(file.path)
    size = path.stat().st_size
    if record and path == folder / file.path and size != record.size:
        raise UnsupportedWeights(f"It has {size} bytes, the hub's has {record.size}.", fix=GET_AGAIN)


def _examiner(file: WeightsFile, model: ModelSpec | None, folder: Path) -> Callable[[Path], object]:
    """What to do with a file to find its faults; it raises a LeffaError with the first."""
    if model is not None:
        return lambda path: compare_shapes(path, checkpoint_shapes(folder / model.base))
    if file.path.endswith(".json"):
        return lambda path: base_config(path.parent.parent, _part_of(path))
    if file == DENSEPOSE:
        return lambda path: DensePose.load(read_state(path))
    if file == OPENPOSE:
        return lambda path: OpenPose.load(read_state(path))
    if file in PARSERS["schp"]:
        return lambda path: _check_labels(SchpParser.load(read_state(path)), _label_set(path))
    if file in PARSERS["onnx"]:
        return lambda path: SchpParser.from_onnx(path, _label_set(path))
    return read_state


def checkpoint_shapes(base: Path) -> Shapes:
    """Names and shapes of a Leffa checkpoint as published, from the base model's configurations."""
    with torch.device("meta"):
        reference_unet, unet = build_unets(base_config(base, "unet"))
        vae = AutoencoderKL.from_config(base_config(base, "vae"))
    networks = {"vae": vae, "reference_unet": reference_unet, "unet": unet}
    return {
        PREFIXES[part] + name: tuple(value.shape)
        for part, network in networks.items()
        for name, value in network.state_dict().items()
    }


def compare_shapes(path: Path, expected: Shapes) -> None:
    """Raises UnsupportedWeights where a checkpoint lacks tensors, has others, or of other shapes.

    Projections of cross-attention may be there or not; nothing reads them.
    """
    found = {name: tuple(tensor.shape) for name, tensor in read_state(path).items()}
    missing = [name for name in expected if name not in found and DEAD not in name]
    unknown = [name for name in found if name not in expected]
    reshaped = [
        f"{name} {list(found[name])} instead of {list(expected[name])}"
        for name in expected.keys() & found.keys()
        if expected[name] != found[name]
    ]
    faults = {"missing": missing, "unknown": unknown, "of the wrong shape": sorted(reshaped)}
    told = [f"{len(names)} tensors {fault} (such as {names[0]})" for fault, names in faults.items() if names]
    if told:
        raise UnsupportedWeights(f"{path.name} does not fit its model: {'; '.join(told)}.", fix=GET_AGAIN)


def _part_of(path: Path) -> Literal["unet", "vae", "scheduler"]:
    parts: dict[str, Literal["unet", "vae", "scheduler"]] = {
        "unet": "unet",
        "vae": "vae",
        "scheduler": "scheduler",
    }
    return parts[path.parent.name]


def _label_set(path: Path) -> LabelSet:
    return LABEL_SETS[path.stem[-3:]]


def _check_labels(parser: SchpParser, expected: LabelSet) -> None:
    if parser.label_set != expected:
        raise UnsupportedWeights(f"It holds {parser.label_set.name} labels instead of {expected.name}.")
