"""What the Leffa loss does: the embedded pair of UNets trained on with it and without it, from one base.

The base is the embedded model. One of its nine attention layers was asked for the true flow, which synthetic
people come with; the others never were, and look at the middle of the garment from everywhere, as in any
UNet that knows the diffusion loss alone. Those are what this is about: every branch goes on from there with
the same batches and the same noise, only the loss differs, and what the layers look at is held against the
truth.

    python scripts/ablate_leffa_loss.py --out runs/ablation

prints a table and writes flow.png (garment, person, and what each branch's best layer would fetch) and
figures.json. An hour on two cores; goes on where it was interrupted.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from diffusers import DDPMScheduler
from rich.console import Console
from rich.table import Table
from torch import Tensor

from leffa.diffusion.flow import flow_from_attention, warp
from leffa.diffusion.reference import denoise, reference_features
from leffa.mini.nets import FLOW_LAYER, HEIGHT, SCHEDULER_CONFIG, WIDTH, Mini
from leffa.mini.parser import WEIGHTS as PARSER
from leffa.mini.parser import load_net
from leffa.training.data import draw_shards
from leffa.training.device import device, mixed_precision, tensor
from leffa.training.loop import LoopConfig, fit
from leffa.training.loss import LeffaLoss, Looks, leffa_loss, listening
from leffa.training.recipes.mini import FIRST_SEED
from leffa.training.recipes.mini_pair import Pair, encode_latents, load_latents, noised
from leffa.training.sheets import write_sheet

HELD_OUT = 96  # last pairs at most, never trained on
SHOWN = 8  # rows of the picture
TIMESTEP = 250  # at which attention is read
LATENT = (HEIGHT // 8, WIDTH // 8)
ANYWHERE = 1 / 32
BRANCHES: dict[str, LeffaLoss | None] = {
    "without": None,
    "λ 0.001, τ 2": LeffaLoss(),
    "λ 1, τ 2": LeffaLoss(weight=1.0),
    "λ 1, τ 1": LeffaLoss(weight=1.0, temperature=1.0),
    "λ 1, τ 0.5": LeffaLoss(weight=1.0, temperature=0.5),
}
ALPHAS = DDPMScheduler(**SCHEDULER_CONFIG).alphas_cumprod
Arrays = dict[str, np.ndarray]


def main(
    out: Annotated[Path, typer.Option(help="folder for checkpoints, figures and pictures")],
    pairs: Annotated[int, typer.Option(min=4, help="synthetic pairs")] = 3000,
    steps: Annotated[int, typer.Option(min=1, help="steps of every branch")] = 200,
    batch: Annotated[int, typer.Option(min=1, help="pairs a step")] = 8,
) -> None:
    """Measure the base, then train and measure every branch."""
    arrays = prepare(out, pairs)
    first, warped = measure(base(), arrays, None)
    figures, warps = {"base": first}, [warped]
    for number, (name, settings) in enumerate(BRANCHES.items()):
        config = LoopConfig(steps, 3e-4, seed=1, ema_decay=0.98)
        pair = train(f"branch-{number}", base(), arrays, settings, config, batch, out)
        figures[name], warped = measure(pair, arrays, settings)
        warps.append(warped)
    Console(width=150).print(table(figures))
    (out / "figures.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False))
    shown = slice(-min(SHOWN, held_out(arrays)), None)
    columns = (tensor(arrays[name][shown]).float() / 255 for name in ("fine_garment", "fine_target"))
    write_sheet(out / "flow.png", [*columns, *(warped[shown] for warped in warps)])


def prepare(out: Path, pairs: int) -> Arrays:
    """Latents of synthetic pairs by the embedded VAE, drawn and encoded once."""
    draw_shards(out / "data", pairs, FIRST_SEED, HEIGHT, WIDTH)
    if not (out / "latents.npz").exists():
        encode_latents(Mini().load(), load_net(PARSER), out / "data", out)
    return load_latents(out / "latents.npz")


def held_out(arrays: Arrays) -> int:
    """How many of the last pairs are kept from training."""
    return min(HELD_OUT, len(arrays["target"]) // 2)


def base() -> Pair:
    """The embedded model's pair."""
    return Pair(Mini().load())


def unasked(heard: list[Looks]) -> list[Looks]:
    """Without the layer that was asked for the true flow."""
    return [looks for looks in heard if looks.name != FLOW_LAYER]


