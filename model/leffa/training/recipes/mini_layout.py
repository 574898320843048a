"""Stage `layout`: where cloth lies over people and over flats, and how it sits; three nets side by side.

People are seen half as the parser sees them, half as they are. For the layout, person and flat are learned
apart: each from every pixel of every picture, and only `same_cloth` brings them together. The third net sees
what both thought of, and teaches them to think of how loose, long and wide a garment is.
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

from leffa.mini.layout import FLAT_CELL, MARGIN, UNIT, LayoutFlow, shapes, with_limbs, with_margin
from leffa.mini.nets import Mini
from leffa.mini.parser import HEIGHT, LABELS, PARTS, WIDTH, ParserNet
from leffa.training.data import both_directions, shards
from leffa.training.device import mixed_precision, tensor
from leffa.training.disturb import KEYPOINT_MIRROR, LABEL_MIRROR, PART_MIRROR
from leffa.training.loop import LoopConfig, fit
from leffa.training.recipes.mini_pair import agnostic_masks, look_through, weighted_mean

Arrays = dict[str, NDArray[Any]]

NAMES: Final = (
    "person", "labels", "parts", "keypoints", "found_keypoints", "found_silhouette", "layout", "garment",
    "garment_alpha", "flat_layout", "garment_type", "garment_mask", "flow",
)  # fmt: skip
BATCH: Final = 25
BESIDE: Final = 3  # cells of 4 pixels beside the body: loose cloth hangs there, at its nearest place
BESIDE_WEIGHT: Final = 0.3
SCALE: Final = 10.0  # losses are in decimetres
LOGIT_WEIGHT: Final = 0.3
CUT_OFF_WEIGHT: Final = 0.25  # of cells of a flat that the garment's own cut leaves empty
FLOW_WEIGHT: Final = 6.0
OUTSIDE_WEIGHT: Final = 0.1  # of the outline where nothing may be repainted anyway
STRETCHED_SHARE: Final = 0.55
STRETCH: Final = (0.45, 1.12)
NECK: Final = 0.14  # of half the picture: so much beside the middle is stretched little
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
        "mask": _shares(agnostic_masks(pairs)),
        "outline": _shares(pairs["garment_mask"] > 0),
        "flow": pairs["flow"][:, 2::4, 2::4].transpose(0, 3, 1, 2),
    }


def _shares(masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """[N, H, W] → how much of every 2x2 pixels is set, 0..255: [N, 1, H/2, W/2]."""
    count, height, width = masks.shape
    shares = masks.reshape(count, 1, height // 2, 2, width // 2, 2).mean((3, 5), dtype=np.float32)
    return (shares * 255).round().astype(np.uint8)


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
    mirror = {
        name: np.flip(batch[name], 3) for name in ("known", "layout", "weight", "mask", "outline", "flow")
    }
    mirror |= {name: np.flip(batch[name], 2) for name in ("garment", "flat_layout")}
    mirror["known"] = mirror["known"][:, MIRROR_SHAPES]
    mirror["layout"] = mirror["layout"] * np.array([-1, 1, -1, 1], np.float16)[:, None, None]
    mirror["flow"] = mirror["flow"] * np.array([-1, 1], np.float16)[:, None, None]
    mirror["flat_layout"] = mirror["flat_layout"] * np.array([-1, 1, 1], np.float16)
    points = batch["keypoints"][:, KEYPOINT_MIRROR].copy()
    points[..., 0] = WIDTH - points[..., 0]
    return batch | mirror | {"keypoints": points}


def _stretched(batch: Arrays, rng: np.random.Generator) -> Arrays:
    """Flats made narrower or wider: shops cut otherwise than we do, so proportions alone shall not decide."""
    garments, layouts, flows = (batch[name].copy() for name in ("garment", "flat_layout", "flow"))
    for garment, layout, flow in zip(garments, layouts, flows, strict=True):
        if rng.random() < STRETCHED_SHARE:
            by = rng.uniform(*STRETCH)
            garment[:] = _widened(garment, by, cv2.INTER_LINEAR, (255, 255, 255, 0))
            layout[:] = _widened(layout.astype(np.float32), by, cv2.INTER_NEAREST, (np.nan,) * 3)
            flow[0] = _moved_aside(flow[0].astype(np.float32), by)
    return batch | {"garment": garments, "flat_layout": layouts, "flow": flows}


def _moved_aside(x: NDArray[Any], by: float) -> NDArray[Any]:
    """Where places x, -1..1 across the picture, come to lie; near the neck almost where they were."""
    return by * x + (1 - by) * NECK * np.tanh(x / NECK)


def _widened(picture: NDArray[Any], by: float, interpolation: int, beside: tuple[float, ...]) -> NDArray[Any]:
    """A picture [h, w, C] of cells, with margin or without, after that move."""
    height, width = picture.shape[:2]
    half = WIDTH // FLAT_CELL / 2
    places = np.linspace(-4, 4, 2001)
    columns = (np.arange(width) + 0.5 - width / 2) / half
    columns = np.interp(columns, _moved_aside(places, by), places) * half + width / 2 - 0.5
    x, y = np.meshgrid(columns.astype(np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(picture, x, y, interpolation, borderMode=cv2.BORDER_CONSTANT, borderValue=beside)


def _loss(layout: LayoutFlow, batch: Arrays) -> dict[str, Tensor]:
    maps = with_limbs(tensor(batch["known"]).float() / 255, tensor(batch["keypoints"]))
    garment = tensor(batch["garment"]).permute(0, 3, 1, 2).float() / 255
    with mixed_precision():
        person = layout.person(maps)
        flat = layout.flat(with_margin(garment, tensor(batch["garment_type"]))).values
    # The search subtracts large numbers from each other: it needs all of float32.
    flow, outline = layout.dress(person, flat, garment[:, 3:])
    on_person, off = _person_loss(person.values, batch)
    on_flat = _flat_loss(flat, garment[:, 3:], batch)
    true, mask = (tensor(batch[name]).float() / 255 for name in ("outline", "mask"))
    flow_off, edge = _flow_loss(flow, batch), outline_loss(outline, true, mask.clamp(min=OUTSIDE_WEIGHT))
    return {
        "loss": on_person + on_flat + FLOW_WEIGHT * flow_off + edge,
        "person": on_person, "off_cm": off, "flat": on_flat, "flow": flow_off, "outline": edge,
    }  # fmt: skip


def _person_loss(found: Tensor, batch: Arrays) -> tuple[Tensor, Tensor]:
    off = found * UNIT - tensor(batch["layout"]).float()  # [B, 4, h, w], metres
    suit, skirt = (_length(half) for half in off.chunk(2, 1))
    of_suit, of_skirt = tensor(batch["weight"]).float().chunk(2, 1)
    suit, skirt = weighted_mean(suit, of_suit), weighted_mean(skirt, of_skirt)
    return SCALE * (suit + skirt), 100 * suit


def _flat_loss(found: Tensor, silhouette: Tensor, batch: Arrays) -> Tensor:
    true = tensor(batch["flat_layout"]).float().permute(0, 3, 1, 2)
    there = (~true[:, :1].isnan()).float()
    true = true.nan_to_num()
    weight = there * (CUT_OFF_WEIGHT + F.pad(silhouette, (MARGIN,) * 4))
    off = _length(found[:, :2] * UNIT - true[:, :2])
    skirt = F.binary_cross_entropy_with_logits(found[:, 2:3], true[:, 2:], reduction="none")
    anything = F.binary_cross_entropy_with_logits(found[:, 3:], there)
    return SCALE * weighted_mean(off, weight) + LOGIT_WEIGHT * (weighted_mean(skirt, there) + anything)


def _flow_loss(flow: Tensor, batch: Arrays) -> Tensor:
    true = tensor(batch["flow"]).float()  # one value for 8 pixels
    seen = (~true.isnan().any(1, keepdim=True)).float()
    return weighted_mean((flow - true.nan_to_num()).abs().sum(1, keepdim=True), seen)


def outline_loss(logits: Tensor, true: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy, and what is missing of the intersection over union that evaluation looks at.

    All [B, 1, h, w]: true 0..1 where the garment is in sight, mask 0..1 where it may be.
    """
    entropy = F.binary_cross_entropy_with_logits(logits, true, reduction="none")
    found = torch.sigmoid(logits) * mask
    both = (found * true).sum((1, 2, 3))
    union = (found + true - found * true).sum((1, 2, 3))
    return weighted_mean(entropy, mask) + (1 - (both + 1) / (union + 1)).mean()


def _length(vectors: Tensor) -> Tensor:
    """[B, 2, h, w] → [B, 1, h, w]."""
    return (vectors.square().sum(1, keepdim=True) + 1e-6).sqrt()
