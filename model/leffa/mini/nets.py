"""The embedded model's networks: Leffa's layout in miniature, and two small nets that read a picture from it.

The VAE and the pair of UNets are diffusers' own classes under small configs, so the official pipeline runs
them unchanged; only :class:`Head` and :class:`Refiner` are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from leffa.diffusion.unets import build_unets
from leffa.files import whole_file
from leffa.mini.layout import LayoutFlow

HEIGHT, WIDTH = 256, 192
LATENT_SCALE = 8
FLOW_LAYER = "up_blocks.2.attentions.1.transformer_blocks.0.attn1"
_LAST_ATTENTION = "unet_encoder.up_blocks.2.attentions.1."
BEYOND_REFERENCE = (
    *(f"{_LAST_ATTENTION}{part}" for part in ("proj_out.", "transformer_blocks.0.attn1.",
      "transformer_blocks.0.norm2.", "transformer_blocks.0.norm3.", "transformer_blocks.0.ff.")),
    "unet_encoder.conv_norm_out.", "unet_encoder.conv_out.",
)  # fmt: skip
WEIGHTS = Path(__file__).parent / "weights" / "leffa-mini.safetensors"

VAE_CONFIG: dict[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "block_out_channels": (16, 32, 48, 64),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 1,
    "norm_num_groups": 1,
    "mid_block_add_attention": False,
    "scaling_factor": 1.0,
}

UNET_CONFIG: dict[str, Any] = {
    "in_channels": 9,
    "out_channels": 4,
    "sample_size": 32,
    "block_out_channels": (64, 96, 160),
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    "attention_head_dim": (2, 3, 5),
    "cross_attention_dim": 8,
    "norm_num_groups": 16,
}

SCHEDULER_CONFIG: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
    "clip_sample": False,
}


def _part_colours() -> np.ndarray:
    """The 25 part indices as base-3 digits: three channels of -1, 0, 1, all different. float32 [25, 3]."""
    index = np.arange(25) + 1
    digits = np.stack([index % 3, index // 3 % 3, index // 9 % 3], axis=1)
    return (digits - 1).astype(np.float32)


PART_COLOURS = _part_colours()


def _block(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1), nn.GroupNorm(8, channels_out), nn.SiLU()
    )


def _start_silent(layer: nn.Module) -> None:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


@dataclass
class Readout:
    """Where every pixel's cloth comes from and how it looks. All float.

    flow: [B, 2, h, w] into the garment, -1..1 · mask_logit: [B, 1, h, w] · shade: [B, 1, h, w] log gain ·
    doubt: [B, 3, h, w] what to add to flow and mask_logit to have them as the attention alone reads them.
    The head reads them at four times the latent grid, the refiner corrects them at the native size.
    """

    flow: Tensor
    mask_logit: Tensor
    shade: Tensor
    doubt: Tensor


class Head(nn.Module):
    """Garment mask, shade and a small flow correction from the tokens of the flow layer."""

    def __init__(self, channels: int = 64, width: int = 128) -> None:
        super().__init__()
        self.body = nn.Sequential(_block(channels + 2, width), _block(width, width))
        self.out = nn.Conv2d(width, 4 * 16, 3, padding=1)
        _start_silent(self.out)

    def forward(self, hidden_states: Tensor, flow: Tensor) -> Readout:
        """hidden_states [B, h*w, C], flow [B, 2, h, w] read from the attention → :class:`Readout`."""
        height, width = flow.shape[-2:]
        tokens = hidden_states.transpose(1, 2).unflatten(2, (height, width))  # [B, C, h, w]
        maps = F.pixel_shuffle(self.out(self.body(torch.cat([tokens, flow], 1))), 4).float()  # [B, 4, 4h, 4w]
        # Neighbouring values leave one convolution as separate channels: without smoothing, texture frays.
        correction = F.avg_pool2d(0.25 * torch.tanh(maps[:, 2:]), 5, 1, 2, count_include_pad=False)
        fine = F.interpolate(flow.float(), scale_factor=4, mode="bilinear") + correction
        return Readout(fine, maps[:, :1], maps[:, 1:2].clamp(-1.5, 0.7), torch.zeros_like(maps[:, :3]))


@dataclass
class Layers:
    """The layers of the answer at the model's native size. All float [B, C, H, W].

    garment: 0..1 where the new garment is · shade: gain on the warped garment, a channel a colour ·
    trust: 0..1 how much of the garment is the warp and not the fill (the flat does not show its back) ·
    keep: 0..1 where the photo itself shows through · fill: RGB 0..1 of cloth that the flat does not show ·
    behind: RGB 0..1 of what the old garment hid.
    """

    garment: Tensor
    shade: Tensor
    trust: Tensor
    keep: Tensor
    fill: Tensor
    behind: Tensor


class Refiner(nn.Module):
    """A small U-shaped net on 4x4 pixel blocks that joins warp, decoded picture and photo.

    It is called in rounds: every round sees the garment as warped by the flow of the one before.
    """

    CHANNELS_IN = 17
    COARSE_IN = 9

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        wide, widest, deep = width * 3 // 2, width * 2, width * 3
        self.stem = _block(self.CHANNELS_IN * 16, width)
        self.coarse_stem = nn.Conv2d(self.COARSE_IN, width, 3, padding=1)
        self.down1 = nn.Sequential(nn.MaxPool2d(2), _block(width, wide), _block(wide, wide))
        self.down2 = nn.Sequential(nn.MaxPool2d(2), _block(wide, widest), _block(widest, widest))
        self.down3 = nn.Sequential(nn.MaxPool2d(2), _block(widest, deep), _block(deep, deep))
        self.up0 = nn.Conv2d(deep, widest, 3, padding=1)
        self.up1 = nn.Sequential(_block(widest + wide, wide), _block(wide, wide))
        self.up2 = nn.Sequential(_block(wide + width, width), _block(width, width))
        self.out = nn.Conv2d(width, 10 * 16, 3, padding=1)
        self.flow_out = nn.Conv2d(width, 2, 3, padding=1)
        for layer in (self.coarse_stem, self.up0, self.out, self.flow_out):
            _start_silent(layer)

    def forward(
        self, photo: Tensor, cloth: Tensor, mask: Tensor, parts: Tensor, decoded: Tensor, around: Tensor,
        warped: Tensor, reach: Tensor, reading: Readout,
    ) -> tuple[Layers, Readout]:  # fmt: skip
        """Join the parts at the native size: the answer's layers, and the reading corrected.

        photo [B, 3, H, W] 0..1 with the old garment (cloth [B, 1, H, W]) blanked by the caller; mask agnostic
        mask 0/1; parts [B, 3, H, W] part colours; decoded [B, 3, H, W] 0..1; around [B, 3, H, W] 0..1 the
        photo grown over the old garment from its surroundings; warped [B, 4, H, W] garment RGB
        and silhouette 0..1; reach [B, 4, H, W] how far that place of the flat is from the silhouette's sides;
        reading as it is so far, brought to the native size.
        """
        flow, mask_logit, shade = reading.flow, reading.mask_logit, reading.shade
        joined = torch.cat([photo, cloth, mask, parts, decoded, warped, mask_logit / 4, shade], 1)
        smooth = torch.cat([flow, reach, reading.doubt[:, :2], reading.doubt[:, 2:] / 4], 1)
        fine = self.stem(F.pixel_unshuffle(joined, 4)) + self.coarse_stem(F.avg_pool2d(smooth, 4))
        middle = self.down1(fine)
        coarse = self.down2(middle)
        coarse = coarse + _twice(self.up0(self.down3(coarse)), coarse)
        middle = self.up1(torch.cat([_twice(coarse, middle), middle], 1))
        fine = self.up2(torch.cat([_twice(middle, fine), fine], 1))
        delta = F.pixel_shuffle(self.out(fine), 4).float()  # [B, 10, H, W]
        garment, shades, keep, fill, trust, blend = delta.split((1, 3, 1, 3, 1, 1), 1)
        fill = (decoded + fill).clamp(0, 1)
        mask_logit = mask_logit + 2 * garment
        shades = (shade + shades).clamp(-1.5, 0.7)
        # At a quarter of the size the correction is smooth by itself: texture cannot fray.
        flow = flow + _twice(0.25 * self.flow_out(fine).float(), flow)
        layers = Layers(
            garment=torch.sigmoid(mask_logit) * mask,
            shade=torch.exp(shades),
            trust=torch.sigmoid(4 + 4 * trust),
            keep=1 - mask * (1 - torch.sigmoid(2 + 4 * keep) * (1 - cloth)),
            fill=fill,
            behind=torch.lerp(fill, around, torch.sigmoid(4 * blend)),
        )
        return layers, Readout(flow, mask_logit, shades.mean(1, keepdim=True), reading.doubt)


def _twice(coarse: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(coarse, size=like.shape[-2:], mode="bilinear")


def compose(layers: Layers, photo: Tensor, garment: Tensor) -> Tensor:
    """Garment over photo over what was hidden; photo, (warped) garment [B, 3, H, W] 0..1 → the same shape."""
    behind = layers.keep * photo + (1 - layers.keep) * layers.behind
    worn = layers.trust * (garment * layers.shade).clamp(0, 1) + (1 - layers.trust) * layers.fill
    return layers.garment * worn + (1 - layers.garment) * behind


class Mini(nn.Module):
    """All trained parts but the parser, under the key prefixes of the official checkpoints."""

    def __init__(self) -> None:
        super().__init__()
        self.vae = AutoencoderKL(**VAE_CONFIG)
        reference_unet, unet = build_unets(UNET_CONFIG)
        self.unet_encoder: UNet2DConditionModel = reference_unet
        self.unet: UNet2DConditionModel = unet
        self.head = Head()
        self.layout = LayoutFlow()
        self.refiner = Refiner()
        self.latent_std: Tensor
        self.register_buffer("latent_std", torch.ones(()))

    def save(self, path: Path) -> None:
        """Write fp16 safetensors without the weights that Leffa never uses."""
        state = {key: value.half().contiguous() for key, value in self.state_dict().items() if not _dead(key)}
        state["latent_std"] = self.latent_std.float()
        with whole_file(path) as draft:
            save_file(state, draft)

    def load(self, path: Path = WEIGHTS) -> Mini:
        """Read what :meth:`save` wrote.

        Raises:
            RuntimeError: when a key is missing or unexpected.
        """
        missing, unexpected = self.load_state_dict(
            {key: value.float() for key, value in load_file(path).items()}, strict=False
        )
        missing = [key for key in missing if not _dead(key)]
        if unexpected or missing:
            raise RuntimeError(f"{path.name}: missing {missing[:3]}, unexpected {unexpected[:3]}")
        self.calibrate()
        return self.eval()

    def calibrate(self) -> None:
        """Tell the VAE's config the spread of its latents, which the pipeline divides by."""
        self.vae.register_to_config(scaling_factor=1 / float(self.latent_std))


def _dead(key: str) -> bool:
    """Whether a weight reaches no picture: cross-attention, and what follows the last tokens taken over."""
    return ".attn2." in key or key.startswith(BEYOND_REFERENCE)
