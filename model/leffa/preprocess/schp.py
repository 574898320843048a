"""AugmentCE2P, the network of SCHP: a photo's clothing and body parts, one score a label.

"Self-Correction for Human Parsing" (Li et al. 2019) trains CE2P (Ruan et al. 2019): a ResNet-101 whose last
stage is dilated, pyramid pooling, a decoder that brings edges back from the first stage, and a branch of edge
features. Both are fused into the scores that everybody uses; what else the checkpoints hold is not computed.

Module names are those of the published checkpoints, the misspelt `fushion` included.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from leffa.errors import UnsupportedWeights
from leffa.weights.fitting import require_fit, shapes_of

LEAK: Final = 0.01  # slope below zero in all branches; the ResNet itself has plain ReLU
EPSILON: Final = 1e-5
EXPANSION: Final = 4  # of a bottleneck's width
GRIDS: Final = (1, 2, 3, 6)  # cells along a side, pyramid pooling
# The branches' own predictions, which only training looks at; upstream drops most of them too.
UNUSED: Final = ("decoder.conv4.", "edge.conv4.", "edge.conv5.")
CLASSES_KEY: Final = "fushion.3.bias"


def load_network(state: Mapping[str, Any], exact: bool = False) -> AugmentCE2P:
    """The network with the weights of a published checkpoint (.pth, 18 or 20 labels) on the CPU, float32.

    A ``state_dict`` around the weights and ``module.`` before their names are taken off. The network goes on
    using the memory of `state`. Raises UnsupportedWeights that says which weights are missing, unexpected or
    of another shape.

    The checkpoints were trained with in-place batch normalisation, which scales by |weight|. Upstream scales
    by the weight as it stands, which is another network wherever one is negative; `exact` does so too.
    """
    state = _own_names(state.get("state_dict", state))
    with torch.device("meta"):
        network = AugmentCE2P(_count_classes(state))
    require_fit(shapes_of(network.state_dict()), shapes_of(state), "The SCHP checkpoint")
    network.load_state_dict(state if exact else _scales_as_trained(state), assign=True)
    return network.float().eval().requires_grad_(False)


class AugmentCE2P(nn.Module):
    """Photo → scores of `num_classes` labels; random weights until some are loaded."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.conv1, self.bn1 = _convolution(3, 64, 3, stride=2), Norm(64, 0)
        self.conv2, self.bn2 = _convolution(64, 64, 3), Norm(64, 0)
        self.conv3, self.bn3 = _convolution(64, 128, 3), Norm(128, 0)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = _stage(128, 64, blocks=3)
        self.layer2 = _stage(256, 128, blocks=4, stride=2)
        self.layer3 = _stage(512, 256, blocks=23, stride=2)
        self.layer4 = _stage(1024, 512, blocks=3, dilation=2)
        self.context_encoding = PyramidPooling(2048, 512)
        self.decoder = Decoder()
        self.edge = Edges()
        # Third in the checkpoint's list is dropout, which does nothing but in training.
        classify = nn.Conv2d(256, num_classes, 1)
        self.fushion = nn.Sequential(_convolution(1024, 256), Norm(256, LEAK), nn.Identity(), classify)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised BGR float32 [B, 3, H, W] → logits [B, num_classes, H/4, W/4], sides rounded up."""
        x = self.bn1(self.conv1(x))
        x = self.bn2(self.conv2(x))
        x = self.bn3(self.conv3(x))
        quarter = self.layer1(self.maxpool(x))  # [B, 256, H/4, W/4]
        eighth = self.layer2(quarter)  # [B, 512, H/8, W/8]
        sixteenth = self.layer3(eighth)  # [B, 1024, H/16, W/16]
        context = self.context_encoding(self.layer4(sixteenth))  # [B, 512, H/16, W/16]
        parsing = self.decoder(context, quarter)
        edges = self.edge(quarter, eighth, sixteenth)
        return self.fushion(torch.cat([parsing, edges], 1))


class Norm(nn.Module):
    """Batch normalisation by stored statistics, then max(x, slope * x): 1 is nothing, 0 is ReLU."""

    def __init__(self, channels: int, slope: float) -> None:
        super().__init__()
        self.slope = slope
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] → the same shape."""
        mean, variance = self.get_buffer("running_mean"), self.get_buffer("running_var")
        x = F.batch_norm(x, mean, variance, self.weight, self.bias, eps=EPSILON)
        return x if self.slope == 1 else F.leaky_relu(x, self.slope)


