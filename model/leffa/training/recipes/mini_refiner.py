"""Stages `answers` and `refiner`: the finished pair's drafts are cached, the refiner learns to join them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from leffa.diffusion.flow import warp
from leffa.diffusion.pipeline import LeffaPipeline
from leffa.mini.nets import FLOW_LAYER, PART_COLOURS, Layers, Mini, Readout, Refiner, compose
from leffa.mini.parser import ParserNet
from leffa.mini.readout import agreed, read_attention, refine
from leffa.preprocess.agnostic_mask import clothing_mask
from leffa.training.data import SHARD, both_directions, load_shards, shards, write_arrays
from leffa.training.device import device, mixed_precision, tensor
from leffa.training.disturb import PART_MIRROR
from leffa.training.loop import LoopConfig, fit
from leffa.training.recipes.mini_layout import outline_loss
from leffa.training.recipes.mini_pair import agnostic_masks, look_through
from leffa.training.sheets import write_sheet
from leffa.tryon import GARMENT_TYPES

STEPS = 2  # few: the cache shall be made in minutes, and rougher drafts make a sturdier refiner
BATCH = 8
SHEET_ROWS = 8
NAMES = (
    "person", "target", "garment", "garment_alpha", "garment_mask", "parts", "mask", "cloth", "true_flow",
    "decoded", "flow", "mask_logit", "shade", "doubt",
)  # fmt: skip
DRAWN_FROM = (
    "person", "target", "garment", "garment_alpha", "garment_mask", "labels", "parts", "keypoints", "flow",
    "found_keypoints", "found_silhouette", "garment_type",
)  # fmt: skip
ROUND_SHARES = (0.3, 0.7)  # of the loss; the last round makes the answer


def cache_answers(
    mini: Mini, parser: ParserNet, pipeline: LeffaPipeline, data: Path, out: Path, count: int
) -> Path:
    """Draw pairs of `data`, in both directions, with the pair as trained, until `count` answers are there.

    Returns the folder `out/answers`: a shard of answers for every shard of pairs; those there are kept.
    """
    folder = out / "answers"
    folder.mkdir(exist_ok=True)
    mini.to(device())
    done = 0
    for shard in track(shards(data), "drawing answers"):
        if done < count and not (folder / shard.name).exists():
            write_arrays(folder / shard.name, _answers(mini, parser, pipeline, shard))
        done += 2 * SHARD
    return folder


def _answers(mini: Mini, parser: ParserNet, pipeline: LeffaPipeline, shard: Path) -> dict[str, np.ndarray]:
    pairs = both_directions(shard, DRAWN_FROM)
    kinds = [GARMENT_TYPES[index] for index in pairs["garment_type"]]
    look_through(parser, pairs)
    pairs["mask"] = agnostic_masks(pairs)
    looks = zip(pairs["labels"], kinds, strict=True)
    pairs["cloth"] = np.stack([clothing_mask(labels, kind) for labels, kind in looks])
    drawn = [_draw(mini, pipeline, pairs, start) for start in range(0, len(kinds), BATCH)]
    pairs["true_flow"] = pairs.pop("flow")
    pairs |= {name: np.concatenate([batch[name] for batch in drawn]) for name in drawn[0]}
    return {name: pairs[name] for name in NAMES}


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
        attended = read_attention(mini.head, drawn.tap)
    garment = torch.cat([_tensor(batch["garment"]), _tensor(batch["garment_alpha"][..., None])], 1)
    seen = (tensor(batch[name]) for name in ("labels", "parts", "silhouette", "keypoints"))
    flow, outline = mini.layout(*seen, garment, tensor(batch["garment_type"]))
    readout = agreed(attended, flow, outline, garment[:, 3:])
    return {
        "decoded": (drawn.images.float() * 255).round().byte().cpu().numpy(),
        **{name: values.half().cpu().numpy() for name, values in vars(readout).items()},
    }


def train_refiner(mini: Mini, answers: Path, out: Path, config: LoopConfig, batch: int, resume: bool) -> None:
    """Train `mini.refiner` on the cached answers.

    `out/refiner.png` shows photo, garment, target, the pair's draft and the answer.
    """
    arrays = load_shards(answers, NAMES)

    def loss(refiner: Refiner, rng: np.random.Generator) -> dict[str, Tensor]:
        chosen = np.sort(rng.integers(len(arrays["person"]), size=batch))
        drawn = {name: array[chosen] for name, array in arrays.items()}
        return _loss(refiner, _mirrored(drawn) if rng.random() < 0.5 else drawn)

    fit("refiner", mini.refiner, loss, config, out, resume)
    last = {name: array[-SHEET_ROWS:] for name, array in arrays.items()}
    with torch.no_grad():
        answer = _answers_in_rounds(mini.refiner, last, tensor(last["mask"][:, None]).float())[-1][2]
    columns = (_tensor(last[name]) for name in ("person", "garment", "target"))
    write_sheet(out / "refiner.png", [*columns, tensor(last["decoded"]).float() / 255, answer])


def _mirrored(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Person and flat in a mirror: left and right parts change places, flows look at the other side."""
    columns = {
        name: 3 if name in ("decoded", "flow", "mask_logit", "shade", "doubt") else 2 for name in batch
    }
    mirror = {name: np.flip(array, columns[name]).copy() for name, array in batch.items()}
    mirror["parts"] = PART_MIRROR[mirror["parts"]]
    for name in ("flow", "doubt"):
        mirror[name][:, 0] *= -1
    flow = mirror["true_flow"]  # of every second pixel: now of the odd ones, and the even ones lie between
    flow[..., 0] *= -1
    flow[:, :, 1:] = (flow[:, :, 1:] + flow[:, :, :-1]) / 2
    flow[:, :, 0] = np.nan
    return mirror


