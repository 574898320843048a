"""Stage `layout`: where cloth lies over people and over flats; one net for each, trained side by side.

People are seen half as the parser sees them, half as they are. Neither net sees what the other does: each
learns from every pixel of every picture, and only `same_cloth` brings them together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from leffa.mini.layout import FLAT_CELL, MARGIN, UNIT, LayoutFlow, LayoutNet, shapes, with_limbs, with_margin
from leffa.mini.nets import Mini
from leffa.mini.parser import HEIGHT, LABELS, PARTS, WIDTH, ParserNet
from leffa.training.data import both_directions, shards
from leffa.training.device import mixed_precision, tensor
from leffa.training.disturb import KEYPOINT_MIRROR, LABEL_MIRROR, PART_MIRROR
from leffa.training.loop import LoopConfig, fit
from leffa.training.recipes.mini_pair import look_through, weighted_mean

Arrays = dict[str, NDArray[Any]]

NAMES: Final = (
    "person", "labels", "parts", "keypoints", "found_keypoints", "found_silhouette", "layout", "garment",
    "garment_alpha", "flat_layout", "garment_type",
)  # fmt: skip
BATCH: Final = 25
BESIDE: Final = 3  # cells of 4 pixels beside the body: loose cloth hangs there, at its nearest place
BESIDE_WEIGHT: Final = 0.3
SCALE: Final = 10.0  # losses are in decimetres
LOGIT_WEIGHT: Final = 0.3
CUT_OFF_WEIGHT: Final = 0.25  # of cells of a flat that the garment's own cut leaves empty
STRETCHED_SHARE: Final = 0.6
STRETCH: Final = (0.72, 1.12)
MIRROR_SHAPES: Final = np.concatenate([LABEL_MIRROR, LABELS + PART_MIRROR.astype(int), [LABELS + PARTS]])


def train_layout(
    mini: Mini, parser: ParserNet, data: Path, out: Path, config: LoopConfig, batch: int, resume: bool
) -> None:
    """Train `mini.layout` on the shards in `data`."""
    reduced = [_reduced(parser, shard) for shard in shards(data)]
    arrays = {name: np.concatenate([each.pop(name) for each in reduced]) for name in list(reduced[0])}

    def loss(layout: LayoutFlow, rng: np.random.Generator) -> dict[str, Tensor]:
        chosen = np.sort(rng.integers(len(arrays["keypoints"]), size=batch))
        drawn = _stretched({name: array[chosen] for name, array in arrays.items()}, rng)
        drawn = _mirrored(drawn) if rng.random() < 0.5 else drawn
        return _loss(layout, drawn)

    fit("layout", mini.layout, loss, config, out, resume)


def _reduced(parser: ParserNet, shard: Path) -> Arrays:
    """A shard's people and garments in both directions, as small as they are needed."""
    pairs = both_directions(shard, NAMES)
    look_through(parser, pairs)
    layout, weight = _worn(pairs["layout"])
    seen = [tensor(pairs[name]) for name in ("labels", "parts", "silhouette")]
    known = [shapes(*batch) for batch in zip(*(values.split(BATCH) for values in seen), strict=True)]
    flats = np.concatenate([pairs["garment"], pairs["garment_alpha"][..., None]], 3)
    size = WIDTH // FLAT_CELL, HEIGHT // FLAT_CELL
    return {
        "known": (torch.cat(known) * 255).round().byte().cpu().numpy(),
        "keypoints": pairs["keypoints"],
        "layout": layout,
        "weight": weight,
        "garment": np.stack([cv2.resize(flat, size, interpolation=cv2.INTER_AREA) for flat in flats]),
        "flat_layout": pairs["flat_layout"],
        "garment_type": pairs["garment_type"],
    }


def _worn(layouts: NDArray[np.float16]) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """True layouts [N, H/4, W/4, 4] with NaN → [N, 4, H/8, W/8], and their weights [N, 2, H/8, W/8]."""
    targets, weights = [], []
    for layout in layouts:
        shells = [_beside(shell) for shell in np.split(layout.astype(np.float32), 2, axis=2)]
        weight = np.stack([weight for _, weight in shells])  # [2, h, w]
        filled = np.concatenate([filled for filled, _ in shells], 2).transpose(2, 0, 1)  # [4, h, w]
        each = weight.repeat(2, 0)
        targets.append(_halved(filled * each) / np.maximum(_halved(each), 1e-3))
        weights.append(_halved(weight))
    return np.stack(targets).astype(np.float16), np.stack(weights).astype(np.float16)


