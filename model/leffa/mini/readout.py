"""From attention to picture: flow → warped garment, mask and shade → layers → the answer at any size.

Used with the same tensors in training (cached) and in :mod:`leffa.mini.model` (live).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from leffa.diffusion.attention import AttentionTap
from leffa.diffusion.flow import flow_from_attention, warp
from leffa.mini.layout import reach
from leffa.mini.nets import HEIGHT, LATENT_SCALE, WIDTH, Head, Layers, Readout, Refiner, compose

STRIP = 512  # rows rendered at a time
ROUNDS = 2
LAYOUT_SHARE = 0.7  # of the flow: 6.3 pixels off on 60 pairs; of attention alone 7.6, of layouts alone 6.6
BLEED = 5  # pixels at native size: the old garment's soft edge, where the photo is not to be trusted


def read_attention(head: Head, tap: AttentionTap) -> Readout:
    """The head's reading of a filled tap of the flow layer (conditional half only)."""
    assert tap.query is not None and tap.reference_key is not None and tap.hidden_states is not None
    flow = flow_from_attention(tap.query, tap.reference_key, HEIGHT // LATENT_SCALE, WIDTH // LATENT_SCALE)
    return head(tap.hidden_states, flow)


def agreed(readout: Readout, flow: Tensor, outline: Tensor, silhouette: Tensor) -> Readout:
    """The attention's reading with that of the layouts, weighed: they err in different places.

    flow [B, 2, any, any], outline [B, 1, any, any] logits. Where the layouts look beside the garment,
    silhouette [B, 1, H, W] 0..1, their flow alone is believed: attention must look at something and cannot
    say that there is no cloth.
    """
    size = readout.flow.shape[-2:]
    other = F.interpolate(flow, size, mode="bilinear")
    cloth = F.grid_sample(silhouette, other.permute(0, 2, 3, 1), align_corners=False) > 0.5
    both = torch.where(cloth, torch.lerp(readout.flow, other, LAYOUT_SHARE), other)
    mask_logit = (readout.mask_logit + F.interpolate(outline, size, mode="bilinear")) / 2
    doubt = torch.cat([readout.flow - both, readout.mask_logit - mask_logit], 1)
    return replace(readout, flow=both, mask_logit=mask_logit, doubt=doubt)


def refine(
    refiner: Refiner, readout: Readout, *, decoded: Tensor, photo: Tensor, cloth: Tensor, mask: Tensor,
    densepose: Tensor, garment: Tensor,
) -> list[tuple[Layers, Readout]]:  # fmt: skip
    """Join everything at the native size: ROUNDS times layers and the reading they go with, the best last.

    decoded, photo [B, 3, H, W] 0..1; cloth, mask [B, 1, H, W] 0/1: the worn garment, the agnostic mask;
    densepose [B, 3, H, W] part colours; garment [B, 4, H, W] 0..1 RGB and silhouette.
    """
    cloth = F.max_pool2d(cloth, BLEED, 1, BLEED // 2) * mask
    around = grown(photo, 1 - cloth)
    flat = torch.cat([garment, reach(garment[:, 3:])], 1)
    rounds: list[tuple[Layers, Readout]] = []
    before = Readout(*(_native(values) for values in vars(readout).values()))
    for _ in range(ROUNDS):
        warped = warp(flat, before.flow, HEIGHT, WIDTH)
        layers, after = refiner(
            photo * (1 - cloth), cloth, mask, densepose, decoded, around, warped[:, :4], warped[:, 4:], before
        )
        # The garment was fetched by the flow as it came in, but it is drawn by the flow that goes out.
        rounds.append((layers, after))
        before = after
    return rounds


def grown(picture: Tensor, known: Tensor) -> Tensor:
    """A picture [B, C, H, W] whose known pixels, [B, 1, H, W] 0..1, have grown smoothly over the others.

    Pulled down and pushed up again as in Gortler et al., The Lumigraph, 1996: what is unknown at one size is
    taken from the picture at half the size, where more is known.
    """
    if min(known.shape[-2:]) == 1:
        return picture
    total = F.avg_pool2d(known, 2, ceil_mode=True)
    mean = F.avg_pool2d(picture * known, 2, ceil_mode=True) / total.clamp_min(1e-6)
    coarse = grown(mean, (2 * total).clamp(max=1))
    return torch.lerp(F.interpolate(coarse, known.shape[-2:], mode="bilinear"), picture, known)


def render(layers: Layers, flow: Tensor, photo: Tensor, garment: Tensor, mask: Tensor) -> Tensor:
    """The answer at the photo's own size: every layer is enlarged, the garment is fetched at its full size.

    photo [1, 3, h, w], garment [1, 3, any, any] 0..1, mask [1, 1, h, w] 0/1. Outside the mask the photo stays
    as it is, bit for bit. Works in strips, so that a photo of 40 megapixels fits into a laptop's memory.
    """
    answer = photo.clone()
    for top in range(0, photo.shape[2], STRIP):
        rows = slice(top, top + STRIP)
        piece = photo[:, :, rows]
        grid = _grid(top, piece.shape[2], *photo.shape[2:]).to(photo.device)
        large = Layers(*(_sampled(layer, grid, "bicubic").clamp_min(0) for layer in vars(layers).values()))
        large.garment, large.trust, large.keep = (
            layer.clamp(0, 1) for layer in (large.garment, large.trust, large.keep)
        )
        looked_at = _sampled(flow, grid, "bilinear").permute(0, 2, 3, 1)  # [1, rows, w, 2]
        worn = compose(large, piece, _sampled(garment, looked_at, "bilinear"))
        answer[:, :, rows] = torch.where(mask[:, :, rows] > 0.5, worn, piece)
    return answer


def _grid(top: int, rows: int, height: int, width: int) -> Tensor:
    """Normalised centres of the pixels of some rows of a picture: [1, rows, width, 2]."""
    x = (2 * torch.arange(width) + 1) / width - 1
    y = (2 * torch.arange(top, top + rows) + 1) / height - 1
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]


def _sampled(picture: Tensor, grid: Tensor, mode: str) -> Tensor:
    return F.grid_sample(picture, grid, mode=mode, padding_mode="border", align_corners=False)


def _native(layer: Tensor) -> Tensor:
    return F.interpolate(layer, size=(HEIGHT, WIDTH), mode="bilinear")
