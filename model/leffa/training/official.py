"""Training of the official architecture, top to bottom: stages, steps, losses, checkpoints.

Both UNets learn to predict the noise in a latent of the target, the generative one from the masked person,
the body and the reference UNet's features of the garment; from some stage on the Leffa loss is added
(loss.py). Pictures become inputs by `LeffaPipeline` itself.

What a step sees and draws depends on the seed, the step and the process alone, so a resumed run goes on as an
uninterrupted one, bit for bit where sums are (on GPUs some are not). Runs on several devices under
`accelerate launch`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from diffusers.training_utils import EMAModel
from torch import Tensor
from torch.utils.data import DataLoader

from leffa.diffusion.draws import seeded
from leffa.diffusion.pipeline import LeffaPipeline
from leffa.diffusion.transform import LATENT_FACTOR
from leffa.diffusion.unets import Networks
from leffa.errors import BadParameter, CannotWrite
from leffa.training.check import find_missing, require_none
from leffa.training.checkpoints import require_fresh, restore, save, weights_file, write_weights
from leffa.training.config import Stage, TrainConfig
from leffa.training.datasets import Samples, Source, open_source
from leffa.training.journal import Journal
from leffa.training.loss import LeffaLoss, Looks, flow_spread, leffa_loss, listening
from leffa.training.networks import Pair, open_networks
from leffa.training.sheets import write_sheet
from leffa.weights.catalogue import SPECS

Batch = dict[str, Tensor]
Figures = dict[str, Tensor]
SHEET_GUIDANCE = 2.5


@dataclass(frozen=True)
class Run:
    """What stays the same through all stages; `pair` is prepared by accelerate, `pipeline` has its UNets."""

    config: TrainConfig
    accelerator: Accelerator
    source: Source
    pipeline: LeffaPipeline
    pair: Any
    optimizer: Any
    average: EMAModel

    @property
    def trained(self) -> Pair:
        """The pair without what accelerate puts around it."""
        pair: Pair = self.accelerator.unwrap_model(self.pair)
        return pair


def train(config: TrainConfig, resume: bool = False) -> Path:
    """Train by the configuration; returns the file of weights, in a folder to be used as MODEL_PATH.

    Raises BadFolder, FileMissing, BadParameter, UnsupportedWeights, CannotWrite; of packages that are not
    there, ModuleNotFoundError.
    """
    run = _set_up(config, resume)
    _require_layers(run)
    main = run.accelerator.is_main_process
    step = restore(run.accelerator, config.out / "checkpoints")
    run.average.to(run.accelerator.device)
    end = sum(stage.steps for stage in config.stages)
    with Journal(config.out, step, end, config.tensorboard, main) as journal:
        for number, stage, begin in _stages(config):
            if step < begin + stage.steps:
                step = _train_stage(run, number, stage, begin, step, journal)
    return weights_file(config)


def _train_stage(run: Run, number: int, stage: Stage, begin: int, step: int, journal: Journal) -> int:
    """From `step` to the stage's end, which is returned; both counted from the start of the run."""
    config, end = run.config, begin + stage.steps
    batches = iter(_loader(run, number, stage, step - begin))
    told: list[Figures] = []
    clock = time.monotonic()
    while step < end:
        logs = (step + 1) % config.log_every == 0 or step + 1 == end
        told.append(_step(run, stage, batches, step, logs))
        loss = told[-1]["loss"]
        step += 1
        journal.advance(step)
        if logs:
            _require_finite(run, step, loss)
            means, seconds = _means(run, told), time.monotonic() - clock
            seen = len(told) * stage.batch * stage.accumulate * run.accelerator.num_processes
            pace = {"lr": _rate(config, step - 1), "samples_per_second": seen / seconds}
            journal.write(step, number, means | pace)
            told.clear()
        if step % config.sheet_every == 0 or step == end:
            _write_sheet(run, stage, step)
        if step % config.checkpoint_every == 0 or step == end:
            _require_finite(run, step, loss, *run.trained.parameters())
            _export(run)  # before: where there is a checkpoint its weights are too
            save(run.accelerator, config.out / "checkpoints", step, config.keep_checkpoints)
        if logs:
            clock = time.monotonic()
    return step


def _step(run: Run, stage: Stage, batches: Iterator[Batch], step: int, logs: bool) -> Figures:
    """One optimiser step; its figures on this device, means over the micro-batches."""
    config, accelerator = run.config, run.accelerator
    for group in run.optimizer.param_groups:
        group["lr"] = _rate(config, step)
    told: list[Figures] = []
    for micro in range(stage.accumulate):
        draws = np.random.SeedSequence((config.seed, step, micro, accelerator.process_index))
        generator = torch.Generator().manual_seed(int(draws.generate_state(1)[0]))
        last = micro == stage.accumulate - 1
        with nullcontext() if last else accelerator.no_sync(run.pair):
            told.append(_learn(run, stage, next(batches), generator, logs))
    accelerator.clip_grad_norm_(run.pair.parameters(), config.clip_gradient)
    run.optimizer.step()
    run.optimizer.zero_grad()
    run.average.step(run.trained.parameters())
    return _mean(told)