def train(
    name: str,
    pair: Pair,
    arrays: Arrays,
    settings: LeffaLoss | None,
    config: LoopConfig,
    batch: int,
    out: Path,
) -> Pair:
    """Go on with `settings` beside the diffusion loss; all branches draw the same batches and noise."""
    known = {key: array[: -held_out(arrays)] for key, array in arrays.items()}

    def loss(pair: Pair, rng: np.random.Generator) -> dict[str, Tensor]:
        chosen = np.sort(rng.integers(len(known["target"]), size=batch))
        drawn = noised(known, chosen, ALPHAS.to(device()), rng)
        with (
            listening(pair.unet, LATENT, (settings or LeffaLoss()).resolution * 8) as heard,
            mixed_precision(),
        ):
            features = reference_features(pair.unet_encoder, drawn.reference, drawn.timesteps)
            predicted = denoise(pair.unet, drawn.latent_in, drawn.timesteps, features)
        diffusion = (predicted.float() - drawn.velocity).square().mean()
        if settings is None:
            return {"loss": diffusion}
        data = drawn.data
        garment = (data["fine_garment_mask"] == 1) * data["fine_mask"] * drawn.known
        pictures = data["fine_garment"] / 255, data["fine_target"] / 255
        attention = leffa_loss(unasked(heard), *pictures, garment, drawn.timesteps, settings)
        return {"loss": diffusion + attention, "diffusion": diffusion, "attention": attention}

    fit(name, pair, loss, config, out, resume=True)
    return pair


@torch.no_grad()
def measure(pair: Pair, arrays: Arrays, settings: LeffaLoss | None) -> tuple[dict[str, float], Tensor]:
    """Figures on the pairs held out, and the garment as the best layer's flow fetches it.

    Attention is read at the temperature that it was trained at, 1 where it was not.
    """
    held = {key: array[-held_out(arrays) :] for key, array in arrays.items()}
    torch.manual_seed(0)
    alphas, rng = ALPHAS.to(device()), np.random.default_rng(0)
    drawn = noised(held, np.arange(held_out(arrays)), alphas, rng, timestep=TIMESTEP)
    with listening(pair.unet, LATENT, ANYWHERE * 8) as heard:
        features = reference_features(pair.unet_encoder, drawn.reference, drawn.timesteps)
        predicted = denoise(pair.unet, drawn.latent_in, drawn.timesteps, features)
    true = drawn.data["flow"]
    seen = (~true.isnan().any(1)) & (drawn.data["fine_garment_mask"][:, 0, 2::4, 2::4] == 1)
    scale = torch.tensor([WIDTH / 2, HEIGHT / 2]).view(1, 2, 1, 1)
    layers = []
    for looks in unasked(heard):
        flow = flow_from_attention(
            looks.query,
            looks.reference_key,
            *looks.grid,
            temperature=settings.temperature if settings else 1.0,
        )
        at_latent = torch.nn.functional.interpolate(flow, LATENT, mode="bilinear")
        away = ((at_latent - true.nan_to_num()) * scale).norm(dim=1)[seen].mean()
        layers.append((float(away), float(flow.std((2, 3)).mean()), flow))
    best = min(layers, key=lambda layer: layer[0])
    warped = warp(drawn.data["fine_garment"] / 255, best[2], *drawn.data["fine_target"].shape[-2:])
    mask = (drawn.data["fine_garment_mask"] == 1).float()
    wrong = ((warped - drawn.data["fine_target"] / 255).square() * mask).sum() / (3 * mask.sum())
    return {
        "diffusion": float((predicted - drawn.velocity).square().mean()),
        "px, best layer": best[0],
        "px, all layers": float(np.mean([away for away, _, _ in layers])),
        "spread, best layer": best[1],
        "spread, all layers": float(np.mean([spread for _, spread, _ in layers])),
        "warp PSNR, dB": float(-10 * wrong.log10()),
    }, warped


def table(figures: dict[str, dict[str, float]]) -> Table:
    """One row a branch."""
    drawn = Table("branch", *next(iter(figures.values())))
    for name, row in figures.items():
        drawn.add_row(name, *(f"{value:.4f}" if value < 1 else f"{value:.1f}" for value in row.values()))
    return drawn


if __name__ == "__main__":
    typer.run(main)
