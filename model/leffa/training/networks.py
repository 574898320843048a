"""The networks at the start of a run, and the pair that is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor, nn

from leffa.device import Plan
from leffa.diffusion.attention import RecordAttention, attention_layers
from leffa.diffusion.pipeline import LeffaPipeline
from leffa.diffusion.quirks import ZERO_SNR_UNLESS_FOLDER_IS
from leffa.diffusion.reference import denoise, reference_features
from leffa.diffusion.sampler import build_scheduler
from leffa.diffusion.unets import GENERATIVE_CHANNELS, LATENT_CHANNELS, Networks, build_unets, load_part
from leffa.errors import FileMissing, UnsupportedWeights
from leffa.mini.nets import VAE_CONFIG, WEIGHTS
from leffa.official.networks import drop_unused, load_pipeline
from leffa.training.config import TrainConfig
from leffa.weights.catalogue import SPECS, ModelSpec, preferred
from leffa.weights.configs import Part, base_config

STEM = "conv_in.weight"
BASE_WEIGHTS = "diffusion_pytorch_model.safetensors"  # as diffusers' save_pretrained writes them


class Pair(nn.Module):
    """Reference and generative UNet as one module, which is what devices share the gradients of."""

    def __init__(self, reference_unet: UNet2DConditionModel, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.reference_unet, self.unet = reference_unet, unet

    def forward(self, latent_in: Tensor, garment_latent: Tensor, timesteps: Tensor) -> Tensor:
        """latent_in [B, 12, h, w], garment_latent [B, 4, h', w'], timesteps [B] to the noise [B, 4, h, w]."""
        features = reference_features(self.reference_unet, garment_latent, timesteps)
        return denoise(self.unet, latent_in, timesteps, features)


def open_networks(config: TrainConfig) -> tuple[LeffaPipeline, Pair]:
    """The pipeline on the CPU in float32, and its two UNets as a trainable pair.

    What no gradient reaches is frozen: the VAE, and the reference UNet behind its last self-attention.
    Projections of cross-attention, which nothing reads, are gone. Raises FileMissing, BadFolder,
    UnsupportedWeights.
    """
    require_weights(config)
    spec = SPECS[config.model]
    torch.manual_seed(config.seed)
    if config.start == "official":
        pipeline = load_pipeline(config.weights, spec, Plan("cpu", torch.float32, resident=True))
    else:
        pipeline = _pipeline(config, spec)
    if pipeline.scheduler.config.prediction_type != "epsilon":
        raise UnsupportedWeights("Only models that predict noise are trained (prediction_type epsilon).")
    pair = Pair(pipeline.reference_unet, pipeline.unet)
    _prepare(pair, config.gradient_checkpointing)
    return pipeline, pair


def require_weights(config: TrainConfig) -> None:
    """Raise FileMissing unless the files are there that the networks start from; they are not opened."""
    spec = SPECS[config.model]
    base = config.weights / spec.base
    wanted = {
        "official": [preferred(config.weights / spec.checkpoint)],
        "base": [base / part / BASE_WEIGHTS for part in ("unet", "vae")],
        "random": [],
    }
    for path in wanted[config.start]:
        if not path.is_file():
            raise FileMissing(f"{path} is missing.", fix="See docs/training.md, or choose another start.")


def configs_of(config: TrainConfig) -> dict[Part, dict[str, Any]]:
    """The configurations of UNets, VAE and scheduler, as a weights folder has them."""
    base = config.weights / SPECS[config.model].base
    parts: tuple[Part, ...] = ("unet", "vae", "scheduler")
    own: dict[str, Any] = {}
    if config.networks is not None:
        vae = config.networks.vae
        own = {"unet": config.networks.unet, "vae": dict(_mini_vae().config) if vae == "mini" else vae}
    return {part: own.get(part) or dict(base_config(base, part)) for part in parts}


def _pipeline(config: TrainConfig, spec: ModelSpec) -> LeffaPipeline:
    settings = configs_of(config)
    if config.start == "base":
        networks = _from_base(config.weights / spec.base)
    else:
        embedded = config.networks is not None and config.networks.vae == "mini"
        vae = _mini_vae() if embedded else AutoencoderKL.from_config(settings["vae"])
        networks = Networks(vae, *build_unets(settings["unet"]))
    networks.vae.requires_grad_(False).eval()
    for network in networks:
        drop_unused(network)
    scheduler = build_scheduler(settings["scheduler"], zero_snr=spec.base != ZERO_SNR_UNLESS_FOLDER_IS)
    return LeffaPipeline(*networks, scheduler)


def _mini_vae() -> AutoencoderKL:
    state = load_file(WEIGHTS)
    vae = AutoencoderKL.from_config(VAE_CONFIG | {"scaling_factor": 1 / float(state["latent_std"])})
    load_part(vae, state, "vae")
    return vae


def _from_base(folder: Path) -> Networks:
    """Both UNets as copies of an inpainting UNet, the new inputs unheard at first, and its VAE."""
    try:
        base = UNet2DConditionModel.from_pretrained(folder / "unet", use_safetensors=True)
        vae = AutoencoderKL.from_pretrained(folder / "vae", use_safetensors=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise UnsupportedWeights(f"{folder} cannot be read: {' '.join(str(error).split())[:200]}") from error
    networks = Networks(vae.float(), *build_unets(base.config))
    state = base.float().state_dict()
    for unet, channels in ((networks.reference_unet, LATENT_CHANNELS), (networks.unet, GENERATIVE_CHANNELS)):
        unet.load_state_dict(state | {STEM: _widened(state[STEM], channels)})
    return networks


def _widened(stem: Tensor, channels: int) -> Tensor:
    """A first convolution [C, n, k, k] for other inputs: the first of the old ones, zeros for new ones."""
    wide = torch.zeros(stem.shape[0], channels, *stem.shape[2:])
    shared = min(channels, stem.shape[1])
    wide[:, :shared] = stem[:, :shared]
    return wide


def _prepare(pair: Pair, checkpointing: bool) -> None:
    # An exception in the middle of a recomputed block would leave autograd's hooks in place.
    last = attention_layers(pair.reference_unet)[-1]
    pair.reference_unet.get_submodule(last).set_processor(RecordAttention(last=False))
    # Channels last, as the official loader has them, 8-bit Adam does not resume exactly.
    cast(Any, pair).to(memory_format=torch.contiguous_format)
    pair.requires_grad_(True).train()
    reached = _reached(pair)
    for parameter in pair.parameters():
        parameter.requires_grad_(parameter in reached)
    if checkpointing:
        pair.reference_unet.enable_gradient_checkpointing()
        pair.unet.enable_gradient_checkpointing()


def _reached(pair: Pair) -> set[Tensor]:
    """The parameters that the prediction depends on, read off the graph of one small pass."""
    side = 2 ** len(pair.unet.config.block_out_channels)
    latent_in = torch.zeros(1, GENERATIVE_CHANNELS, side, side)
    prediction = pair(latent_in, latent_in[:, :LATENT_CHANNELS], torch.zeros(1, dtype=torch.long))
    waiting, seen, found = [prediction.grad_fn], set(), set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.add(node.variable)
        waiting.extend(following for following, _ in node.next_functions)
    return found
