"""What a run keeps: checkpoints to go on from, whole or not at all, and the weights to use."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from accelerate import Accelerator
from safetensors import SafetensorError
from torch import Tensor

from leffa.diffusion.unets import PREFIXES, Networks
from leffa.errors import BadFolder, CannotWrite
from leffa.files import whole_file
from leffa.training.config import TrainConfig
from leffa.training.networks import configs_of
from leffa.weights.catalogue import SPECS, converted
from leffa.weights.configs import FILES
from leffa.weights.fitting import DEAD
from leffa.weights.writing import Plan, in_order, write_tensors

NAME = "step-{:08d}"
CHECKPOINT = re.compile(r"step-(\d+)")


def checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """(steps done, folder) of every whole checkpoint, the newest last."""
    found = ((CHECKPOINT.fullmatch(path.name), path) for path in folder.glob("step-*"))
    return sorted((int(match[1]), path) for match, path in found if match)


def require_fresh(folder: Path) -> None:
    """Raise BadFolder where there are checkpoints, which a run from the start would drop."""
    if checkpoints(folder):
        raise BadFolder(f"{folder} holds checkpoints.", fix="Add --resume, or name another `out`.")


def restore(accelerator: Accelerator, folder: Path) -> int:
    """Load the newest checkpoint, if any: networks, optimiser, average, random numbers. The steps done.

    Raises BadFolder.
    """
    found = checkpoints(folder)
    if not found:
        return 0
    step, newest = found[-1]
    try:
        accelerator.load_state(str(newest))
    except (OSError, RuntimeError, ValueError, EOFError, UnpicklingError, SafetensorError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadFolder(
            f"{newest} does not fit this run, or is damaged: {reason}",
            fix="Restore the configuration that it was made with, or delete it to go on from the one before.",
        ) from error
    return step


def save(accelerator: Accelerator, folder: Path, step: int, keep: int) -> None:
    """Write a checkpoint, drop all but the newest `keep`; every process must call it. Raises CannotWrite."""
    draft, whole = folder / f".{NAME.format(step)}", folder / NAME.format(step)
    try:
        if accelerator.is_main_process:
            for unfinished in folder.glob(".step-*"):
                shutil.rmtree(unfinished)
            draft.mkdir(parents=True)
        accelerator.wait_for_everyone()
        accelerator.save_state(str(draft))
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            shutil.rmtree(whole, ignore_errors=True)
            draft.rename(whole)
            for _, old in checkpoints(folder)[:-keep]:
                shutil.rmtree(old)
    except (OSError, RuntimeError, SafetensorError) as error:
        shutil.rmtree(draft, ignore_errors=True)
        reason = getattr(error, "strerror", None) or error
        raise CannotWrite(f"{whole} cannot be written: {reason}.") from error


def weights_file(config: TrainConfig) -> Path:
    """The file of weights that a run leaves, in a folder to be used as MODEL_PATH."""
    return converted(config.out / "model" / SPECS[config.model].checkpoint)


def write_weights(config: TrainConfig, networks: Networks) -> None:
    """Write the networks as a weights folder has them: one file in float16, upstream's names.

    Raises CannotWrite.
    """
    path, base = weights_file(config), SPECS[config.model].base
    state = {
        PREFIXES[part] + name: tensor
        for part, network in networks._asdict().items()
        for name, tensor in network.state_dict().items()
        if DEAD not in name
    }
    plans = {name: Plan(torch.float16, tuple(tensor.shape)) for name, tensor in state.items()}
    for part, settings in configs_of(config).items():
        _write_json(path.parent / base / FILES[part], settings)
    with whole_file(path) as draft:
        write_tensors(draft, plans, _halved(state, plans), {"source": "leffa train"})


def _halved(state: Mapping[str, Tensor], plans: Mapping[str, Plan]) -> Iterator[Tensor]:
    for name in in_order(plans):
        yield state[name].to("cpu", torch.float16)


def _write_json(path: Path, settings: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as draft:
        draft.write_text(json.dumps(settings, indent=2) + "\n")
