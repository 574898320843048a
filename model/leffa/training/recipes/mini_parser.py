"""Stage `parser`: clothing labels and body parts from picture, silhouette and keypoints.

Trained on synthetic people only, so the pictures are disturbed far more than cameras do it. Silhouette and
keypoints are what the real detector finds in the drawings, or the ground truth with faults like its own.

Why a net of our own: against SegFormer (transformers' class, widths 32 to 192, two blocks a stage, 2.3 M
parameters, the same 21 input planes) on the same 1,936 pictures, one core, held-out mean IoU:

| net | CPU ms a sample | after 50 CPU-s, labels and parts | after 100 CPU-s |
|---|---|---|---|
| SegFormer | 119 | 0.11, 0.08 (456 samples) | 0.19, 0.14 (848 samples) |
| ours, 3.5 M | 110 | 0.08, 0.06 (488 samples) | 0.18, 0.14 (912 samples) |

No clear winner, so serving does without the dependency.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from leffa.mini.parser import LABELS, PARTS, ParserNet, net_inputs
from leffa.training.data import WAY_BACK, load_shards
from leffa.training.device import device, mixed_precision, tensor
from leffa.training.disturb import detected, disturbed_look, moved
from leffa.training.loop import LoopConfig, fit

Arrays = dict[str, NDArray[Any]]

PEOPLE: Final = ("person", "labels", "parts", "keypoints", "found_keypoints", "found_silhouette")
DRAWN: Final = ("picture", "silhouette", "keypoints", "labels", "parts")
HELD_OUT: Final = 64  # last samples, never trained on
ACCESSORIES: Final = (1, 3, 8, 16, 17)  # ATR hat, sunglasses, belt, bag, scarf
ACCESSORY_SHARE: Final = 0.5  # of a batch: one person in four has any, too few to learn them from
ACCESSORY_PIXELS: Final = 20


def train_parser(net: ParserNet, data: Path, out: Path, config: LoopConfig, batch: int, resume: bool) -> None:
    """Train `net` on the shards in `data`; leaves the averaged weights in it.

    Writes, besides what `fit` writes, `out/parser.json` (figures on HELD_OUT samples) and `out/parser.png` (a
    sheet of them: picture, true and found labels, true and found parts).
    """
    people = load_people(data)
    total = len(people["picture"])
    count = total - min(HELD_OUT, total // 4)
    weights = class_weights(people["labels"][:count], LABELS), class_weights(people["parts"][:count], PARTS)
    adorned = np.flatnonzero(
        [np.isin(labels, ACCESSORIES).sum() >= ACCESSORY_PIXELS for labels in people["labels"][:count]]
    )

    def loss(model: nn.Module, rng: np.random.Generator) -> dict[str, Tensor]:
        chosen = rng.integers(count, size=batch)
        again = rng.random(batch) < ACCESSORY_SHARE if len(adorned) else np.zeros(batch, bool)
        chosen[again] = rng.choice(adorned, again.sum())
        return parser_loss(model, draw_batch(people, chosen, rng), weights)

    fast = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    fit("parser", fast, loss, config, out, resume)
    held_out = draw_batch(people, np.arange(count, total), np.random.default_rng(0), disturbed=False)
    figures = measure(net, held_out)
    (out / "parser.json").write_text(json.dumps(figures, indent=1))
    write_sheet(net, {name: array[:12] for name, array in held_out.items()}, out / "parser.png")


def load_people(data: Path) -> Arrays:
    """Every rendered person of the shards, in both garments: picture, labels, parts, keypoints."""
    pairs = load_shards(data, (*PEOPLE, *(WAY_BACK[name] for name in PEOPLE if name in WAY_BACK)))

    def both(name: str) -> NDArray[Any]:
        there, back = pairs[name], pairs[WAY_BACK.get(name, name)]
        return np.stack([there, back], 1).reshape(-1, *there.shape[1:])

    people = {name: both(name) for name in PEOPLE}
    return people | {"picture": people.pop("person")}


def class_weights(maps: NDArray[np.uint8], classes: int) -> Tensor:
    """Weights [classes]: rare ones count more, by the square root of their rarity, up to 4."""
    share = np.bincount(maps[:: max(1, len(maps) // 256)].ravel(), minlength=classes)[:classes] / maps[0].size
    present = share > 0
    weight = np.sqrt(np.median(share[present]) / np.maximum(share, 1e-9))
    return tensor(np.where(present, np.clip(weight, 0.5, 4.0), 1.0)).float()


def parser_loss(net: nn.Module, batch: Arrays, weights: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """Weighted cross-entropy of labels and parts at half the picture's size, and what their overlap lacks."""
    inputs = net_inputs(batch["picture"], batch["silhouette"], batch["keypoints"])
    with mixed_precision():
        logits = net(*(x.to(device(), memory_format=torch.channels_last) for x in inputs))
    losses = {}
    for name, found, weight in zip(("labels", "parts"), logits, weights, strict=True):
        true = tensor(batch[name][:, ::2, ::2].astype(np.int64))
        losses[name] = F.cross_entropy(found.float(), true, weight)
        losses[f"{name}_overlap"] = lacking_overlap(found.float(), true)
    return {"loss": sum(losses.values(), torch.zeros(())), **losses}


