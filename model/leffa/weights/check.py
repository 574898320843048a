"""Looking a weights folder over: what is missing, cut short, damaged or of the wrong shape, in plain words.

Of checkpoints only the headers are read, as far as their format allows; shapes are compared with networks
built without memory from the folder's own configurations. Parsers are small: they are loaded as for service.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from leffa.diffusion.unets import PREFIXES, empty_networks
from leffa.errors import BadFolder, LeffaError, UnsupportedWeights
from leffa.preprocess.densepose import DensePose
from leffa.preprocess.openpose import OpenPose
from leffa.preprocess.parsing import check_labels
from leffa.preprocess.schp_parser import ATR, LIP, SchpParser
from leffa.preprocess.segformer import SegformerParser
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
from leffa.weights.configs import base_config, read_config
from leffa.weights.fitting import Shapes, require_fit, shapes_of, without_dead
from leffa.weights.origins import is_stale
from leffa.weights.reading import GET_AGAIN, read_state
from leffa.weights.records import has_own_segformer, read_records

State = Literal["ok", "missing", "wrong", "built in"]
LABELS = {
    file: labels
    for pair in (PARSERS["onnx"], PARSERS["schp"])
    for file, labels in zip(pair, (ATR, LIP), strict=True)
}


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
        _refuse_stale(folder / file.path)
        _compare_size(file, path, folder)
        _examiner(file, model, folder)(path)
    except LeffaError as error:
        return Finding(path, "wrong", error.detail)
    return Finding(path, "ok")


def _compare_size(file: WeightsFile, path: Path, folder: Path) -> None:
    if file in PARSERS["segformer"] and has_own_segformer(folder):
        return
    record = read_records(folder).get(file.path)
    size = path.stat().st_size
    if record and path == folder / file.path and size != record.size:
        raise UnsupportedWeights(f"It has {size} bytes, the hub's has {record.size}.", fix=GET_AGAIN)


def _refuse_stale(path: Path) -> None:
    if is_stale(path):
        raise UnsupportedWeights(f"It was made of another {path.name} than is here: convert again.")


def _examiner(file: WeightsFile, model: ModelSpec | None, folder: Path) -> Callable[[Path], object]:
    """What to do with a file to find its faults; it raises a LeffaError with the first."""
    if model is not None:
        return lambda path: _compare_shapes(path, checkpoint_shapes(folder / model.base))
    if file.path.endswith(".json"):
        return lambda path: read_config(path, GET_AGAIN)
    if file in PARSERS["segformer"]:
        return lambda path: (read_state(path), SegformerParser.load(path.parent))
    if file == DENSEPOSE:
        return lambda path: DensePose.load(read_state(path))
    if file == OPENPOSE:
        return lambda path: OpenPose.load(read_state(path))
    if file in PARSERS["schp"]:
        return lambda path: check_labels(SchpParser.load(read_state(path)), LABELS[file])
    return lambda path: SchpParser.from_onnx(path, LABELS[file])


def checkpoint_shapes(base: Path) -> Shapes:
    """Names and shapes of a Leffa checkpoint as published, from the base model's configurations."""
    networks = empty_networks(base_config(base, "unet"), base_config(base, "vae"))
    return {
        PREFIXES[part] + name: shape
        for part, network in networks._asdict().items()
        for name, shape in shapes_of(network.state_dict()).items()
    }


def _compare_shapes(path: Path, expected: Shapes) -> None:
    require_fit(without_dead(expected), without_dead(shapes_of(read_state(path))), path.name)
