"""Attention read as a flow field: where in the garment does each generated token look?

Notation of arXiv 2412.08486, section 3 (learning flow fields in attention): Q queries of the generated
tokens, K keys of the reference tokens, A attention, C coordinates, F flow. Coordinates are (x, y) in -1..1
with align_corners=False, as torch's grid_sample takes them: token j of n columns has x = (2 j + 1) / n - 1.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def attention_map(query: Tensor, reference_key: Tensor, temperature: float = 1.0) -> Tensor:
    """Head-averaged probabilities [B, N, M], float32: A = mean over heads of softmax(Q K^T / t sqrt(d)).

    query [B, heads, N, d], reference_key [B, heads, M, d]. The softmax runs over the reference tokens only,
    so rows sum to 1: given that a token looks at the garment, where? Needs B * heads * N * M floats.
    """
    with torch.autocast(query.device.type, enabled=False):
        Q, K = query.float(), reference_key.float()
        logits = Q @ K.transpose(-1, -2) / (temperature * math.sqrt(Q.shape[-1]))
        return logits.softmax(-1).mean(1)


def coordinates(height: int, width: int, device: torch.device | str = "cpu") -> Tensor:
    """C: (x, y) of the centres of a grid's cells, row by row, float32 [height * width, 2] in -1..1."""
    x, y = ((2 * torch.arange(n, device=device) + 1) / n - 1 for n in (width, height))
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).flatten(0, 1)


def flow_from_attention(
    query: Tensor,
    reference_key: Tensor,
    height: int,
    width: int,
    ref_height: int | None = None,
    ref_width: int | None = None,
    temperature: float = 1.0,
) -> Tensor:
    """The flow field [B, 2, height, width], float32: F = A C, the coordinates each token looks at on average.

    query [B, heads, height * width, d], reference_key [B, heads, ref_height * ref_width, d]; the reference
    grid is the generated one unless given. Equal to `attention_map` times `coordinates`, but the map is never
    laid out in memory where torch has a fused attention: the coordinates are the attention's values. In
    float32 whatever the inputs and autocast, because bfloat16 cannot tell neighbouring columns of a large
    grid apart.
    """
    Q, K = query.float(), reference_key.float()
    C = coordinates(ref_height or height, ref_width or width, query.device)
    # Fused kernels want values as wide as keys; zeros fill up.
    V = F.pad(C, (0, max(Q.shape[-1] - 2, 0))).expand(*K.shape[:3], -1)
    scale = 1 / (temperature * math.sqrt(Q.shape[-1]))
    with torch.autocast(query.device.type, enabled=False):
        looked_at = F.scaled_dot_product_attention(Q, K, V, scale=scale)[..., :2]  # [B, heads, N, 2]
    return looked_at.mean(1).transpose(1, 2).unflatten(2, (height, width))


def warp(image: Tensor, flow: Tensor, height: int, width: int) -> Tensor:
    """Fetch [B, C, height, width] out of image [B, C, H, W] where flow [B, 2, h, w] points, edges held.

    Both reads are bilinear: the flow is brought to the output's size first, so the picture keeps its own
    sharpness however coarse the flow is.
    """
    flow = F.interpolate(flow, (height, width), mode="bilinear", align_corners=False)
    grid = flow.permute(0, 2, 3, 1).to(image.dtype)
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
