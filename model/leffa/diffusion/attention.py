"""Reference attention: the three attention processors that turn two stock UNets into Leffa.

The reference UNet looks at the garment and *records* the tokens that enter each of its self-attentions. The
generative UNet *extends* its own self-attentions with them: queries from the picture being made, keys and
values from the picture and the garment. Both *skip* cross-attention, there is no text.

Nothing of a request is kept on the networks: recorder, features and tap travel through diffusers'
`cross_attention_kwargs` of one call, so that requests on several threads may share the same two UNets.
"""

import re
from dataclasses import dataclass, field

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.nn import functional as F

LAYER = re.compile(r"(?P<part>down_blocks|mid_block|up_blocks)\.?(?P<block>\d+)?\.attentions\..*\.attn1$")


class FeaturesComplete(Exception):
    """The last wanted feature is recorded; the rest of the reference UNet's forward pass cannot matter."""


@dataclass
class Recorder:
    """The reference features of one forward pass, each [B, tokens, C], in execution order."""

    features: list[Tensor] = field(default_factory=list)


@dataclass
class AttentionTap:
    """What one self-attention layer of the generative UNet saw in one call, gradients attached.

    `layer` is a name from `attention_layers`; the tensors are there after `denoise(..., tap=tap)`:
    query [B, heads, N, d] of the N generated tokens, reference_key [B, heads, M, d] of the M reference
    tokens, hidden_states [B, N, C], what the layer returned (before the residual is added).
    """

    layer: str
    query: Tensor | None = None
    reference_key: Tensor | None = None
    hidden_states: Tensor | None = None


@dataclass(frozen=True)
class Reference:
    """The reference features of one generative call, and the tap that listens to it, if any."""

    features: list[Tensor]
    tap: AttentionTap | None = None


class RecordAttention:
    """Self-attention as ever; hands the (already normalised) input tokens to the call's recorder first.

    In the last layer the pass ends there with FeaturesComplete, for a call that has a recorder.
    """

    def __init__(self, last: bool) -> None:
        self.last = last

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        recorder: Recorder | None = None,
    ) -> Tensor:
        """hidden_states [B, M, C] to [B, M, C]."""
        if recorder is not None:
            recorder.features.append(hidden_states)
            if self.last:
                raise FeaturesComplete
        query, key, value = (_heads(attn, to(hidden_states)) for to in (attn.to_q, attn.to_k, attn.to_v))
        return _attend(attn, query, key, value)


class ExtendAttention:
    """Self-attention whose keys and values also come from the reference feature number `index`.

    Leffa concatenates both token sets, attends, and keeps the generated rows; the rows it drops are not
    computed here. A reference token competes with the generated tokens in one softmax.
    """

    def __init__(self, layer: str, index: int) -> None:
        self.layer = layer
        self.index = index

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        reference: Reference | None = None,
    ) -> Tensor:
        """hidden_states [B, N, C] to [B, N, C]; the feature [B, M, C] may have another number of tokens."""
        if reference is None:
            raise ValueError(
                "the generative UNet needs reference features: use leffa.diffusion.reference.denoise"
            )
        tokens = torch.cat([hidden_states, reference.features[self.index]], dim=1)  # [B, N + M, C]
        query = _heads(attn, attn.to_q(hidden_states))
        key, value = _heads(attn, attn.to_k(tokens)), _heads(attn, attn.to_v(tokens))
        output = _attend(attn, query, key, value)
        if reference.tap is not None and reference.tap.layer == self.layer:
            reference.tap.query, reference.tap.hidden_states = query, output
            reference.tap.reference_key = key[:, :, hidden_states.shape[1] :]
        return output


class SkipAttention:
    """Cross-attention that returns its input: the block still computes h = norm2(h) + h (see quirks.py)."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        reference: Reference | None = None,
        recorder: Recorder | None = None,
    ) -> Tensor:
        """hidden_states [B, N, C], returned as they are."""
        return hidden_states


def attention_layers(unet: UNet2DConditionModel) -> list[str]:
    """Names of all self-attentions (`….attn1`) in execution order: down, middle, up."""
    names = [name for name, _ in unet.named_modules() if LAYER.match(name)]
    parts = ("down_blocks", "mid_block", "up_blocks")
    return [name for part in parts for name in names if name.startswith(part)]


def layer_grid(unet: UNet2DConditionModel, layer: str, height: int, width: int) -> tuple[int, int]:
    """(height, width) of the token grid of `layer` when the latent is height x width."""
    match = LAYER.match(layer)
    if match is None:
        raise ValueError(f"{layer!r} is not a self-attention layer; see attention_layers()")
    deepest = len(unet.down_blocks) - 1
    block = int(match["block"] or 0)
    halvings = {"down_blocks": block, "mid_block": deepest, "up_blocks": deepest - block}[match["part"]]
    return -(-height // 2**halvings), -(-width // 2**halvings)


def install_recording(unet: UNet2DConditionModel) -> None:
    """Make `unet` a reference UNet."""
    layers = attention_layers(unet)
    for layer in layers:
        unet.get_submodule(layer).set_processor(RecordAttention(last=layer == layers[-1]))
    _skip_cross_attention(unet)


def install_extending(unet: UNet2DConditionModel) -> None:
    """Make `unet` a generative UNet: its i-th self-attention takes the i-th reference feature."""
    for index, layer in enumerate(attention_layers(unet)):
        unet.get_submodule(layer).set_processor(ExtendAttention(layer, index))
    _skip_cross_attention(unet)


def _skip_cross_attention(unet: nn.Module) -> None:
    for name, module in unet.named_modules():
        if name.endswith(".attn2"):
            module.set_processor(SkipAttention())


def _heads(attn: Attention, tokens: Tensor) -> Tensor:
    """[B, tokens, C] to [B, heads, tokens, C / heads]."""
    return tokens.unflatten(-1, (attn.heads, -1)).transpose(1, 2)


def _attend(attn: Attention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(Q K^T / sqrt(d)) V, heads joined and projected: [B, heads, N, d] to [B, N, C]."""
    output = F.scaled_dot_product_attention(query, key, value)
    projection, dropout = attn.to_out
    return dropout(projection(output.transpose(1, 2).flatten(2)))
