"""One training loop for every stage: seeds, warm-up and cosine, EMA, checkpoints, a loss log, time left."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from leffa.errors import BadFolder, BadParameter, CannotWrite
from leffa.files import whole_file
from leffa.training.device import device

Net = TypeVar("Net", bound=nn.Module)
LossFunction = Callable[[Net, np.random.Generator], dict[str, Tensor]]


@dataclass(frozen=True)
class LoopConfig:
    """How long and how hard a stage trains.

    steps: optimiser steps · learning_rate: peak of the cosine · ema_decay: of the weights that are kept ·
    checkpoint_seconds: how much work an interruption may cost.
    """

    steps: int
    learning_rate: float
    seed: int = 0
    warmup: int = 50
    weight_decay: float = 1e-3
    ema_decay: float = 0.998
    log_every: int = 20
    checkpoint_seconds: float = 120.0


def fit(name: str, model: Net, loss: LossFunction[Net], config: LoopConfig, out: Path, resume: bool) -> None:
    """Train `model` in place and leave the averaged (EMA) weights in it.

    `loss` returns named scalars; "loss" is minimised, the others are logged. The generator it draws from
    depends on seed and step alone, so a resumed run goes on exactly as an uninterrupted one.
    Writes `out/NAME.ckpt` and `out/NAME.jsonl`. Raises BadFolder where a checkpoint is there and `resume` is
    not set, BadParameter once the loss is no number, CannotWrite.
    """
    out.mkdir(parents=True, exist_ok=True)
    cast(Any, model).to(device(), memory_format=torch.channels_last)  # a third faster on CPUs
    averaged = copy.deepcopy(model).requires_grad_(False)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=config.weight_decay
    )
    checkpoint = out / f"{name}.ckpt"
    if checkpoint.exists() and not resume:
        raise BadFolder(
            f"{checkpoint} is of an earlier run.", fix="Add --resume, or delete it to train anew."
        )
    start = _restore(checkpoint, model, averaged, optimiser)
    model.train()
    with _progress() as progress, (out / f"{name}.jsonl").open("a" if start else "w") as log:
        task = progress.add_task(name, total=config.steps, completed=start, note="")
        saved = time.monotonic()
        for step in range(start, config.steps):
            figures = _step(model, averaged, optimiser, loss, config, step)
            last = step == config.steps - 1
            saves = last or time.monotonic() - saved > config.checkpoint_seconds
            if saves or step % config.log_every == 0:
                require_finite(step, figures["loss"], *(model.parameters() if saves else ()))
            if last or step % config.log_every == 0:
                line = {"step": step, **{key: round(float(value), 5) for key, value in figures.items()}}
                print(json.dumps(line), file=log, flush=True)
                progress.update(task, note=f"loss {line['loss']:.4f}")
            progress.update(task, completed=step + 1)
            if saves:
                _save(checkpoint, model, averaged, optimiser, step + 1)
                saved = time.monotonic()
    model.load_state_dict(averaged.state_dict())
    model.eval()


def _step(
    model: Net, averaged: Net, optimiser: torch.optim.Optimizer, loss: LossFunction[Net],
    config: LoopConfig, step: int,
) -> dict[str, Any]:  # fmt: skip
    for group in optimiser.param_groups:
        group["lr"] = config.learning_rate * _schedule(step, config)
    torch.manual_seed(config.seed * 1_000_003 + step)
    figures = loss(model, np.random.default_rng((config.seed, step)))
    optimiser.zero_grad(set_to_none=True)
    figures["loss"].backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    decay = min(config.ema_decay, (1 + step) / (10 + step))
    with torch.no_grad():
        for kept, live in zip(averaged.parameters(), model.parameters(), strict=True):
            kept.lerp_(live, 1 - decay)
    return {key: value.detach() for key, value in figures.items()}


def require_finite(step: int, *tensors: Tensor) -> None:
    """Raise BadParameter where something is no number: what follows would spoil all that is kept."""
    if any(not tensor.isfinite().all() for tensor in tensors):
        raise BadParameter(
            f"Loss or weights are no numbers any more at step {step}.",
            fix="Lower the learning rate of this stage: to go on as it was would meet the same again.",
        )


def _schedule(step: int, config: LoopConfig) -> float:
    if step < config.warmup:
        return (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return 0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * done))


def _save(
    path: Path, model: nn.Module, averaged: nn.Module, optimiser: torch.optim.Optimizer, step: int
) -> None:
    state = {
        "step": step,
        "model": model.state_dict(),
        "averaged": averaged.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    save_state(state, path)


def save_state(state: Any, path: Path) -> None:
    """Write with torch.save, whole or not at all. Raises CannotWrite."""
    try:
        with whole_file(path) as draft:
            torch.save(state, draft)
    except RuntimeError as error:  # so it calls a full disk
        raise CannotWrite(f"{path} cannot be written: {error}.") from error


def _restore(path: Path, model: nn.Module, averaged: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, map_location=device(), weights_only=True)
    model.load_state_dict(state["model"])
    averaged.load_state_dict(state["averaged"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def _progress() -> Progress:
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        refresh_per_second=1,
    )
