"""The whole method once more, naive and slow: numpy, float64, one formula after the other.

Written from the papers and the published formulas to make and to judge fixtures; it shares no code with the
product (it must never import leffa). Weights come as a dict of arrays under their checkpoint names, pictures
as [B, C, H, W]. Only what defines an answer by itself is borrowed: Pillow's and OpenCV's resampling and blur.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import erf, log
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageFilter

Array = np.ndarray
Config = Mapping[str, Any]


@dataclass
class Weights:
    """A part of a dict of weights: `w.at("mid_block")["conv.bias"]` is `arrays["mid_block.conv.bias"]`."""

    arrays: Mapping[str, Array]
    prefix: str = ""

    def at(self, *path: object) -> "Weights":
        return Weights(self.arrays, self.prefix + "".join(f"{part}." for part in path))

    def __getitem__(self, name: str) -> Array:
        return self.arrays[self.prefix + name].astype(np.float64)

    def has(self, name: str) -> bool:
        return any(key.startswith(f"{self.prefix}{name}.") for key in self.arrays)

    def count(self, name: str) -> int:
        n = 0
        while self.has(f"{name}.{n}"):
            n += 1
        return n


# --- layers


def linear(w: Weights, x: Array) -> Array:
    y = x @ w["weight"].T
    return y + w["bias"] if w.prefix + "bias" in w.arrays else y


def conv(w: Weights, x: Array, stride: int = 1, pad: tuple[int, int] = (1, 1)) -> Array:
    kernel = w["weight"]  # [out, in, k, k]
    k = kernel.shape[-1]
    before, after = pad if k > 1 else (0, 0)
    x = np.pad(x, ((0, 0), (0, 0), (before, after), (before, after)))
    height, width = ((side - k) // stride + 1 for side in x.shape[2:])
    y = np.zeros((len(x), len(kernel), height, width))
    for i in range(k):
        for j in range(k):
            window = x[:, :, i : i + stride * height : stride, j : j + stride * width : stride]
            y += np.einsum("oc,bchw->bohw", kernel[:, :, i, j], window[:, :, :height, :width])
    return y + w["bias"][:, None, None]


def group_norm(w: Weights, x: Array, groups: int, eps: float) -> Array:
    parts = x.reshape(len(x), groups, -1)
    parts = (parts - parts.mean(2, keepdims=True)) / np.sqrt(parts.var(2, keepdims=True) + eps)
    return parts.reshape(x.shape) * w["weight"][:, None, None] + w["bias"][:, None, None]


def layer_norm(w: Weights, x: Array) -> Array:
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return x * w["weight"] + w["bias"]


def silu(x: Array) -> Array:
    return x / (1 + np.exp(-x))


def gelu(x: Array) -> Array:
    return 0.5 * x * (1 + np.vectorize(erf)(x / np.sqrt(2)))


def attention(w: Weights, x: Array, heads: int) -> Array:
    """Every token attends to every token; x [B, tokens, C], one picture and one head at a time."""
    q, k, v = (linear(w.at(name), x) for name in ("to_q", "to_k", "to_v"))
    y = np.empty_like(q)
    d = q.shape[-1] // heads
    for b in range(len(x)):
        for h in range(heads):
            part = slice(h * d, (h + 1) * d)
            scores = q[b, :, part] @ k[b, :, part].T / np.sqrt(d)
            scores = np.exp(scores - scores.max(1, keepdims=True))
            y[b, :, part] = scores / scores.sum(1, keepdims=True) @ v[b, :, part]
    return linear(w.at("to_out.0"), y)


def resnet(w: Weights, x: Array, embedding: Array | None, groups: int, eps: float) -> Array:
    h = conv(w.at("conv1"), silu(group_norm(w.at("norm1"), x, groups, eps)))
    if embedding is not None:
        h += linear(w.at("time_emb_proj"), silu(embedding))[:, :, None, None]
    h = conv(w.at("conv2"), silu(group_norm(w.at("norm2"), h, groups, eps)))
    return h + (conv(w.at("conv_shortcut"), x) if w.has("conv_shortcut") else x)


def nearest(x: Array, height: int, width: int) -> Array:
    rows = np.arange(height) * x.shape[2] // height
    columns = np.arange(width) * x.shape[3] // width
    return x[:, :, rows][:, :, :, columns]


# --- UNets


@dataclass
class Garment:
    """Either side of reference attention: records norm1's output, or hands it to the generative UNet."""

    features: list[Array] = field(default_factory=list)
    recording: bool = True
    used: int = 0

    def attend(self, w: Weights, tokens: Array, heads: int) -> Array:
        if self.recording:
            self.features.append(tokens)
            return attention(w, tokens, heads)
        both = np.concatenate([tokens, self.features[self.used]], axis=1)
        self.used += 1
        return attention(w, both, heads)[:, : tokens.shape[1]]


