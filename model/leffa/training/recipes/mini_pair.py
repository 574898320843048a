"""Stages `latents` and `pair`: the two UNets and the head, on latents encoded once.

The loss is velocity prediction plus what makes Leffa: the attention of the generated tokens must point at the
garment pixel that they show. Synthetic people come with that flow exactly, so it is asked for directly
(cross-entropy on the token, L1 on the expected coordinates) beside the warped picture that the paper uses
(arXiv 2412.08486, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import DDPMScheduler
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional as F

from leffa.diffusion.attention import AttentionTap
from leffa.diffusion.flow import attention_map, flow_from_attention, warp
from leffa.diffusion.reference import denoise, reference_features
from leffa.mini.nets import FLOW_LAYER, PART_COLOURS, SCHEDULER_CONFIG, Head, Mini
from leffa.mini.parser import ParserNet
from leffa.preprocess.agnostic_mask import agnostic_mask
from leffa.training.data import WAY_BACK, load_shards, write_arrays
from leffa.training.device import device, mixed_precision, tensor
from leffa.training.loop import LoopConfig, fit
from leffa.training.recipes.mini_parser import PEOPLE, draw_batch, predict
from leffa.tryon import GARMENT_TYPES

NAMES = (
    "person", "target", "garment", "labels", "parts", "flow", "garment_mask", "garment_type", "keypoints",
    "found_keypoints", "found_silhouette",
)  # fmt: skip
PURE_NOISE_SHARE = 0.35  # the first step decides where the garment goes
UNCONDITIONAL_SHARE = 0.05  # keeps guidance usable
ENCODE_BATCH = 16
PARSE_BATCH = 128


def encode_latents(mini: Mini, parser: ParserNet, data: Path, out: Path) -> Path:
    """Encode every pair of `data` once, in a random direction, to `out/latents.npz`; returns that path.

    Every second pair is masked by what `parser` sees instead of the truth, as at inference.
    """
    path = out / "latents.npz"
    pairs = _one_direction(data)
    look_through(parser, pairs)
    masks = agnostic_masks(pairs)
    arrays = {
        "target": _encode(mini, pairs["target"]),
        "masked": _encode(mini, pairs["person"], masks),
        "reference": _encode(mini, pairs["garment"]),
        "mask": masks[:, None, ::8, ::8],
        "parts": pairs["parts"][:, ::8, ::8],
        "flow": pairs["flow"][:, 2::4, 2::4].transpose(0, 3, 1, 2),
        "fine_mask": masks[:, None, ::2, ::2],
        "fine_garment": pairs["garment"][:, ::2, ::2].transpose(0, 3, 1, 2),
        "fine_target": pairs["target"][:, ::2, ::2].transpose(0, 3, 1, 2),
        "fine_garment_mask": pairs["garment_mask"][:, None, ::2, ::2],
    }
    write_arrays(path, arrays)
    return path


def _one_direction(data: Path) -> dict[str, np.ndarray]:
    """person → target, or the other way round where a coin says so (and the way back has a flow)."""
    pairs = load_shards(data, {*NAMES, *(WAY_BACK.get(name, name) for name in NAMES)})
    back = np.random.default_rng(0).random(len(pairs["person"])) < 0.5
    back &= ~np.isnan(pairs["source_flow"]).all((1, 2, 3))

    def chosen(name: str) -> np.ndarray:
        there = pairs[name]
        if name not in WAY_BACK:
            return there
        return np.where(back.reshape(-1, *[1] * (there.ndim - 1)), pairs[WAY_BACK[name]], there)

    return {name: chosen(name) for name in NAMES}


def agnostic_masks(pairs: dict[str, np.ndarray]) -> np.ndarray:
    """Where each pair's person may be repainted, by the labels and parts in `pairs`: bool [N, H, W]."""
    looks = zip(pairs["labels"], pairs["parts"], pairs["garment_type"], strict=True)
    return np.stack([agnostic_mask(labels, parts, GARMENT_TYPES[kind]) for labels, parts, kind in looks])


