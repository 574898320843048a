"""Networks a few channels wide, with random weights: enough to see who talks to whom."""

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from leffa.diffusion.pipeline import LeffaPipeline
from leffa.diffusion.sampler import build_scheduler
from leffa.diffusion.unets import build_unets

UNET = {
    "attention_head_dim": 2,
    "block_out_channels": [8, 16],
    "cross_attention_dim": 4,
    "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "in_channels": 9,
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "out_channels": 4,
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
}
SDXL = {
    **UNET,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 4,
    "attention_head_dim": [2, 4],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
    "projection_class_embeddings_input_dim": 28,
    "transformer_layers_per_block": [1, 2],
    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
    "use_linear_projection": True,
}
VAE = {
    "block_out_channels": [8, 8, 8, 8],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "latent_channels": 4,
    "norm_num_groups": 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}
SCHEDULER = {
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
}


@pytest.fixture(scope="session")
def unets() -> tuple[UNet2DConditionModel, UNet2DConditionModel]:
    """(reference, generative), SD 1.5 shaped."""
    torch.manual_seed(0)
    return build_unets(UNET)


@pytest.fixture(scope="session")
def sdxl_unets() -> tuple[UNet2DConditionModel, UNet2DConditionModel]:
    """(reference, generative), SDXL shaped."""
    torch.manual_seed(1)
    return build_unets(SDXL)


@pytest.fixture(scope="session")
def pipeline(unets: tuple[UNet2DConditionModel, UNet2DConditionModel]) -> LeffaPipeline:
    """A whole pipeline with the schedule of the embedded model."""
    torch.manual_seed(2)
    vae = AutoencoderKL.from_config(VAE).eval()
    return LeffaPipeline(vae, *unets, build_scheduler(SCHEDULER, zero_snr=True))