def transformer(w: Weights, x: Array, heads: int, groups: int, garment: Garment) -> Array:
    height, width = x.shape[2:]
    h = group_norm(w.at("norm"), x, groups, 1e-6)
    as_tokens = lambda y: y.reshape(*y.shape[:2], -1).transpose(0, 2, 1)  # noqa: E731
    as_picture = lambda y: y.transpose(0, 2, 1).reshape(len(y), -1, height, width)  # noqa: E731
    is_linear = w["proj_in.weight"].ndim == 2
    h = linear(w.at("proj_in"), as_tokens(h)) if is_linear else as_tokens(conv(w.at("proj_in"), h))
    for i in range(w.count("transformer_blocks")):
        block = w.at("transformer_blocks", i)
        h = garment.attend(block.at("attn1"), layer_norm(block.at("norm1"), h), heads) + h
        h = layer_norm(block.at("norm2"), h) + h
        value, gate = np.split(
            linear(block.at("ff.net.0.proj"), layer_norm(block.at("norm3"), h)), 2, axis=-1
        )
        h = linear(block.at("ff.net.2"), value * gelu(gate)) + h
    h = as_picture(linear(w.at("proj_out"), h)) if is_linear else conv(w.at("proj_out"), as_picture(h))
    return h + x


def time_embedding(w: Weights, t: int, channels: int) -> Array:
    half = channels // 2
    angles = t * np.exp(-log(10000) * np.arange(half) / half)
    wave = np.concatenate([np.cos(angles), np.sin(angles)])[None]
    return linear(w.at("linear_2"), silu(linear(w.at("linear_1"), wave)))


def unet(
    arrays: Mapping[str, Array], prefix: str, config: Config, x: Array, t: int, garment: Garment
) -> Array:
    """The prediction; for a recording garment what stands before the last norm and convolution."""
    w = Weights(arrays, prefix)
    groups, eps, levels = config["norm_num_groups"], 1e-5, len(config["block_out_channels"])
    per_level = config["attention_head_dim"]
    heads = [per_level] * levels if isinstance(per_level, int) else list(per_level)
    embedding = time_embedding(w.at("time_embedding"), t, config["block_out_channels"][0])
    embedding = np.repeat(embedding, len(x), axis=0)

    def layer(block: Weights, i: int, h: Array, n_heads: int) -> Array:
        h = resnet(block.at("resnets", i), h, embedding, groups, eps)
        if block.has(f"attentions.{i}"):
            h = transformer(block.at("attentions", i), h, n_heads, groups, garment)
        return h

    h = conv(w.at("conv_in"), x)
    skips = [h]
    for level in range(levels):
        block = w.at("down_blocks", level)
        for i in range(block.count("resnets")):
            h = layer(block, i, h, heads[level])
            skips.append(h)
        if block.has("downsamplers"):
            h = conv(block.at("downsamplers.0.conv"), h, stride=2)
            skips.append(h)
    h = layer(w.at("mid_block"), 0, h, heads[-1])
    h = resnet(w.at("mid_block.resnets.1"), h, embedding, groups, eps)
    for level in range(levels):
        block = w.at("up_blocks", level)
        for i in range(block.count("resnets")):
            h = layer(block, i, np.concatenate([h, skips.pop()], axis=1), heads[::-1][level])
        if block.has("upsamplers"):
            h = conv(block.at("upsamplers.0.conv"), nearest(h, *skips[-1].shape[2:]))
    if garment.recording:
        return h
    return conv(w.at("conv_out"), silu(group_norm(w.at("conv_norm_out"), h, groups, eps)))