def _loss(refiner: Refiner, batch: dict[str, np.ndarray]) -> dict[str, Tensor]:
    mask = tensor(batch["mask"][:, None]).float()
    total = torch.zeros((), device=mask.device)
    figures: dict[str, Tensor] = {}
    rounds = _answers_in_rounds(refiner, batch, mask)
    for share, (_, reading, answer) in zip(ROUND_SHARES, rounds, strict=True):
        figures = _round_loss(reading, answer, mask, batch)  # the last round's are logged
        total = total + share * (4 * figures["pixels"] + 2 * figures["outline"] + 4 * figures["flow"])
    return {"loss": total, **figures}


def _round_loss(
    reading: Readout, answer: Tensor, mask: Tensor, batch: dict[str, np.ndarray]
) -> dict[str, Tensor]:
    true_mask = tensor(batch["garment_mask"][:, None] > 0).float()
    area = mask.sum() + 1
    true_flow = tensor(batch["true_flow"]).float().permute(0, 3, 1, 2)  # every second pixel
    seen = ~true_flow.isnan().any(1, keepdim=True)
    away = (reading.flow[:, :, ::2, ::2] - true_flow.nan_to_num()).abs().sum(1, keepdim=True)
    wrong = (answer - _tensor(batch["target"])) * mask
    return {
        "pixels": (wrong.abs() + wrong.square()).sum() / (3 * area),
        "outline": outline_loss(reading.mask_logit, true_mask, mask),
        "flow": (away * seen).sum() / (seen.sum() + 1),
    }


def _answers_in_rounds(
    refiner: Refiner, batch: dict[str, np.ndarray], mask: Tensor
) -> list[tuple[Layers, Readout, Tensor]]:
    """For every round the layers, the reading and the answer [B, 3, H, W] that they come to."""
    photo = _tensor(batch["person"])
    garment = torch.cat([_tensor(batch["garment"]), _tensor(batch["garment_alpha"][..., None])], 1)
    readout = Readout(*(tensor(batch[name]).float() for name in ("flow", "mask_logit", "shade", "doubt")))
    with mixed_precision():
        rounds = refine(
            refiner, readout, photo=photo, mask=mask,
            decoded=tensor(batch["decoded"]).float() / 255,
            cloth=tensor(batch["cloth"][:, None]).float(), garment=garment,
            densepose=tensor(PART_COLOURS[batch["parts"]]).permute(0, 3, 1, 2),
        )  # fmt: skip
    answers = []
    for layers, after in rounds:
        layers = Layers(*(layer.float() for layer in vars(layers).values()))
        worn = warp(garment[:, :3], after.flow, *photo.shape[-2:])
        answers.append((layers, after, compose(layers, photo, worn)))
    return answers


def _tensor(pictures: np.ndarray) -> Tensor:
    """uint8 [B, H, W, C] → float [B, C, H, W] in 0..1."""
    return tensor(pictures).permute(0, 3, 1, 2).float() / 255
