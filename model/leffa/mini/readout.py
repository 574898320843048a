"""From attention to picture: flow → warped garment, mask and shade → layers → the answer at any size.

Used with the same tensors in training (cached) and in :mod:`leffa.mini.model` (live).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from leffa.diffusion.attention import AttentionTap
from leffa.diffusion.flow import flow_from_attention, warp
from leffa.mini.nets import HEIGHT, LATENT_SCALE, WIDTH, Head, Layers, Readout, Refiner, compose

BLEED = 5  # pixels at native size: the old garment's soft edge, where the photo is not to be trusted


def read_attention(head: Head, tap: AttentionTap) -> Readout:
    """The head's reading of a filled tap of the flow layer (conditional half only)."""
    assert tap.query is not None and tap.reference_key is not None and tap.hidden_states is not None
    flow = flow_from_attention(tap.query, tap.reference_key, HEIGHT // LATENT_SCALE, WIDTH // LATENT_SCALE)
    return head(tap.hidden_states, flow)


def refine(
    refiner: Refiner, readout: Readout, *, decoded: Tensor, photo: Tensor, cloth: Tensor, mask: Tensor,
    densepose: Tensor, garment: Tensor,
) -> Layers:  # fmt: skip
    """Join everything at the native size into :class:`Layers`.

    decoded, photo [B, 3, H, W] 0..1; cloth, mask [B, 1, H, W] 0/1: the worn garment, the agnostic mask;
    densepose [B, 3, H, W] part colours; garment [B, 4, H, W] 0..1 RGB and silhouette.
    """
    cloth = F.max_pool2d(cloth, BLEED, 1, BLEED // 2) * mask
    return refiner(
        photo * (1 - cloth), cloth, mask, densepose, decoded, warp(garment, readout.flow, HEIGHT, WIDTH),
        _native(readout.mask_logit), _native(readout.shade),
    )  # fmt: skip


def render(layers: Layers, flow: Tensor, photo: Tensor, garment: Tensor, mask: Tensor) -> Tensor:
    """The answer at the photo's own size: every layer is enlarged, the garment is warped at its full size.

    photo [B, 3, h, w], garment [B, 3, any, any] 0..1, mask [B, 1, h, w] 0/1. Outside the mask the photo
    stays as it is, bit for bit.
    """
    height, width = photo.shape[-2:]
    large = Layers(*(_resized(layer, height, width) for layer in vars(layers).values()))
    worn = compose(large, photo, warp(garment, flow, height, width))
    return torch.where(mask > 0.5, worn, photo)


def _resized(layer: Tensor, height: int, width: int) -> Tensor:
    if layer.shape[-2:] == (height, width):
        return layer
    return F.interpolate(layer, size=(height, width), mode="bicubic", antialias=True).clamp_min(0)


def _native(layer: Tensor) -> Tensor:
    return F.interpolate(layer, size=(HEIGHT, WIDTH), mode="bilinear")
