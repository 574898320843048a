"""Stages `answers` and `refiner`: the finished pair's drafts are cached, the refiner learns to join them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from torch import Tensor
from torch.nn import functional as F

from leffa.diffusion.flow import warp
from leffa.diffusion.pipeline import LeffaPipeline
from leffa.mini.nets import FLOW_LAYER, PART_COLOURS, Layers, Mini, Readout, Refiner, compose
from leffa.mini.parser import ParserNet
from leffa.mini.readout import read_attention, refine
from leffa.preprocess.agnostic_mask import agnostic_mask, clothing_mask
from leffa.training.data import load_shards, write_arrays
from leffa.training.device import device, mixed_precision, tensor
from leffa.training.loop import LoopConfig, fit
from leffa.training.recipes.mini_pair import look_through
from leffa.training.sheets import write_sheet
from leffa.tryon import GARMENT_TYPES

STEPS = 3  # few: the cache shall be made in minutes, and rougher drafts make a sturdier refiner
BATCH = 8
SHEET_ROWS = 8


def cache_answers(
    mini: Mini, parser: ParserNet, pipeline: LeffaPipeline, data: Path, out: Path, count: int
) -> Path:
    """Draw the first `count` pairs of `data` with the pair as trained; returns `out/answers.npz`."""
    path = out / "answers.npz"
    names = ("person", "target", "garment", "garment_alpha", "garment_mask", "garment_type",
             "labels", "parts", "keypoints")  # fmt: skip
    pairs = {name: array[:count] for name, array in load_shards(data, names).items()}
    kinds = [GARMENT_TYPES[index] for index in pairs.pop("garment_type")]
    look_through(parser, pairs)
    looks = list(zip(pairs.pop("labels"), pairs["parts"], kinds, strict=True))
    pairs.pop("keypoints")
    pairs["mask"] = np.stack([agnostic_mask(labels, parts, kind) for labels, parts, kind in looks])
    pairs["cloth"] = np.stack([clothing_mask(labels, kind) for labels, _, kind in looks])
    mini.to(device())
    drawn = [
        _draw(mini, pipeline, pairs, start) for start in track(range(0, len(kinds), BATCH), "drawing answers")
    ]
    for name in drawn[0]:
        pairs[name] = np.concatenate([batch[name] for batch in drawn])
    write_arrays(path, pairs)
    return path


@torch.inference_mode()
def _draw(
    mini: Mini, pipeline: LeffaPipeline, pairs: dict[str, np.ndarray], start: int
) -> dict[str, np.ndarray]:
    batch = {name: array[start : start + BATCH] for name, array in pairs.items()}
    generator = torch.Generator().manual_seed(start)
    with mixed_precision():
        drawn = pipeline(
            _tensor(batch["person"]) * 2 - 1,
            _tensor(batch["garment"]) * 2 - 1,
            tensor(batch["mask"][:, None]).float(),
            tensor(PART_COLOURS[batch["parts"]]).permute(0, 3, 1, 2),
            inference_steps=STEPS,
            guidance_scale=1.0,
            generator=generator,
            flow_layer=FLOW_LAYER,
        )
        assert drawn.tap is not None
        readout = read_attention(mini.head, drawn.tap)
    return {
        "decoded": (drawn.images.float() * 255).round().byte().cpu().numpy(),
        "flow": readout.flow.half().cpu().numpy(),
        "mask_logit": readout.mask_logit.half().cpu().numpy(),
        "shade": readout.shade.half().cpu().numpy(),
    }


def train_refiner(mini: Mini, answers: Path, out: Path, config: LoopConfig, batch: int, resume: bool) -> None:
    """Train `mini.refiner` on the cached answers.

    `out/refiner.png` shows photo, garment, target, the pair's draft and the answer.
    """
    with np.load(answers) as stored:
        arrays = {name: stored[name] for name in stored.files}

    def loss(refiner: Refiner, rng: np.random.Generator) -> dict[str, Tensor]:
        chosen = np.sort(rng.integers(len(arrays["person"]), size=batch))
        return _loss(refiner, {name: array[chosen] for name, array in arrays.items()})

    fit("refiner", mini.refiner, loss, config, out, resume)
    last = {name: array[-SHEET_ROWS:] for name, array in arrays.items()}
    with torch.no_grad():
        answer = _answer(mini.refiner, last, tensor(last["mask"][:, None]).float())[1]
    columns = (_tensor(last[name]) for name in ("person", "garment", "target"))
    write_sheet(out / "refiner.png", [*columns, tensor(last["decoded"]).float() / 255, answer])


def _loss(refiner: Refiner, batch: dict[str, np.ndarray]) -> dict[str, Tensor]:
    mask = tensor(batch["mask"][:, None]).float()
    layers, answer = _answer(refiner, batch, mask)
    true_mask = tensor(batch["garment_mask"][:, None] > 0).float()
    entropy = F.binary_cross_entropy(layers.garment.clamp(1e-4, 1 - 1e-4), true_mask, reduction="none")
    area = mask.sum() + 1
    outline = (entropy * mask).sum() / area
    pixels = ((answer - _tensor(batch["target"])).abs() * mask).sum() / (3 * area)
    return {"loss": 4 * pixels + 2 * outline, "pixels": pixels, "outline": outline}


def _answer(refiner: Refiner, batch: dict[str, np.ndarray], mask: Tensor) -> tuple[Layers, Tensor]:
    """The layers, and the answer [B, 3, H, W] that they come to."""
    photo = _tensor(batch["person"])
    garment = torch.cat([_tensor(batch["garment"]), _tensor(batch["garment_alpha"][..., None])], 1)
    readout = Readout(*(tensor(batch[name]).float() for name in ("flow", "mask_logit", "shade")))
    with mixed_precision():
        layers = refine(
            refiner, readout, photo=photo, mask=mask,
            decoded=tensor(batch["decoded"]).float() / 255,
            cloth=tensor(batch["cloth"][:, None]).float(), garment=garment,
            densepose=tensor(PART_COLOURS[batch["parts"]]).permute(0, 3, 1, 2),
        )  # fmt: skip
    layers = Layers(*(layer.float() for layer in vars(layers).values()))
    return layers, compose(layers, photo, warp(garment[:, :3], readout.flow, *photo.shape[-2:]))


def _tensor(pictures: np.ndarray) -> Tensor:
    """uint8 [B, H, W, C] → float [B, C, H, W] in 0..1."""
    return tensor(pictures).permute(0, 3, 1, 2).float() / 255
