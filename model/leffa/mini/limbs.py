"""Seventeen keypoints as maps that a network can read: bells, ridges, and places in every limb's frame."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

KEYPOINTS: Final = 17
MID_SHOULDER, MID_HIP = 17, 18
# Pairs of keypoints: shoulders, hips, trunk, neck, then left and right upper arm, forearm, thigh, shin.
LIMBS: Final = ((5, 6), (11, 12), (MID_SHOULDER, MID_HIP), (0, MID_SHOULDER), (5, 7), (6, 8), (7, 9), (8, 10),
                (11, 13), (12, 14), (13, 15), (14, 16))  # fmt: skip
SHORTEST: Final = 4.0  # pixels: what a limb counts as at least
SURE: Final = 0.05  # least confidence of keypoints whose limbs have a frame
FAR: Final = 2.0  # limb lengths


def body_maps(keypoints: Tensor, height: int, width: int, cell: int, sigma: float) -> Tensor:
    """A bell at every keypoint and a ridge along every limb, as high as the detector is confident.

    keypoints [B, 17, 3]: x, y in pixels and confidence; one value for cell x cell pixels; sigma in pixels.
    Returns [B, 17 + 12, height/cell, width/cell], 0..1.
    """
    grid = _centres(height, width, cell, keypoints.device)
    starts, stops = _limb_ends(keypoints)
    bells = torch.exp(-_squared_distance(grid, keypoints, keypoints) / (2 * sigma**2))
    ridges = torch.exp(-_squared_distance(grid, starts, stops) / (2 * sigma**2))
    confidence = torch.cat([keypoints[..., 2], torch.minimum(starts[..., 2], stops[..., 2])], 1)
    return torch.cat([bells, ridges], 1) * confidence[..., None, None]


def limb_frames(keypoints: Tensor, height: int, width: int, cell: int) -> Tensor:
    """Where every cell lies along and across every limb, in limb lengths from its middle.

    keypoints as above. Returns [B, 2 * 12, height/cell, width/cell], -FAR..FAR; 0 where a limb is not known.
    """
    starts, stops = _limb_ends(keypoints)
    limb = (stops - starts)[..., None, None, :2]
    away = _centres(height, width, cell, keypoints.device) - starts[..., None, None, :2]  # [B, 12, h, w, 2]
    length = limb.square().sum(-1).clamp(min=SHORTEST**2)
    along = (away * limb).sum(-1) / length - 0.5
    across = (away[..., 0] * limb[..., 1] - away[..., 1] * limb[..., 0]) / length
    known = (torch.minimum(starts[..., 2], stops[..., 2]) > SURE)[..., None, None]
    return torch.cat([along * known, across * known], 1).clamp(-FAR, FAR)


def _centres(height: int, width: int, cell: int, device: torch.device) -> Tensor:
    """Centres of the cells in pixels: [height/cell, width/cell, 2]."""
    y = (torch.arange(height // cell, device=device) + 0.5) * cell
    x = (torch.arange(width // cell, device=device) + 0.5) * cell
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)


def _limb_ends(keypoints: Tensor) -> tuple[Tensor, Tensor]:
    """Start and end of every limb: [B, 12, 3] each."""
    middles = torch.stack([keypoints[:, 5:7].mean(1), keypoints[:, 11:13].mean(1)], 1)
    ends = torch.cat([keypoints, middles], 1)
    start, stop = (ends[:, [limb[side] for limb in LIMBS]] for side in (0, 1))
    return start, stop


def _squared_distance(grid: Tensor, starts: Tensor, stops: Tensor) -> Tensor:
    """From every point of `grid` [h, w, 2] to N segments [B, N, 2+]: [B, N, h, w]."""
    along = (stops - starts)[..., None, None, :2]
    away = grid - starts[..., None, None, :2]  # [B, N, h, w, 2]
    share = (away * along).sum(-1) / along.square().sum(-1).clamp(min=1e-6)
    return (away - share.clamp(0, 1)[..., None] * along).square().sum(-1)