# --- VAE


def vae_middle(w: Weights, h: Array, groups: int) -> Array:
    h = resnet(w.at("resnets.0"), h, None, groups, 1e-6)
    block = w.at("attentions.0")
    tokens = group_norm(block.at("group_norm"), h, groups, 1e-6).reshape(*h.shape[:2], -1).transpose(0, 2, 1)
    h = h + attention(block, tokens, heads=1).transpose(0, 2, 1).reshape(h.shape)
    return resnet(w.at("resnets.1"), h, None, groups, 1e-6)


def encode(arrays: Mapping[str, Array], config: Config, x: Array) -> Array:
    """Mean and log-variance [B, 2 latent channels, h, w]."""
    w, groups = Weights(arrays, "vae.encoder."), config["norm_num_groups"]
    h = conv(w.at("conv_in"), x)
    for level in range(w.count("down_blocks")):
        block = w.at("down_blocks", level)
        for i in range(block.count("resnets")):
            h = resnet(block.at("resnets", i), h, None, groups, 1e-6)
        if block.has("downsamplers"):
            h = conv(block.at("downsamplers.0.conv"), h, stride=2, pad=(0, 1))
    h = vae_middle(w.at("mid_block"), h, groups)
    h = conv(w.at("conv_out"), silu(group_norm(w.at("conv_norm_out"), h, groups, 1e-6)))
    return conv(Weights(arrays, "vae.quant_conv."), h)


def decode(arrays: Mapping[str, Array], config: Config, latent: Array) -> Array:
    """Pictures 0..1 of a scaled latent."""
    w, groups = Weights(arrays, "vae.decoder."), config["norm_num_groups"]
    h = conv(
        w.at("conv_in"), conv(Weights(arrays, "vae.post_quant_conv."), latent / config["scaling_factor"])
    )
    h = vae_middle(w.at("mid_block"), h, groups)
    for level in range(w.count("up_blocks")):
        block = w.at("up_blocks", level)
        for i in range(block.count("resnets")):
            h = resnet(block.at("resnets", i), h, None, groups, 1e-6)
        if block.has("upsamplers"):
            h = conv(block.at("upsamplers.0.conv"), nearest(h, 2 * h.shape[2], 2 * h.shape[3]))
    h = conv(w.at("conv_out"), silu(group_norm(w.at("conv_norm_out"), h, groups, 1e-6)))
    return np.clip(h / 2 + 0.5, 0, 1)


def sample_posterior(moments: Array, draw: Array, factor: float) -> Array:
    mean, log_variance = np.split(moments, 2, axis=1)
    return (mean + np.exp(np.clip(log_variance, -30, 20) / 2) * draw) * factor


# --- diffusion


def betas(config: Config, zero_snr: bool) -> Array:
    start, end, total = config["beta_start"], config["beta_end"], config["num_train_timesteps"]
    beta = np.linspace(start**0.5, end**0.5, total) ** 2
    if not zero_snr:
        return beta
    root = np.sqrt(np.cumprod(1 - beta))
    root = (root - root[-1]) * root[0] / (root[0] - root[-1])
    alpha_bar = root**2
    return 1 - np.concatenate([alpha_bar[:1], alpha_bar[1:] / alpha_bar[:-1]])


