"""Pickles to safetensors: smaller, faster to load, nothing in them that could run.

Leffa's checkpoints become float16 (they are published as float32) without the projections of cross-attention,
which nothing reads: there is no text. The block's norm before it stays, its output is used. What else of the
reference UNet is dead stays too; it is less than a hundredth. Parsers keep their precision.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from leffa.errors import FileMissing, UnsupportedWeights
from leffa.files import whole_file
from leffa.weights.catalogue import CHECKPOINTS, PICKLES, WeightsFile, converted
from leffa.weights.fitting import DEAD
from leffa.weights.folder import alone, check_space
from leffa.weights.origins import fingerprint, origin, source_of
from leffa.weights.reading import GET_AGAIN, read_state
from leffa.weights.records import Report
from leffa.weights.writing import Plan, in_order, write_tensors


def convert(files: Sequence[WeightsFile], folder: Path, report: Report) -> list[Path]:
    """Write a `.safetensors` beside every pickle among `files`; returns what was written.

    What has been converted already is left alone, unless the pickle is another by now. `report` gets (path,
    tensors done, tensors). Takes the memory of the largest tensor beside the mapped file. Raises FileMissing,
    UnsupportedWeights, CannotWrite.
    """
    pickles = [file for file in files if Path(file.path).suffix in PICKLES]
    with alone(folder):
        waiting = [file for file in pickles if not _is_done(folder / file.path)]
        for file in waiting:
            _convert(file, folder, report)
    return [converted(folder / file.path) for file in waiting]


def _is_done(path: Path) -> bool:
    target = converted(path)
    if not path.is_file() and not target.is_file():
        raise FileMissing(f"{path} is missing.", fix="Run `leffa weights pull`.")
    return target.is_file() and (not path.is_file() or source_of(target) == fingerprint(path))


def _convert(file: WeightsFile, folder: Path, report: Report) -> None:
    path = folder / file.path
    target = converted(path)
    for draft in target.parent.glob(f".{target.stem}.*{target.suffix}"):
        draft.unlink()  # of a conversion that was killed
    state = read_state(path)
    if file in CHECKPOINTS.values():
        state = {name: tensor for name, tensor in state.items() if DEAD not in name}
        plans = {name: Plan(_halved(tensor), tuple(tensor.shape)) for name, tensor in state.items()}
    else:
        plans = {name: Plan(tensor.dtype, tuple(tensor.shape)) for name, tensor in state.items()}
    check_space(folder, sum(plan.size for plan in plans.values()))
    with whole_file(target) as draft:
        write_tensors(draft, plans, _ready(state, plans, file.path, report), origin(path))


def _halved(tensor: Tensor) -> torch.dtype:
    return torch.float16 if tensor.is_floating_point() else tensor.dtype


def _ready(
    state: Mapping[str, Tensor], plans: Mapping[str, Plan], name: str, report: Report
) -> Iterator[Tensor]:
    for done, key in enumerate(in_order(plans), 1):
        tensor = state[key].to(plans[key].dtype)
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise UnsupportedWeights(f"{name}: {key} has numbers that float16 cannot hold.", fix=GET_AGAIN)
        yield tensor
        report(name, done, len(plans))
