"""Configurations of the two base models, as a weights folder has them or from here.

The checkpoints hold every weight, so of the base models only three small JSON files are used. Where a folder
lacks one, the figures below stand in: those of the public Stable Diffusion 1.5 and SDXL inpainting models,
without what diffusers takes for granted.
"""

import json
from pathlib import Path
from typing import Any, Literal

from leffa.errors import BadFolder, UnsupportedWeights

Part = Literal["unet", "vae", "scheduler"]
FILES: dict[Part, str] = {
    "unet": "unet/config.json",
    "vae": "vae/config.json",
    "scheduler": "scheduler/scheduler_config.json",
}
SD15, SDXL = "stable-diffusion-inpainting", "stable-diffusion-xl-1.0-inpainting-0.1"

_VAE = {
    "_class_name": "AutoencoderKL",
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
}
_NOISE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}
BASES: dict[str, dict[Part, dict[str, Any]]] = {
    SD15: {
        "unet": {
            "_class_name": "UNet2DConditionModel",
            "in_channels": 9,
            "block_out_channels": [320, 640, 1280, 1280],
            "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
            "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
            "attention_head_dim": 8,
            "cross_attention_dim": 768,
        },
        "vae": {**_VAE, "sample_size": 512, "scaling_factor": 0.18215},
        "scheduler": {"_class_name": "DDIMScheduler", **_NOISE},
    },
    SDXL: {
        "unet": {
            "_class_name": "UNet2DConditionModel",
            "in_channels": 9,
            "sample_size": 128,
            "block_out_channels": [320, 640, 1280],
            "down_block_types": ["DownBlock2D", *["CrossAttnDownBlock2D"] * 2],
            "up_block_types": [*["CrossAttnUpBlock2D"] * 2, "UpBlock2D"],
            "attention_head_dim": [5, 10, 20],
            "transformer_layers_per_block": [1, 2, 10],
            "cross_attention_dim": 2048,
            "use_linear_projection": True,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 2816,
        },
        "vae": {**_VAE, "sample_size": 1024, "scaling_factor": 0.13025, "force_upcast": True},
        "scheduler": {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading", **_NOISE},
    },
}


def base_config(base: Path, part: Part) -> dict[str, Any]:
    """The configuration of one part of the base model in the folder `base`.

    From its file there; without one, from BASES by the folder's name. Raises UnsupportedWeights for a damaged
    file, BadFolder for a missing one of an unknown base model.
    """
    path = base / FILES[part]
    if path.is_file():
        return read_config(path, "Delete it; it is optional.")
    if base.name not in BASES:
        raise BadFolder(f"{path} is missing.", fix="Run `leffa weights pull`.")
    return BASES[base.name][part]


def read_config(path: Path, fix: str) -> dict[str, Any]:
    """A JSON object. Raises UnsupportedWeights, with `fix`, for anything else."""
    try:
        config = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UnsupportedWeights(f"{path} cannot be read: {error}.", fix=fix) from error
    if not isinstance(config, dict):
        raise UnsupportedWeights(f"{path} holds no configuration.", fix=fix)
    return config