class Bottleneck(nn.Module):
    """ResNet's block of three convolutions around a narrow middle of `width` channels."""

    def __init__(self, inputs: int, width: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        outputs = width * EXPANSION
        self.conv1, self.bn1 = _convolution(inputs, width), Norm(width, 0)
        self.conv2, self.bn2 = _convolution(width, width, 3, stride, dilation), Norm(width, 0)
        self.conv3, self.bn3 = _convolution(width, outputs), Norm(outputs, 1)
        self.downsample = nn.Sequential()
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(_convolution(inputs, outputs, stride=stride), Norm(outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] → [B, 4 width, H/stride, W/stride]."""
        inner = self.bn1(self.conv1(x))
        inner = self.bn2(self.conv2(inner))
        inner = self.bn3(self.conv3(inner))
        return F.relu(inner + self.downsample(x))


class PyramidPooling(nn.Module):
    """What is seen in the whole picture and in its halves, thirds and sixths, laid beside every pixel."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(cells), _convolution(inputs, outputs), Norm(outputs, LEAK))
            for cells in GRIDS
        )
        self.bottleneck = _leaky(inputs + len(GRIDS) * outputs, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, h, w] → [B, outputs, h, w]."""
        surroundings = [_resized(stage(x), like=x) for stage in self.stages]
        return self.bottleneck(torch.cat([*surroundings, x], 1))


class Decoder(nn.Module):
    """The context, at the resolution of the first stage's features."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _leaky(512, 256)
        self.conv2 = _leaky(256, 48)
        self.conv3 = nn.Sequential(*_leaky(256 + 48, 256), *_leaky(256, 256))

    def forward(self, context: Tensor, quarter: Tensor) -> Tensor:
        """[B, 512, H/16, W/16] and [B, 256, H/4, W/4] → [B, 256, H/4, W/4]."""
        context = _resized(self.conv1(context), like=quarter)
        return self.conv3(torch.cat([context, self.conv2(quarter)], 1))


class Edges(nn.Module):
    """Features that were trained to show where labels meet."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = _leaky(256, 256), _leaky(512, 256), _leaky(1024, 256)

    def forward(self, quarter: Tensor, eighth: Tensor, sixteenth: Tensor) -> Tensor:
        """Outputs of the first three stages → [B, 768, H/4, W/4]."""
        coarse = [_resized(self.conv2(eighth), like=quarter), _resized(self.conv3(sixteenth), like=quarter)]
        return torch.cat([self.conv1(quarter), *coarse], 1)


def _stage(inputs: int, width: int, blocks: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    first = Bottleneck(inputs, width, stride, dilation)
    others = (Bottleneck(width * EXPANSION, width, dilation=dilation) for _ in range(1, blocks))
    return nn.Sequential(first, *others)


def _convolution(inputs: int, outputs: int, size: int = 1, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    padding = dilation * (size // 2)
    return nn.Conv2d(inputs, outputs, size, stride, padding=padding, dilation=dilation, bias=False)


def _leaky(inputs: int, outputs: int, size: int = 1) -> nn.Sequential:
    return nn.Sequential(_convolution(inputs, outputs, size), Norm(outputs, LEAK))


def _resized(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=True)


def _own_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without what training in parallel put before the names, and without what is not used."""
    names = {key: key.removeprefix("module.") for key in state}
    return {
        name: state[key]
        for key, name in names.items()
        if not name.startswith(UNUSED) and not name.endswith("num_batches_tracked")
    }


def _count_classes(state: Mapping[str, Tensor]) -> int:
    if CLASSES_KEY not in state or state[CLASSES_KEY].ndim != 1:
        raise UnsupportedWeights(f"These are not weights of SCHP: there is no {CLASSES_KEY}.")
    return len(state[CLASSES_KEY])


def _scales_as_trained(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """With |weight| in all normalisations (Rota Bulò et al. 2018, whose code adds a negligible 1e-5)."""
    norms = {f"{key.removesuffix('.running_var')}.weight" for key in state if key.endswith(".running_var")}
    return {key: value.abs() if key in norms else value for key, value in state.items()}