def _require_finite(run: Run, step: int, *tensors: Tensor) -> None:
    """Raise BadParameter once any process has what is no number: all that is kept would be spoiled."""
    lost = any(not tensor.isfinite().all() for tensor in tensors)
    told = torch.tensor(float(lost), device=run.accelerator.device)
    if float(run.accelerator.reduce(told, "sum")) > 0:
        raise BadParameter(
            f"Loss or weights are no numbers any more after step {step}.",
            field="learning_rate",
            fix="Lower learning_rate, and add --resume to go on from the last checkpoint.",
        )


def _rate(config: TrainConfig, step: int) -> float:
    return config.learning_rate * min(1.0, (step + 1) / max(1, config.warmup))


def _mean(told: list[Figures]) -> Figures:
    """Each figure's mean over those that tell it."""
    names = {name for figures in told for name in figures}
    return {
        name: torch.stack([figures[name] for figures in told if name in figures]).mean()
        for name in sorted(names)
    }


def _means(run: Run, told: list[Figures]) -> dict[str, float]:
    """The mean over steps and devices."""
    return {name: float(run.accelerator.reduce(value, "mean")) for name, value in _mean(told).items()}


def _learn(run: Run, stage: Stage, batch: Batch, generator: torch.Generator, logs: bool) -> Figures:
    """Loss of one micro-batch and its gradients; returns the figures, each a scalar. `logs`: all of them."""
    accelerator, pipeline = run.accelerator, run.pipeline
    batch = {name: tensor.to(accelerator.device, non_blocking=True) for name, tensor in batch.items()}
    count, draw = len(batch["target"]), seeded(generator)
    with torch.no_grad(), _pipeline_precision(run):
        given = pipeline.encode(batch["person"], batch["garment"], batch["mask"], batch["densepose"], draw)
        z_0 = pipeline.latent_of(batch["target"], draw, "vae_target")
    noise = draw("noise", z_0.shape).to(z_0)
    t = torch.randint(pipeline.scheduler.config.num_train_timesteps, (count,), generator=generator)
    kept = (torch.rand(count, generator=generator) >= run.config.drop_reference).float()
    t, kept = t.to(z_0.device), kept.to(z_0.device).view(-1, 1, 1, 1)
    z_t = pipeline.scheduler.add_noise(z_0, noise, t)
    latent_in = torch.cat([z_t, given.mask, given.masked_latent, given.densepose], dim=1)  # [B, 12, h, w]
    with _heard(run, stage) as heard:  # until the gradients are there: recomputed blocks are heard again
        prediction = run.pair(latent_in, given.garment_latent * kept, t)
        loss = (prediction.float() - noise).square().mean()
        figures = {"loss": loss.detach()}
        if stage.leffa_loss is not None:
            looks, settings = list(heard), LeffaLoss(**stage.leffa_loss.model_dump())
            # A sample whose garment was dropped has nowhere to look.
            shown, worn = (batch["garment"], batch["target"]), batch["garment_mask"] * kept
            losses = [leffa_loss([look], *shown, worn, t, settings) for look in looks]
            loss = loss + torch.stack(losses).sum()
            figures |= _leffa_figures(looks, losses)
            if logs:
                figures |= _spreads(looks, settings)
        accelerator.backward(loss / stage.accumulate)
    return figures


def _pipeline_precision(run: Run) -> Any:
    """In float16 the VAE of SDXL overflows, so there the pipeline works in float32."""
    return run.accelerator.autocast() if run.config.precision == "bf16" else nullcontext()


def _leffa_figures(looks: list[Looks], losses: list[Tensor]) -> Figures:
    told = {
        f"leffa/{_layer(index, look)}": loss.detach()
        for index, (look, loss) in enumerate(zip(looks, losses, strict=True))
    }
    return {"leffa": torch.stack(list(told.values())).sum(), **told}


def _spreads(looks: list[Looks], settings: LeffaLoss) -> Figures:
    with torch.no_grad():
        spreads = flow_spread(looks, settings.temperature)
    return {
        f"spread/{_layer(index, look)}": torch.tensor(spread, device=look.query.device)
        for index, (look, spread) in enumerate(zip(looks, spreads, strict=True))
    }


def _layer(index: int, look: Looks) -> str:
    """Its place in the order of execution and its grid, rows by columns."""
    return f"{index:02d}_{look.grid[0]}x{look.grid[1]}"


@contextmanager
def _heard(run: Run, stage: Stage) -> Iterator[list[Looks]]:
    if stage.leffa_loss is None:
        yield []
        return
    latent = stage.height // LATENT_FACTOR, stage.width // LATENT_FACTOR
    with listening(run.trained.unet, latent, stage.leffa_loss.resolution * LATENT_FACTOR) as heard:
        yield heard


def _require_layers(run: Run) -> None:
    """A loss that no layer is fine enough for is told at the start, not when its stage begins."""
    for number, stage, _ in _stages(run.config):
        try:
            with _heard(run, stage):
                pass
        except ValueError as error:
            raise BadParameter(f"{error}.", field=f"stages.{number}.leffa_loss.resolution") from error


