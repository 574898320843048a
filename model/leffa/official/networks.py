"""VAE and UNets of an official model from the weights folder: read once, in the precision they run in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from leffa.device import Plan
from leffa.diffusion.pipeline import LeffaPipeline
from leffa.diffusion.quirks import ZERO_SNR_UNLESS_FOLDER_IS
from leffa.diffusion.sampler import build_scheduler
from leffa.diffusion.unets import PREFIXES, empty_networks
from leffa.weights.catalogue import ModelSpec, preferred
from leffa.weights.configs import base_config
from leffa.weights.fitting import require_fit, shapes_of, without_dead
from leffa.weights.reading import read_state


def load_pipeline(folder: Path, spec: ModelSpec, plan: Plan) -> LeffaPipeline:
    """The model's pipeline, networks on the plan's device.

    Weights are mapped, converted tensor by tensor and never held twice. Raises BadFolder or FileMissing for
    what is not there, UnsupportedWeights for what does not fit.
    """
    base = folder / spec.base
    networks = empty_networks(base_config(base, "unet"), base_config(base, "vae"))
    path = preferred(folder / spec.checkpoint)
    home = plan.device if plan.resident else "cpu"
    for part, network in networks._asdict().items():
        # The file is mapped anew for each: what was read of it goes before the next one comes.
        _fill(network, _part(read_state(path), PREFIXES[part]), home, plan.dtype, path.name)
    scheduler = build_scheduler(
        base_config(base, "scheduler"), zero_snr=spec.base != ZERO_SNR_UNLESS_FOLDER_IS
    )
    device = None if plan.resident else torch.device(plan.device)
    return LeffaPipeline(*networks, scheduler, visit=device)


def _part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): state[key] for key in state if key.startswith(prefix)}


def _fill(network: nn.Module, state: dict[str, Tensor], device: str, dtype: torch.dtype, name: str) -> None:
    """Give a network on the meta device its weights, one tensor at a time."""
    wanted = without_dead(shapes_of(network.state_dict()))
    require_fit(wanted, without_dead(shapes_of(state)), name)
    drop_unused(network)
    ready = {key: _moved(state[key], device, dtype) for key in wanted}
    network.load_state_dict(ready, strict=True, assign=True)
    network.requires_grad_(False)


def _moved(value: Tensor, device: str, dtype: torch.dtype) -> Tensor:
    """A copy of its own, convolutions' weights channels last, which is the order they are read in."""
    order = torch.channels_last if value.dim() == 4 else torch.preserve_format
    return value.to(device=device, dtype=dtype, copy=True, memory_format=order)


def drop_unused(network: nn.Module) -> None:
    """Skipped attentions keep their place (their norm is used) but no weights."""
    for name, module in network.named_modules():
        if name.endswith(".attn2"):
            for projection in ("to_q", "to_k", "to_v", "to_out"):
                setattr(module, projection, nn.ModuleList())