def timesteps(config: Config, steps: int) -> list[int]:
    total = config["num_train_timesteps"]
    if config.get("timestep_spacing", "leading") == "trailing":
        return [round(total - i * total / steps) - 1 for i in range(steps)]
    return [i * (total // steps) + config["steps_offset"] for i in reversed(range(steps))]


def ddpm_step(
    config: Config, alpha_bar: Array, steps: int, t: int, x: Array, output: Array, noise: Array
) -> Array:
    before = t - config["num_train_timesteps"] // steps
    a, a_before = alpha_bar[t], alpha_bar[before] if before >= 0 else 1.0
    if config.get("prediction_type", "epsilon") == "epsilon":
        clean = (x - np.sqrt(1 - a) * output) / np.sqrt(a)
    else:
        clean = np.sqrt(a) * x - np.sqrt(1 - a) * output
    beta = 1 - a / a_before
    mean = np.sqrt(a_before) * beta / (1 - a) * clean + np.sqrt(1 - beta) * (1 - a_before) / (1 - a) * x
    variance = max((1 - a_before) / (1 - a) * beta, 1e-20)
    return mean + np.sqrt(variance) * noise


def guided(unconditional: Array, conditional: Array, scale: float) -> Array:
    y = unconditional + scale * (conditional - unconditional)
    return rescaled(y, conditional, scale) if scale > 0 else y


def rescaled(y: Array, conditional: Array, phi: float) -> Array:
    z = y.copy()
    for row in range(len(y)):
        z[row] = y[row] * conditional[row].std(ddof=1) / y[row].std(ddof=1)
    return phi * z + (1 - phi) * y


# --- pictures


def to_bytes(x: Array) -> Array:
    """[B, C, H, W] 0..1 to uint8 [B, H, W, C]."""
    return np.rint(x * 255).astype(np.uint8).transpose(0, 2, 3, 1)


def repaint(person: Array, result: Array, mask: Array) -> tuple[Array, Array]:
    """(blurred mask, blend), all uint8; mask [H, W]."""
    radius = max(len(mask) // 100, 1)
    radius = radius if radius % 2 else radius + 1
    blurred = np.asarray(Image.fromarray(mask).filter(ImageFilter.GaussianBlur(radius)))
    m = blurred[..., None].astype(np.float64) / 255
    return blurred, np.floor(person * (1 - m) + result * m).astype(np.uint8)


def fit(picture: Array, height: int, width: int) -> Array:
    if picture.ndim == 2:
        picture = np.stack([picture] * 3, axis=2)
    picture = np.ascontiguousarray(picture[:, :, :3])
    factor = min(width / picture.shape[1], height / picture.shape[0])
    h, w = int(picture.shape[0] * factor), int(picture.shape[1] * factor)
    page = np.full((height, width, 3), 255, np.uint8)
    y, x = (height - h) // 2, (width - w) // 2
    page[y : y + h, x : x + w] = cv2.resize(picture, (w, h), interpolation=cv2.INTER_CUBIC)
    return page


def model_input(name: str, picture: Array, height: int, width: int, iuv: bool) -> Array:
    image = Image.fromarray(picture)
    if name == "densepose" and iuv:
        levels = np.asarray(image.resize((width, height), Image.Resampling.NEAREST)).astype(np.float64)
        return (levels / [255, 255, 24] * 2 - 1).transpose(2, 0, 1)
    image = image.resize((width - width % 8, height - height % 8), Image.Resampling.LANCZOS)
    if name == "mask":
        return (np.asarray(image.convert("L")) >= 128).astype(np.float64)[None]
    return (np.asarray(image) / 255 * 2 - 1).transpose(2, 0, 1)


def garment_canvas(cutout: Array) -> Array:
    """RGBA [1024, 768, 4] with the garment's square in the middle of white."""
    opaque = cutout[..., 3] > 0
    rows, columns = np.flatnonzero(opaque.any(1)), np.flatnonzero(opaque.any(0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    side = max(bottom - top, right - left)
    y, x = (top + bottom) // 2 - side // 2, (left + right) // 2 - side // 2
    y, x = min(max(y, 0), len(cutout) - side), min(max(x, 0), cutout.shape[1] - side)
    square = np.zeros((side, side, 4), np.uint8)
    for i in range(side):
        for j in range(side):
            if 0 <= y + i < len(cutout) and 0 <= x + j < cutout.shape[1]:
                square[i, j] = cutout[y + i, x + j]
    top_layer = np.asarray(Image.fromarray(square).resize((768, 768), Image.Resampling.LANCZOS)).astype(
        np.int64
    )
    canvas = np.full((1024, 768, 4), 255, np.int64)
    alpha = top_layer[..., 3:]
    mixed = canvas[128:896] * (255 - alpha) + top_layer * alpha
    canvas[128:896] = (2 * mixed + 255) // 510  # division by 255, rounded
    return canvas.astype(np.uint8)