def lacking_overlap(logits: Tensor, true: Tensor) -> Tensor:
    """What the mean IoU of the batch lacks to 1, over the classes that occur in it; shares count as pixels.

    logits [B, C, h, w], true int64 [B, h, w]. Small things count as much as large ones, which cross-entropy,
    weighted or not, never gives them.
    """
    found = logits.softmax(1)
    there = F.one_hot(true, logits.shape[1]).permute(0, 3, 1, 2).to(found.dtype)
    both, all_true = (found * there).sum((0, 2, 3)), there.sum((0, 2, 3))
    union = found.sum((0, 2, 3)) + all_true - both
    return 1 - (both / union)[all_true > 0].mean()


def draw_batch(
    people: Arrays, chosen: NDArray[Any], rng: np.random.Generator, disturbed: bool = True
) -> Arrays:
    """The chosen samples as the net will see them: stacked picture, silhouette, keypoints, labels, parts."""
    drawn = []
    for index in chosen:
        sample = {name: array[index] for name, array in people.items()}
        if disturbed:
            sample = disturbed_look(moved(sample, rng), rng)
        drawn.append(sample | detected(sample, rng))
    return {name: np.stack([sample[name] for sample in drawn]) for name in DRAWN}


@torch.inference_mode()
def predict(net: nn.Module, batch: Arrays) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Labels and parts of a drawn batch at half size, uint8 [B, H/2, W/2] each."""
    found: list[list[NDArray[np.uint8]]] = [[], []]
    place = next(net.parameters()).device
    for start in range(0, len(batch["picture"]), 8):
        piece = slice(start, start + 8)
        inputs = net_inputs(batch["picture"][piece], batch["silhouette"][piece], batch["keypoints"][piece])
        for kind, logits in zip(found, net(*(x.to(place) for x in inputs)), strict=True):
            kind.append(logits.argmax(1).byte().cpu().numpy())
    return np.concatenate(found[0]), np.concatenate(found[1])


def measure(net: nn.Module, batch: Arrays) -> dict[str, Any]:
    """Mean IoU of labels and parts over the classes that occur, and the IoU of each label and part."""
    figures: dict[str, Any] = {}
    for name, found in zip(("labels", "parts"), predict(net, batch), strict=True):
        true = batch[name][:, ::2, ::2]
        ious = {}
        for index in np.flatnonzero(np.bincount(true.ravel()) > 50):
            a, b = found == index, true == index
            ious[int(index)] = round(float((a & b).sum() / (a | b).sum()), 4)
        figures[f"{name}_miou"] = round(float(np.mean(list(ious.values()))), 4)
        figures[f"{name}_iou"] = ious
    return figures


def write_sheet(net: nn.Module, batch: Arrays, path: Path) -> None:
    """Draw one row a sample: picture, true and found labels, true and found parts."""
    found = predict(net, batch)
    size = batch["picture"].shape[2] // 2, batch["picture"].shape[1] // 2
    columns: list[Callable[[int], NDArray[np.uint8]]] = [
        lambda i: cv2.resize(batch["picture"][i], size, interpolation=cv2.INTER_AREA),
        lambda i: _painted(batch["labels"][i, ::2, ::2]),
        lambda i: _painted(found[0][i]),
        lambda i: _painted(batch["parts"][i, ::2, ::2]),
        lambda i: _painted(found[1][i]),
    ]
    rows = [np.hstack([column(index) for column in columns]) for index in range(len(batch["picture"]))]
    half = (len(rows) + 1) // 2
    sheet = (
        np.hstack([np.vstack(rows[:half]), np.vstack(rows[half:])]) if len(rows) % 2 == 0 else np.vstack(rows)
    )
    cv2.imwrite(str(path), sheet[..., ::-1])


def _painted(indices: NDArray[np.uint8]) -> NDArray[np.uint8]:
    hue = (indices.astype(np.int32) * 67 % 180).astype(np.uint8)
    value = np.where(indices > 0, 160 + indices % 3 * 45, 0).astype(np.uint8)
    return cv2.cvtColor(np.dstack([hue, np.full_like(hue, 190), value]), cv2.COLOR_HSV2RGB)
