"""A rough picture from latents without the VAE: each latent pixel's colour as a linear map of its channels.

The map is fitted once a VAE, to a card of coloured squares that the VAE has encoded, so it needs no constants
and fits any weights.
"""

import torch
from torch import Tensor

SQUARES = 16  # along a side of the card: enough colours to fit five numbers a channel


def colour_card(latent_factor: int) -> Tensor:
    """A picture of random colours, float32 [1, 3, H, W] in -1..1, a square of two latent pixels each."""
    colours = torch.rand(1, 3, SQUARES, SQUARES, generator=torch.Generator().manual_seed(0)) * 2 - 1
    side = SQUARES * 2 * latent_factor
    return torch.nn.functional.interpolate(colours, (side, side), mode="nearest")


def fit_colours(latents: Tensor, picture: Tensor) -> Tensor:
    """The least-squares map [channels + 1, 3] from latents [1, C, h, w] to a picture [1, 3, H, W]."""
    small = torch.nn.functional.interpolate(picture.float().cpu(), latents.shape[-2:], mode="area")
    return torch.linalg.lstsq(_with_one(latents.float().cpu()), small[0].flatten(1).T).solution


def draw_latents(latents: Tensor, colours: Tensor) -> Tensor:
    """Latents [B, C, h, w] as pictures, uint8 [B, h, w, 3], by the map of fit_colours."""
    pictures = [_with_one(row[None]) @ colours for row in latents.float().cpu()]
    stacked = torch.stack(pictures).reshape(len(latents), *latents.shape[-2:], 3)
    return ((stacked / 2 + 0.5).clamp(0, 1) * 255).round().byte()


def _with_one(latents: Tensor) -> Tensor:
    """[1, C, h, w] to [h * w, C + 1], the last column ones."""
    flat = latents[0].flatten(1).T
    return torch.cat([flat, torch.ones(len(flat), 1)], dim=1)