def _beside(shell: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One shell's [h, w, 2], every NaN replaced by the nearest value, and weights [h, w]."""
    there = ~np.isnan(shell[..., 0])
    if not there.any():
        return np.zeros_like(shell), np.zeros(there.shape, np.float32)
    distance, nearest = cv2.distanceTransformWithLabels(
        (~there).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    value_of = np.zeros((nearest.max() + 1, 2), np.float32)
    value_of[nearest[there]] = shell[there]
    return value_of[nearest], np.where(there, 1, BESIDE_WEIGHT * (distance <= BESIDE)).astype(np.float32)


def _halved(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    count, height, width = planes.shape
    return planes.reshape(count, height // 2, 2, width // 2, 2).mean((2, 4))


def _mirrored(batch: Arrays) -> Arrays:
    """People and flats in a mirror: left and right change places, x changes its sign."""
    mirror = {name: np.flip(batch[name], 3) for name in ("known", "layout", "weight")}
    mirror |= {name: np.flip(batch[name], 2) for name in ("garment", "flat_layout")}
    mirror["known"] = mirror["known"][:, MIRROR_SHAPES]
    mirror["layout"] = mirror["layout"] * np.array([-1, 1, -1, 1], np.float16)[:, None, None]
    mirror["flat_layout"] = mirror["flat_layout"] * np.array([-1, 1, 1], np.float16)
    points = batch["keypoints"][:, KEYPOINT_MIRROR].copy()
    points[..., 0] = WIDTH - points[..., 0]
    return batch | mirror | {"keypoints": points}


def _stretched(batch: Arrays, rng: np.random.Generator) -> Arrays:
    """Flats made narrower or wider: shops cut otherwise than we do, so proportions alone shall not decide."""
    garments, layouts = batch["garment"].copy(), batch["flat_layout"].copy()
    for garment, layout in zip(garments, layouts, strict=True):
        if rng.random() < STRETCHED_SHARE:
            by = rng.uniform(*STRETCH)
            garment[:] = _widened(garment, by, cv2.INTER_LINEAR, (255, 255, 255, 0))
            layout[:] = _widened(layout.astype(np.float32), by, cv2.INTER_NEAREST, (np.nan,) * 3)
    return batch | {"garment": garments, "flat_layout": layouts}


def _widened(picture: NDArray[Any], by: float, interpolation: int, beside: tuple[float, ...]) -> NDArray[Any]:
    height, width = picture.shape[:2]
    matrix = np.array([[by, 0, (1 - by) * (width - 1) / 2], [0, 1, 0]])
    return cv2.warpAffine(
        picture,
        matrix,
        (width, height),
        flags=interpolation,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=beside,
    )


def _loss(layout: LayoutFlow, batch: Arrays) -> dict[str, Tensor]:
    person, off = _person_loss(layout.person, batch)
    flat = _flat_loss(layout.flat, batch)
    return {"loss": person + flat, "person": person, "off_cm": off, "flat": flat}


def _person_loss(net: LayoutNet, batch: Arrays) -> tuple[Tensor, Tensor]:
    maps = with_limbs(tensor(batch["known"]).float() / 255, tensor(batch["keypoints"]))
    with mixed_precision():
        found = net(maps)
    off = found * UNIT - tensor(batch["layout"]).float()  # [B, 4, h, w], metres
    suit, skirt = (_length(half) for half in off.chunk(2, 1))
    of_suit, of_skirt = tensor(batch["weight"]).float().chunk(2, 1)
    suit, skirt = weighted_mean(suit, of_suit), weighted_mean(skirt, of_skirt)
    return SCALE * (suit + skirt), 100 * suit


def _flat_loss(net: LayoutNet, batch: Arrays) -> Tensor:
    garment = tensor(batch["garment"]).permute(0, 3, 1, 2).float() / 255
    with mixed_precision():
        found = net(with_margin(garment, tensor(batch["garment_type"])))
    true = tensor(batch["flat_layout"]).float().permute(0, 3, 1, 2)
    there = (~true[:, :1].isnan()).float()
    true = true.nan_to_num()
    weight = there * (CUT_OFF_WEIGHT + F.pad(garment[:, 3:], (MARGIN,) * 4))
    off = _length(found[:, :2] * UNIT - true[:, :2])
    skirt = F.binary_cross_entropy_with_logits(found[:, 2:3], true[:, 2:], reduction="none")
    anything = F.binary_cross_entropy_with_logits(found[:, 3:], there)
    return SCALE * weighted_mean(off, weight) + LOGIT_WEIGHT * (weighted_mean(skirt, there) + anything)


def _length(vectors: Tensor) -> Tensor:
    """[B, 2, h, w] → [B, 1, h, w]."""
    return (vectors.square().sum(1, keepdim=True) + 1e-6).sqrt()
