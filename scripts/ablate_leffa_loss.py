"""What the Leffa loss does: the same small pair of UNets trained on with it and without it, from one base.

The base knows the diffusion loss alone, as the paper trains first. Every branch goes on from it with the same
batches and the same noise; only the loss differs. Synthetic people come with their true flow, so what the
attention looks at can be held against the truth, which real pictures never allow.

    python scripts/ablate_leffa_loss.py --out runs/ablation

prints a table and writes flow.png (what the finest layers would fetch) and figures.json. Hours on two cores;
goes on where it was interrupted.
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
from leffa.mini.nets import HEIGHT, SCHEDULER_CONFIG, WIDTH, Mini
from leffa.mini.parser import WEIGHTS as PARSER
from leffa.mini.parser import load_net
from leffa.training.data import draw_shards
from leffa.training.device import device, mixed_precision, tensor
from leffa.training.loop import LoopConfig, fit
from leffa.training.loss import LeffaLoss, leffa_loss, listening
from leffa.training.recipes.mini import FIRST_SEED
from leffa.training.recipes.mini_pair import Pair, encode_latents, load_latents, noised
from leffa.training.sheets import write_sheet

HELD_OUT = 96  # last pairs, never trained on
TIMESTEP = 250  # at which attention is read
LATENT = (HEIGHT // 8, WIDTH // 8)
ANYWHERE = 1 / 32
BRANCHES: dict[str, LeffaLoss | None] = {
    "without": None,
    "λ 0.001, τ 2": LeffaLoss(),
    "λ 1, τ 2": LeffaLoss(weight=1.0),
    "λ 1, τ 1": LeffaLoss(weight=1.0, temperature=1.0),
    "λ 1, τ 0.5": LeffaLoss(weight=1.0, temperature=0.5),
    "λ 1, τ 1, all t": LeffaLoss(weight=1.0, temperature=1.0, timestep=1000),
    "λ 1, τ 1, 1/8 only": LeffaLoss(weight=1.0, temperature=1.0, resolution=1 / 8),
}
ALPHAS = DDPMScheduler(**SCHEDULER_CONFIG).alphas_cumprod
Arrays = dict[str, np.ndarray]


def main(
    out: Annotated[Path, typer.Option(help="folder for checkpoints, figures and pictures")],
    pairs: Annotated[int, typer.Option(min=HELD_OUT + 8, help="synthetic pairs")] = 3000,
    base: Annotated[int, typer.Option(min=1, help="steps of the diffusion loss alone")] = 1500,
    steps: Annotated[int, typer.Option(min=1, help="further steps of every branch")] = 500,
    batch: Annotated[int, typer.Option(min=1, help="pairs a step")] = 8,
) -> None:
    """Train the base, then every branch, then measure."""
    arrays = prepare(out, pairs)
    start = train("base", fresh(), arrays, None, LoopConfig(base, 8e-4), batch, out)
    figures, warps = {}, []
    for number, (name, settings) in enumerate(BRANCHES.items()):
        pair = fresh()
        pair.load_state_dict(start.state_dict())
        config = LoopConfig(steps, 3e-4, seed=1)
        pair = train(f"branch-{number}", pair, arrays, settings, config, batch, out)
        figures[name], warped = measure(pair, arrays)
        warps.append(warped)
    Console().print(table(figures))
    (out / "figures.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False))
    shown = slice(-8, None)
    columns = (tensor(arrays[name][shown]).float() / 255 for name in ("fine_garment", "fine_target"))
    write_sheet(out / "flow.png", [*columns, *(warped[shown] for warped in warps)])


def prepare(out: Path, pairs: int) -> Arrays:
    """Latents of synthetic pairs by the embedded VAE, drawn and encoded once."""
    draw_shards(out / "data", pairs, FIRST_SEED, HEIGHT, WIDTH)
    if not (out / "latents.npz").exists():
        encode_latents(Mini().load(), load_net(PARSER), out / "data", out)
    return load_latents(out / "latents.npz")


def fresh() -> Pair:
    """The embedded model's pair with weights that know nothing."""
    torch.manual_seed(0)
    return Pair(Mini())


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
    known = {key: array[:-HELD_OUT] for key, array in arrays.items()}

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
        attention = leffa_loss(heard, *pictures, garment, drawn.timesteps, settings)
        return {"loss": diffusion + attention, "diffusion": diffusion, "attention": attention}

    fit(name, pair, loss, config, out, resume=True)
    return pair


@torch.no_grad()
def measure(pair: Pair, arrays: Arrays) -> tuple[dict[str, float], Tensor]:
    """Figures on the pairs held out, and the garment as the best layer's flow fetches it."""
    held = {key: array[-HELD_OUT:] for key, array in arrays.items()}
    torch.manual_seed(0)
    alphas, rng = ALPHAS.to(device()), np.random.default_rng(0)
    drawn = noised(held, np.arange(HELD_OUT), alphas, rng, timestep=TIMESTEP)
    with listening(pair.unet, LATENT, ANYWHERE * 8) as heard:
        features = reference_features(pair.unet_encoder, drawn.reference, drawn.timesteps)
        predicted = denoise(pair.unet, drawn.latent_in, drawn.timesteps, features)
    true = drawn.data["flow"]
    seen = (~true.isnan().any(1)) & (drawn.data["fine_garment_mask"][:, 0, 2::4, 2::4] == 1)
    scale = torch.tensor([WIDTH / 2, HEIGHT / 2]).view(1, 2, 1, 1)
    layers = []
    for looks in heard:
        flow = flow_from_attention(looks.query, looks.reference_key, *looks.grid)
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
