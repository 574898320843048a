"""Stage `vae`: a picture codec of 1.6 M parameters, f8 with 4 channels, trained on crops.

Only coarse colour is asked of it: texture reaches the answer through the flow, not through latents.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from diffusers.models.downsampling import Downsample2D
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn
from torch.nn import functional as F

from leffa.mini.nets import Mini
from leffa.training.data import load_shards
from leffa.training.device import mixed_precision, tensor
from leffa.training.loop import LoopConfig, fit
from leffa.training.sheets import write_sheet

CROP = 64
KL_WEIGHT = 1e-6
SHEET_ROWS = 8


def train_vae(mini: Mini, data: Path, out: Path, config: LoopConfig, batch: int, resume: bool) -> None:
    """Train `mini.vae` on random crops of people and garments, then measure `mini.latent_std`.

    `out/vae.png` shows pictures and what comes back.
    """
    pictures = np.concatenate(list(load_shards(data, ("person", "garment")).values()))

    def loss(vae: AutoencoderKL, rng: np.random.Generator) -> dict[str, Tensor]:
        return _loss(vae, _crops(pictures, batch, rng))

    vae = mini.vae
    _start_as_pyramid(vae)
    fit("vae", vae, loss, config, out, resume)
    with torch.no_grad():
        sample = tensor(pictures[:: max(1, len(pictures) // 64)][:64]).permute(0, 3, 1, 2)
        latents = vae.encode(sample.float() / 127.5 - 1).latent_dist.mode()
        mini.latent_std.copy_(latents.std())
        decoded = vae.decode(latents[:SHEET_ROWS]).sample / 2 + 0.5
    write_sheet(out / "vae.png", [sample[:SHEET_ROWS] / 255, decoded])
    mini.calibrate()


@torch.no_grad()
def _start_as_pyramid(vae: AutoencoderKL) -> None:
    """Begin as a picture pyramid: latents 0..2 are the colours of 8x8 blocks, decoding repeats them.

    From diffusers' own random start, colour takes thousands of steps to come through. Residual branches begin
    silent, halvings average, everything else copies. Colours travel as pairs (+c, -c), since
    silu(c) - silu(-c) = c; a constant pair keeps the norms from erasing how strong they are.
    """
    for module in vae.modules():
        if isinstance(module, ResnetBlock2D):
            for parameter in module.conv2.parameters():
                nn.init.zeros_(parameter)
            if module.conv_shortcut is not None:
                _copy(module.conv_shortcut)
        elif isinstance(module, Downsample2D):
            _copy(module.conv)
            module.conv.weight.copy_(module.conv.weight.sum((2, 3), keepdim=True).expand(-1, -1, 3, 3) / 9)
        elif isinstance(module, Upsample2D):
            _copy(module.conv)
    for conv in (vae.encoder.conv_in, vae.decoder.conv_in):
        _split(conv)
    for conv, gain in ((vae.encoder.conv_out, 0.6), (vae.decoder.conv_out, 1.1)):
        _join(conv, gain)
    _copy(vae.quant_conv)
    _copy(vae.post_quant_conv)
    vae.quant_conv.weight[4:] = 0
    _set_bias(vae.quant_conv, dict.fromkeys(range(4, 8), -6.0))  # a sure posterior


def _set_bias(conv: nn.Conv2d, values: dict[int, float]) -> None:
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    for channel, value in values.items():
        conv.bias[channel] = value


def _copy(conv: nn.Conv2d) -> None:
    nn.init.dirac_(conv.weight)
    _set_bias(conv, {})


def _split(conv: nn.Conv2d) -> None:
    """Colours to channels 0..2, their negatives to 3..5, a constant pair to 6 and 7."""
    middle = conv.weight.shape[-1] // 2
    conv.weight[:8] = 0
    conv.weight[8:] *= 0.1
    for colour in range(3):
        conv.weight[colour, colour, middle, middle] = 1
        conv.weight[3 + colour, colour, middle, middle] = -1
    _set_bias(conv, {6: 3.0, 7: -3.0})


def _join(conv: nn.Conv2d, gain: float) -> None:
    middle = conv.weight.shape[-1] // 2
    conv.weight[:3] = 0
    for colour in range(3):
        conv.weight[colour, colour, middle, middle] = gain
        conv.weight[colour, 3 + colour, middle, middle] = -gain
    _set_bias(conv, {})


def _crops(pictures: np.ndarray, batch: int, rng: np.random.Generator) -> Tensor:
    """Random flips and crops, [batch, 3, CROP, CROP] in -1..1."""
    height, width = pictures.shape[1:3]
    crops = []
    for index in rng.integers(len(pictures), size=batch):
        top, left = rng.integers(height - CROP + 1), rng.integers(width - CROP + 1)
        crop = pictures[index, top : top + CROP, left : left + CROP]
        crops.append(crop[:, ::-1] if rng.random() < 0.5 else crop)
    return tensor(np.stack(crops)).permute(0, 3, 1, 2).float() / 127.5 - 1


def _loss(vae: AutoencoderKL, picture: Tensor) -> dict[str, Tensor]:
    with mixed_precision():
        posterior = vae.encode(picture).latent_dist
        decoded = vae.decode(posterior.sample()).sample.float()
    pixels = (decoded - picture).abs().mean()
    blocks = (F.avg_pool2d(decoded, 8) - F.avg_pool2d(picture, 8)).abs().mean()
    spread = posterior.kl().mean() * 192 / picture[0].numel()  # nats a latent position
    return {
        "loss": pixels + 2 * blocks + KL_WEIGHT * spread,
        "pixels": pixels,
        "blocks": blocks,
        "kl": spread,
    }
