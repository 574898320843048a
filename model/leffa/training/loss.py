"""The Leffa loss: attention is taught to look at the right place of the reference picture.

As arXiv 2412.08486, section 3, defines it. For a self-attention layer l with queries Q of the generated
tokens, keys K of the reference tokens, temperature τ and coordinates C of the reference grid:

    A = mean over heads of softmax(Q Kᵀ / (τ √d))          equation 2
    F = A C                                                 equation 3, the flow: where each token looks
    L = Σ_l mean over I_m of (I_tgt - warp(I_ref, up(F)))²  equation 4
    loss = diffusion loss + λ L                             equation 5

I_ref and I_tgt are pictures, not latents; up() is bilinear, to the pictures' size; I_m is the garment's mask.
Only layers whose grid is at least `resolution` of the picture take part, only samples with a timestep below
`timestep`.

Where we read the paper our way: the squared error is a mean over mask pixels and channels (so λ does not
depend on the picture's size), coordinates are those of cell centres (align_corners=False), and every sample
of a batch is judged by its own timestep.

F needs no attention map: the mean over heads and the product with C are linear, so attention with C as its
values is F exactly (`flow_from_attention`). Memory grows with tokens, not with their square.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional as F

from leffa.diffusion.attention import ExtendAttention, Reference, attention_layers, layer_grid
from leffa.diffusion.flow import flow_from_attention, warp


@dataclass(frozen=True)
class LeffaLoss:
    """The loss's settings; the defaults are the paper's.

    weight: λ · temperature: τ · resolution: the coarsest grid that takes part, as a share of the picture ·
    timestep: of 1000, at and above which a sample takes no part.
    """

    weight: float = 1e-3
    temperature: float = 2.0
    resolution: float = 1 / 32
    timestep: int = 500


@dataclass
class Looks:
    """What one layer looks with: query [B, heads, N, d], reference_key [B, heads, M, d], gradients attached.

    grid: rows and columns of the N generated tokens; the M reference tokens lie on the same grid. name: the
    layer's in its UNet.
    """

    query: Tensor
    reference_key: Tensor
    grid: tuple[int, int]
    name: str = ""


@contextmanager
def listening(unet: UNet2DConditionModel, latent: tuple[int, int], smallest: float) -> Iterator[list[Looks]]:
    """A list that every `denoise(unet, ...)` within fills anew, a layer an entry, in execution order.

    `latent` is the latent's (height, width); layers on a grid smaller than `smallest` of it stay out. Any
    UNet with :class:`ExtendAttention` installed will do. Raises ValueError where no layer is left.
    """
    grids = {name: layer_grid(unet, name, *latent) for name in attention_layers(unet)}
    grids = {name: grid for name, grid in grids.items() if grid[0] >= smallest * latent[0]}
    if not grids:
        raise ValueError(f"no self-attention layer is as fine as {smallest:.4f} of the latent")
    heard: list[Looks] = []
    first = next(iter(grids))

    def hear(name: str, layer: nn.Module, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        if name == first:
            heard.clear()
        heard.append(_looks(name, layer, args[0], options["reference"], grids[name]))

    hooks = [
        unet.get_submodule(name).register_forward_pre_hook(
            lambda layer, args, options, name=name: hear(name, layer, args, options), with_kwargs=True
        )
        for name in grids
    ]
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()


def _looks(name: str, layer: Any, tokens: Tensor, reference: Reference, grid: tuple[int, int]) -> Looks:
    processor = layer.processor
    assert isinstance(processor, ExtendAttention)
    query, key = (
        projected.unflatten(-1, (layer.heads, -1)).transpose(1, 2)
        for projected in (layer.to_q(tokens), layer.to_k(reference.features[processor.index]))
    )
    return Looks(query, key, grid, name)


def leffa_loss(
    heard: list[Looks],
    reference: Tensor,
    target: Tensor,
    garment_mask: Tensor,
    timesteps: Tensor,
    settings: LeffaLoss,
) -> Tensor:
    """λ L as above, a scalar; zero where no sample of the batch takes part.

    heard: from :func:`listening`. reference, target: pictures [B, 3, H, W], any range; garment_mask
    [B, 1, H, W] 0..1: where the target shows the reference's garment; timesteps [B].
    """
    takes_part = (timesteps < settings.timestep).float().view(-1, 1, 1, 1)
    weight = F.interpolate(garment_mask.float(), target.shape[-2:]) * takes_part
    total = torch.zeros((), device=target.device)
    for looks in heard:
        flow = flow_from_attention(
            looks.query, looks.reference_key, *looks.grid, temperature=settings.temperature
        )
        error = (warp(reference.float(), flow, *target.shape[-2:]) - target).square().mean(1, keepdim=True)
        total = total + _mean_of_samples(error, weight)
    return settings.weight * total


def flow_spread(heard: list[Looks], temperature: float = 2.0) -> list[float]:
    """How far the flow strays from its own mean, a figure a layer, 0..1; near 0 it has collapsed.

    Flat attention looks at the middle of the picture from everywhere, and a loss on the warp alone hardly
    moves it from there. An honest flow over the whole picture has 0.58.
    """
    flows = (
        flow_from_attention(looks.query, looks.reference_key, *looks.grid, temperature=temperature)
        for looks in heard
    )
    return [float(flow.std((2, 3)).mean()) for flow in flows]


def _mean_of_samples(error: Tensor, weight: Tensor) -> Tensor:
    """Mean of error [B, 1, H, W] within each sample's weight, then over the samples that have any."""
    area = weight.sum((1, 2, 3))
    means = (error * weight).sum((1, 2, 3)) / area.clamp_min(1e-6)
    return means.sum() / (area > 0).sum().clamp_min(1)