def _loader(run: Run, number: int, stage: Stage, done: int) -> DataLoader[Batch]:
    """The batches of this process from the stage's step `done` on."""
    accelerator = run.accelerator
    order = sample_order(
        len(run.source.cases),
        stage.steps * stage.accumulate * accelerator.num_processes * stage.batch,
        (run.config.seed, number),
    )
    batches = order.reshape(stage.steps * stage.accumulate, accelerator.num_processes, stage.batch)
    own = batches[done * stage.accumulate :, accelerator.process_index]
    return DataLoader(
        Samples(run.source, stage.height, stage.width),
        batch_sampler=own.tolist(),
        num_workers=run.config.workers,
        pin_memory=accelerator.device.type == "cuda",
    )


def sample_order(cases: int, wanted: int, seed: tuple[int, ...]) -> np.ndarray:
    """int64 [wanted]: which case stands at which place; every epoch has each case once, shuffled anew."""
    epochs = -(-wanted // cases)
    shuffled = [np.random.default_rng((*seed, epoch)).permutation(cases) for epoch in range(epochs)]
    return np.concatenate(shuffled)[:wanted]


def _stages(config: TrainConfig) -> Iterator[tuple[int, Stage, int]]:
    """Number, stage and the step of the run that it begins at."""
    begin = 0
    for number, stage in enumerate(config.stages):
        yield number, stage, begin
        begin += stage.steps


def _set_up(config: TrainConfig, resume: bool) -> Run:
    """Everything up to the first step. What the user may have to mend is looked at before what takes long."""
    if not resume:
        require_fresh(config.out / "checkpoints")
    if config.precision == "fp16" and not torch.cuda.is_available():
        raise BadParameter("fp16 needs a GPU.", field="precision", fix="Use bf16 or no.")
    source = open_source(config.data.kind, config.data.folder, SPECS[config.model])
    accelerator = Accelerator(mixed_precision=config.precision)
    if accelerator.is_main_process:
        require_none(find_missing(source))
        _make_folder(config.out)
    pipeline, pair = open_networks(config)
    pipeline.vae.to(accelerator.device)
    optimizer = _optimizer(config, pair)
    prepared, optimizer = accelerator.prepare(pair, optimizer)
    average = EMAModel(pair.parameters(), decay=config.ema_decay)
    accelerator.register_for_checkpointing(average)
    return Run(config, accelerator, source, pipeline, prepared, optimizer, average)


def _optimizer(config: TrainConfig, pair: Pair) -> torch.optim.Optimizer:
    trainable = [parameter for parameter in pair.parameters() if parameter.requires_grad]
    kind: Any = torch.optim.AdamW
    if config.optimizer == "adamw8bit":
        try:
            from bitsandbytes.optim import AdamW8bit
        except ImportError as error:
            raise BadParameter(
                "adamw8bit needs the package bitsandbytes, which is not installed or does not work here.",
                field="optimizer",
                fix="Run `pip install bitsandbytes`, or set optimizer: adamw.",
            ) from error
        kind = AdamW8bit
    made: torch.optim.Optimizer = kind(trainable, lr=config.learning_rate, weight_decay=config.weight_decay)
    return made


def _make_folder(out: Path) -> None:
    try:
        (out / "sheets").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"{out} cannot be written: {error.strerror}.") from error


@contextmanager
def _averaged(run: Run) -> Iterator[Networks]:
    """The networks with the averaged weights in place of the trained ones."""
    parameters = list(run.trained.parameters())
    run.average.store(parameters)
    run.average.copy_to(parameters)
    try:
        yield Networks(run.pipeline.vae, run.trained.reference_unet, run.trained.unet)
    finally:
        run.average.restore(parameters)


def _export(run: Run) -> None:
    """The averaged weights to out/model, written by the main process."""
    if run.accelerator.is_main_process:
        with _averaged(run) as networks:
            write_weights(run.config, networks)


def _write_sheet(run: Run, stage: Stage, step: int) -> None:
    """Person, garment, result and target of the first cases, always from the same noise."""
    if not run.accelerator.is_main_process:
        return
    samples = Samples(run.source, stage.height, stage.width)
    shown = [samples[index] for index in range(min(run.config.sheet_samples, len(samples)))]
    batch = {name: torch.stack([sample[name] for sample in shown]) for name in shown[0]}
    batch = {name: tensor.to(run.accelerator.device) for name, tensor in batch.items()}
    with _averaged(run), _pipeline_precision(run):
        made = run.pipeline(
            batch["person"],
            batch["garment"],
            batch["mask"],
            batch["densepose"],
            inference_steps=run.config.sheet_steps,
            guidance_scale=SHEET_GUIDANCE,
            generator=torch.Generator().manual_seed(run.config.seed),
        )
    seen = {name: batch[name] / 2 + 0.5 for name in ("person", "garment", "target")}
    path = run.config.out / "sheets" / f"step-{step:08d}.jpg"
    write_sheet(path, [seen["person"], seen["garment"], made.images, seen["target"]])