def look_through(parser: ParserNet, pairs: dict[str, np.ndarray]) -> None:
    """Bring `pairs` to what is seen at inference.

    Labels and parts of every second person become the parser's; keypoints become [N, 17, 3] x, y, confidence
    with a detector's faults; silhouette, uint8 [N, H, W], is added.
    """
    pairs["silhouette"] = np.empty(pairs["labels"].shape, np.uint8)
    for start in track(range(0, len(pairs["person"]), PARSE_BATCH), "parsing"):
        everybody = np.arange(start, min(start + PARSE_BATCH, len(pairs["person"])))
        people = {"picture": pairs["person"]} | {name: pairs[name] for name in PEOPLE if name != "person"}
        seen = draw_batch(people, everybody, np.random.default_rng(start), disturbed=False)
        pairs["keypoints"][everybody] = seen["keypoints"]
        pairs["silhouette"][everybody] = (seen["silhouette"] * 255).round()
        second = {name: array[::2] for name, array in seen.items()}
        for name, found in zip(("labels", "parts"), predict(parser, second), strict=True):
            pairs[name][everybody[::2]] = found.repeat(2, 1).repeat(2, 2)


@torch.inference_mode()
def _encode(mini: Mini, pictures: np.ndarray, masks: np.ndarray | None = None) -> np.ndarray:
    """uint8 [N, H, W, 3] → scaled latents float16 [N, 4, H/8, W/8]; masked pixels become mid grey first."""
    mini.to(device())
    latents = []
    for start in track(range(0, len(pictures), ENCODE_BATCH), "encoding"):
        batch = tensor(pictures[start : start + ENCODE_BATCH]).permute(0, 3, 1, 2).float() / 127.5 - 1
        if masks is not None:
            batch = batch * ~tensor(masks[start : start + ENCODE_BATCH, None])
        with mixed_precision():
            latents.append(mini.vae.encode(batch).latent_dist.mode().float() / mini.latent_std)
    return torch.cat(latents).cpu().numpy().astype(np.float16)


class Pair(nn.Module):
    """The networks that train together."""

    def __init__(self, mini: Mini) -> None:
        super().__init__()
        self.unet_encoder, self.unet, self.head = mini.unet_encoder, mini.unet, mini.head


def load_latents(path: Path) -> dict[str, np.ndarray]:
    """What :func:`encode_latents` wrote."""
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


def train_pair(mini: Mini, latents: Path, out: Path, config: LoopConfig, batch: int, resume: bool) -> None:
    """Train `mini.unet_encoder`, `mini.unet` and `mini.head` together."""
    arrays = load_latents(latents)
    alphas = DDPMScheduler(**SCHEDULER_CONFIG).alphas_cumprod.to(device())

    def loss(pair: Pair, rng: np.random.Generator) -> dict[str, Tensor]:
        chosen = np.sort(rng.integers(len(arrays["target"]), size=batch))
        return _loss(pair, noised(arrays, chosen, alphas, rng))

    fit("pair", Pair(mini), loss, config, out, resume)


@dataclass
class Noised:
    """A batch at its timesteps [B]: the UNet's latent_in, the reference latent, the velocity asked for.

    known [B, 1, 1, 1] is 0 where the reference was taken away (that keeps guidance usable); data: arrays of
    :func:`encode_latents`, float.
    """

    data: dict[str, Tensor]
    timesteps: Tensor
    latent_in: Tensor
    reference: Tensor
    velocity: Tensor
    known: Tensor


def noised(
    arrays: dict[str, np.ndarray],
    chosen: np.ndarray,
    alphas: Tensor,
    rng: np.random.Generator,
    timestep: int | None = None,
) -> Noised:
    """The chosen pairs with noise of drawn timesteps; or all at one `timestep`, every reference known."""
    data = _tensors(arrays, chosen)
    size = len(chosen)
    if timestep is None:
        timesteps, known = _timesteps(size, rng), tensor(rng.random(size) >= UNCONDITIONAL_SHARE).float()
    else:
        timesteps, known = tensor(np.full(size, timestep)), torch.ones(size, device=device())
    known = known.view(-1, 1, 1, 1)
    alpha = alphas[timesteps].sqrt().view(-1, 1, 1, 1)
    sigma = (1 - alphas[timesteps]).sqrt().view(-1, 1, 1, 1)
    noise = torch.randn_like(data["target"])
    noisy = alpha * data["target"] + sigma * noise
    return Noised(
        data=data,
        timesteps=timesteps,
        latent_in=torch.cat([noisy, data["mask"], data["masked"], data["densepose"]], 1),
        reference=data["reference"] * known,
        velocity=alpha * noise - sigma * data["target"],
        known=known,
    )


