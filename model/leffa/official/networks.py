"""VAE and UNets of an official model from the weights folder: read once, in the precision they run in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from leffa.device import Plan
from leffa.diffusion.pipeline import LeffaPipeline
from leffa.diffusion.quirks import ZERO_SNR_UNLESS_FOLDER_IS
from leffa.diffusion.sampler import build_scheduler
from leffa.diffusion.unets import PREFIXES, build_unets
from leffa.errors import UnsupportedWeights
from leffa.weights.catalogue import ModelSpec, preferred
from leffa.weights.configs import base_config
from leffa.weights.reading import read_state

UNUSED = ".attn2.to_"  # cross-attention is skipped: converted files lack it, and it is not loaded
FINGERPRINT_BYTES = 1024**2


def load_pipeline(folder: Path, spec: ModelSpec, plan: Plan) -> LeffaPipeline:
    """The model's pipeline, networks on the plan's device.

    Weights are mapped, converted tensor by tensor and never held twice. Raises BadFolder or FileMissing for
    what is not there, UnsupportedWeights for what does not fit.
    """
    base = folder / spec.base
    with torch.device("meta"):
        reference_unet, unet = build_unets(base_config(base, "unet"))
        vae = AutoencoderKL.from_config(base_config(base, "vae"))
    networks = {"vae": vae, "reference_unet": reference_unet, "unet": unet}
    path = preferred(folder / spec.checkpoint)
    state = read_state(path)
    home = plan.device if plan.resident else "cpu"
    for part, network in networks.items():
        _fill(network, _part(state, PREFIXES[part]), home, plan.dtype, path.name)
    scheduler = build_scheduler(
        base_config(base, "scheduler"), zero_snr=spec.base != ZERO_SNR_UNLESS_FOLDER_IS
    )
    device = None if plan.resident else torch.device(plan.device)
    return LeffaPipeline(vae.eval(), reference_unet, unet, scheduler, visit=device)


def fingerprint(path: Path) -> str:
    """SHA-256 over size, first and last megabyte, as hexadecimal: hashing gigabytes would take minutes."""
    digest = hashlib.sha256(str(path.stat().st_size).encode())
    with path.open("rb") as file:
        digest.update(file.read(FINGERPRINT_BYTES))
        file.seek(max(0, path.stat().st_size - FINGERPRINT_BYTES))
        digest.update(file.read())
    return digest.hexdigest()


def _part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): state[key] for key in state if key.startswith(prefix)}


def _fill(network: nn.Module, state: dict[str, Tensor], device: str, dtype: torch.dtype, name: str) -> None:
    """Give a network on the meta device its weights, one tensor at a time."""
    wanted = {key: value.shape for key, value in network.state_dict().items() if UNUSED not in key}
    found = {key: value.shape for key, value in state.items() if UNUSED not in key}
    if wanted != found:
        raise UnsupportedWeights(f"{name} does not fit: {_difference(wanted, found)}.")
    _drop_unused(network)
    ready = {key: _moved(state[key], device, dtype) for key in wanted}
    network.load_state_dict(ready, strict=True, assign=True)
    cast(Any, network).to(memory_format=torch.channels_last)
    network.requires_grad_(False)


def _moved(value: Tensor, device: str, dtype: torch.dtype) -> Tensor:
    return value.to(device=device, dtype=dtype, copy=value.device.type == device)


def _drop_unused(network: nn.Module) -> None:
    """Skipped attentions keep their place (their norm is used) but no weights."""
    for name, module in network.named_modules():
        if name.endswith(".attn2"):
            for projection in ("to_q", "to_k", "to_v", "to_out"):
                setattr(module, projection, nn.ModuleList())


def _difference(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    missing, unexpected = sorted(wanted.keys() - found), sorted(found.keys() - wanted)
    reshaped = [key for key in wanted.keys() & found if wanted[key] != found[key]]
    parts = {"missing": missing, "unexpected": unexpected, "of another shape": reshaped}
    return ", ".join(f"{len(keys)} {what} ({keys[0]})" for what, keys in parts.items() if keys)
