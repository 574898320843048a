"""The pair of UNets: diffusers' own network twice, with our attention processors and other stems."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn

from leffa.diffusion.attention import install_extending, install_recording
from leffa.diffusion.quirks import ADDED_EMBEDDING_TYPE

LATENT_CHANNELS = 4
# What the generative stem reads, in this order: noisy latent, mask, latent of the masked person, DensePose.
CONDITION_CHANNELS = {"latent": LATENT_CHANNELS, "mask": 1, "masked_latent": LATENT_CHANNELS, "densepose": 3}
GENERATIVE_CHANNELS = sum(CONDITION_CHANNELS.values())

# Upstream's state dict holds all three networks flat, told apart by these prefixes.
PREFIXES = {"vae": "vae.", "reference_unet": "unet_encoder.", "unet": "unet."}


class Networks(NamedTuple):
    """The three networks of a model, under the names of PREFIXES."""

    vae: AutoencoderKL
    reference_unet: UNet2DConditionModel
    unet: UNet2DConditionModel


def empty_networks(unet_config: Mapping[str, Any], vae_config: Mapping[str, Any]) -> Networks:
    """All three from the base model's configurations, on the meta device: shapes without memory."""
    with torch.device("meta"):
        return Networks(AutoencoderKL.from_config(vae_config).eval(), *build_unets(unet_config))


def build_unets(unet_config: Mapping[str, Any]) -> tuple[UNet2DConditionModel, UNet2DConditionModel]:
    """(reference UNet, generative UNet) with random weights from a diffusers `config.json` as a dict.

    The config is the base model's, SD 1.5 or SDXL shaped; its `in_channels` (9 for inpainting models) gives
    way to 4 and 12. SDXL's text and size embedding keeps its parameters, checkpoints have them, and is not
    used.
    """
    reference_unet = _build(unet_config, LATENT_CHANNELS)
    install_recording(reference_unet)
    unet = _build(unet_config, GENERATIVE_CHANNELS)
    install_extending(unet)
    return reference_unet, unet


def load_part(network: nn.Module, state: Mapping[str, Tensor], part: str) -> None:
    """Load one of PREFIXES out of a flat Leffa state dict, strictly: RuntimeError names what differs."""
    prefix = PREFIXES[part]
    network.load_state_dict({key.removeprefix(prefix): state[key] for key in state if key.startswith(prefix)})


def _build(unet_config: Mapping[str, Any], in_channels: int) -> UNet2DConditionModel:
    unet = UNet2DConditionModel.from_config({**unet_config, "in_channels": in_channels})
    unet.register_to_config(addition_embed_type=ADDED_EMBEDDING_TYPE)
    return unet.eval()