def _tensors(arrays: dict[str, np.ndarray], chosen: np.ndarray) -> dict[str, Tensor]:
    tensors = {name: tensor(array[chosen]) for name, array in arrays.items()}
    tensors["densepose"] = tensor(PART_COLOURS)[tensors.pop("parts").long()].permute(0, 3, 1, 2)
    return {name: tensor.float() for name, tensor in tensors.items()}


def _timesteps(batch: int, rng: np.random.Generator) -> Tensor:
    timesteps = rng.integers(1000, size=batch)
    timesteps[rng.random(batch) < PURE_NOISE_SHARE] = 999
    return tensor(timesteps)


def _loss(pair: Pair, drawn: Noised) -> dict[str, Tensor]:
    tap = AttentionTap(FLOW_LAYER)
    with mixed_precision():
        features = reference_features(pair.unet_encoder, drawn.reference, drawn.timesteps)
        predicted = denoise(pair.unet, drawn.latent_in, drawn.timesteps, features, tap)
    diffusion = (predicted.float() - drawn.velocity).square().mean()
    parts = _flow_losses(pair.head, tap, drawn.data, drawn.known)
    total = diffusion + 0.15 * parts["token"] + 2 * parts["flow"] + parts["mask"] + 2 * parts["image"]
    return {"loss": total, "diffusion": diffusion, **parts}


def _flow_losses(head: Head, tap: AttentionTap, data: dict[str, Tensor], known: Tensor) -> dict[str, Tensor]:
    assert tap.query is not None and tap.reference_key is not None and tap.hidden_states is not None
    true_flow = data["flow"]  # [B, 2, h, w], NaN off the garment's front
    height, width = true_flow.shape[-2:]
    valid = ~true_flow.isnan().any(1, keepdim=True) & (data["fine_garment_mask"][:, :, 2::4, 2::4] == 1)
    weight = valid.float() * known
    true_flow = true_flow.nan_to_num()
    flow = flow_from_attention(tap.query, tap.reference_key, height, width)
    readout = head(tap.hidden_states, flow)
    coarse = (flow - true_flow).abs().sum(1, keepdim=True)
    corrected = F.interpolate(readout.flow, size=(height, width), mode="area")
    fine = (corrected - true_flow).abs().sum(1, keepdim=True)
    return {
        "token": _token_loss(attention_map(tap.query, tap.reference_key), true_flow, weight),
        "flow": weighted_mean((coarse + fine) / 2, weight),
        "mask": _mask_loss(readout.mask_logit, data, known),
        "image": _image_loss(readout.flow, readout.shade, data, known),
    }


def _token_loss(probabilities: Tensor, true_flow: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy of the attention [B, N, M] on the reference token that the true flow points into."""
    height, width = true_flow.shape[-2:]
    column = ((true_flow[:, 0] + 1) / 2 * width).long().clamp(0, width - 1)
    row = ((true_flow[:, 1] + 1) / 2 * height).long().clamp(0, height - 1)
    token = (row * width + column).flatten(1)  # [B, N]
    hit = probabilities.gather(2, token[..., None])[..., 0].clamp_min(1e-6)
    return weighted_mean(-hit.log(), weight.flatten(1))


def _mask_loss(logit: Tensor, data: dict[str, Tensor], known: Tensor) -> Tensor:
    garment = (data["fine_garment_mask"] > 0).float()
    entropy = F.binary_cross_entropy_with_logits(logit, garment, reduction="none")
    return weighted_mean(entropy, data["fine_mask"] * known)


def _image_loss(flow: Tensor, shade: Tensor, data: dict[str, Tensor], known: Tensor) -> Tensor:
    warped = warp(data["fine_garment"] / 255, flow, *shade.shape[-2:])
    difference = (warped * shade.exp() - data["fine_target"] / 255).abs().mean(1, keepdim=True)
    return weighted_mean(difference, (data["fine_garment_mask"] == 1).float() * data["fine_mask"] * known)


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of values by weights of the same shape; 0 where nothing weighs."""
    return (values * weight).sum() / (weight.sum() + 1)
