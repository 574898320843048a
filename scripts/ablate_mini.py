"""What each part of the embedded model brings: the same pairs with one part left out at a time.

leffa synth --count 50 --seed 7 --out pairs
python scripts/ablate_mini.py pairs
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional as F

from leffa.cli.console import plain_errors, progress_bar
from leffa.device import pick_device
from leffa.diffusion.attention import AttentionTap
from leffa.evaluation.report import HEADLINE, evaluate
from leffa.mini.landmarks import LandmarkDetector
from leffa.mini.model import MiniModel
from leffa.mini.nets import HEIGHT, WIDTH, Layers, Mini, Readout
from leffa.mini.parser import WEIGHTS, Parser
from leffa.mini.readout import read_attention
from leffa.mini.scenes import Conditions
from leffa.tryon import TryOn


class Attentive(MiniModel):
    """Flow and mask read off the attention alone, as in the paper."""

    def _read(self, tap: AttentionTap, seen: Conditions) -> Readout:
        return read_attention(self._nets.head, tap)


class Laid(MiniModel):
    """Flow and mask from layout coordinates alone."""

    def _read(self, tap: AttentionTap, seen: Conditions) -> Readout:
        readout = read_attention(self._nets.head, tap)
        size = readout.flow.shape[-2:]
        flow, outline = (F.interpolate(values, size, mode="bilinear") for values in self._layouts(seen))
        return replace(readout, flow=flow, mask_logit=outline)


class Outlined(MiniModel):
    """The flow agreed, the mask read off the attention alone."""

    def _read(self, tap: AttentionTap, seen: Conditions) -> Readout:
        return replace(super()._read(tap, seen), mask_logit=read_attention(self._nets.head, tap).mask_logit)


class Unrefined(MiniModel):
    """The flow as read, mask and shade as the head reads them, no refiner."""

    def _join(self, readout: Readout, decoded: Tensor, seen: Conditions) -> tuple[Layers, Readout]:
        large = (F.interpolate(values, (HEIGHT, WIDTH), mode="bilinear") for values in vars(readout).values())
        readout = Readout(*large)
        mask = self._map(seen.mask)
        layers = Layers(
            garment=torch.sigmoid(readout.mask_logit) * mask,
            shade=torch.exp(readout.shade).expand(-1, 3, -1, -1),
            trust=torch.ones_like(mask),
            keep=1 - mask,
            fill=decoded,
            behind=decoded,
        )
        return layers, readout


class Decoded(Unrefined):
    """Diffusion alone: what the VAE decodes, wherever the mask lets it."""

    def _join(self, readout: Readout, decoded: Tensor, seen: Conditions) -> tuple[Layers, Readout]:
        layers, readout = super()._join(readout, decoded, seen)
        return Layers(**vars(layers) | {"trust": torch.zeros_like(layers.trust)}), readout


class Unmoved(MiniModel):
    """The refiner's layers over the flow as read."""

    def _join(self, readout: Readout, decoded: Tensor, seen: Conditions) -> tuple[Layers, Readout]:
        layers, refined = super()._join(readout, decoded, seen)
        flow = F.interpolate(readout.flow, (HEIGHT, WIDTH), mode="bilinear")
        return layers, replace(refined, flow=flow)


VARIANTS = {
    "as it is": MiniModel,
    "attention alone": Attentive,
    "layouts alone": Laid,
    "outline of the attention alone": Outlined,
    "refiner moves no flow": Unmoved,
    "no refiner": Unrefined,
    "no flow, no refiner": Decoded,
}


def main(
    pairs: Annotated[Path, typer.Argument(help="folder of pairs")],
    limit: Annotated[int | None, typer.Option(min=1, help="the first so many pairs only")] = None,
) -> None:
    """Print the means of every variant."""
    table = Table("", *(name.replace("_", " ") for name in HEADLINE), "flow error px")
    nets, detector, parser = Mini().load(), LandmarkDetector(), Parser.load(WEIGHTS)
    with plain_errors(), progress_bar() as report:
        for name, kind in VARIANTS.items():
            tryon = TryOn(kind(nets, detector, parser, pick_device("cpu")))
            found = evaluate(
                pairs,
                limit=limit,
                tryon=tryon,
                progress=lambda done, total, _, name=name: report(name, done, total),
            )
            means = found.means()
            table.add_row(name, *(f"{means[figure]:.3f}" for figure in (*HEADLINE, "flow_error_px")))
    Console(width=150).print(table)


if __name__ == "__main__":
    typer.run(main)
