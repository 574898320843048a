"""The network densepose_rcnn_R_50_FPN_s1x: ResNet-50 pyramid, proposals, boxes, body charts.

Module names are the checkpoint's (detectron2's). Pictures enter as float32 [1, 3, H, W], channels as the
network was trained (blue, green, red), minus PIXEL_MEAN, zero-padded to a multiple of 32; boxes are in pixels
of the picture before padding. Papers: Faster R-CNN (1506.01497), Feature Pyramid Networks (1612.03144),
DensePose (1802.00434).
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leffa.preprocess.boxes import anchors, apply_deltas, areas, clip, has_area, roi_align, suppress

PIXEL_MEAN = (103.53, 116.28, 123.675)
PADDED_TO = 32
NORM_EPS = 1e-5
STAGES = {"res2": (3, 64), "res3": (4, 128), "res4": (6, 256), "res5": (3, 512)}  # blocks, inner channels
PYRAMID = 256  # channels
STRIDES = (4, 8, 16, 32, 64)  # p2..p6; p6 only proposes
ANCHORS = 3  # a cell
PROPOSAL_WEIGHTS, BOX_WEIGHTS = (1.0, 1.0, 1.0, 1.0), (10.0, 10.0, 5.0, 5.0)
PROPOSALS, PROPOSAL_NMS = 1000, 0.7
PEOPLE, PEOPLE_NMS = 100, 0.5
BOX_CELLS, CHART_CELLS = 7, 28
USUAL_SIDE, USUAL_LEVEL = 224, 2  # a box of this side is read from p4, the third map
COARSE, PARTS = 2, 25  # background and body; background and 24 parts


class Charts(NamedTuple):
    """What is known of the inside of N boxes, 112x112 each.

    coarse: logits of background and body [N, 2, 112, 112]; fine: logits of background and the 24 parts
    [N, 25, 112, 112]; u, v: surface coordinates, a channel a part, about 0..1 [N, 25, 112, 112].
    """

    coarse: Tensor
    fine: Tensor
    u: Tensor
    v: Tensor


class FrozenNorm(nn.Module):
    """Statistics and affine part of a batch normalisation that never learns."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.ones(channels))

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """The normalisation as a factor and a summand a channel."""
        scale = self.get_buffer("weight") * (self.get_buffer("running_var") + NORM_EPS).rsqrt()
        return scale, self.get_buffer("bias") - self.get_buffer("running_mean") * scale


class ConvNorm(nn.Conv2d):
    """Convolution without bias, then FrozenNorm, computed as one convolution."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm = FrozenNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] to [B, outputs, H / stride, W / stride]."""
        scale, shift = self.norm.scale_and_shift()
        return F.conv2d(x, self.weight * scale[:, None, None, None], shift, self.stride, self.padding)


class Bottleneck(nn.Module):
    """Residual block 1x1, 3x3, 1x1; the stride is in the first 1x1, as in the weights' Caffe ancestor."""

    def __init__(self, inputs: int, inner: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * inner
        self.shortcut = ConvNorm(inputs, outputs, 1, stride) if inputs != outputs else nn.Identity()
        self.conv1 = ConvNorm(inputs, inner, 1, stride)
        self.conv2 = ConvNorm(inner, inner, 3)
        self.conv3 = ConvNorm(inner, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] to [B, 4 * inner, H / stride, W / stride]."""
        inside = F.relu(self.conv2(F.relu(self.conv1(x))))
        return F.relu(self.conv3(inside) + self.shortcut(x))


class ResNet(nn.Module):
    """ResNet-50 without its classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(OrderedDict(conv1=ConvNorm(3, 64, 7, stride=2)))
        inputs = 64
        for name, (blocks, inner) in STAGES.items():
            first = Bottleneck(inputs, inner, stride=1 if name == "res2" else 2)
            inputs = 4 * inner
            self.add_module(
                name, nn.Sequential(first, *(Bottleneck(inputs, inner, 1) for _ in range(blocks - 1)))
            )

    def forward(self, x: Tensor) -> list[Tensor]:
        """[1, 3, H, W] to res2..res5, [1, 256..2048, H / 4 .. H / 32, ...]."""
        x = F.max_pool2d(F.relu(self.stem(x)), kernel_size=3, stride=2, padding=1)
        features = []
        for name in STAGES:
            x = self.get_submodule(name)(x)
            features.append(x)
        return features


class Pyramid(nn.Module):
    """Feature pyramid on top of ResNet-50."""

    def __init__(self) -> None:
        super().__init__()
        self.bottom_up = ResNet()
        for level, (_, inner) in enumerate(STAGES.values(), start=2):
            self.add_module(f"fpn_lateral{level}", nn.Conv2d(4 * inner, PYRAMID, 1))
            self.add_module(f"fpn_output{level}", nn.Conv2d(PYRAMID, PYRAMID, 3, padding=1))

    def forward(self, x: Tensor) -> list[Tensor]:
        """[1, 3, H, W] to p2..p6, [1, 256, H / stride, W / stride] each."""
        merged: Tensor | None = None
        levels: list[Tensor] = []
        for level, feature in reversed(list(enumerate(self.bottom_up(x), start=2))):
            lateral = self.get_submodule(f"fpn_lateral{level}")(feature)
            merged = lateral if merged is None else lateral + F.interpolate(merged, scale_factor=2.0)
            levels.insert(0, self.get_submodule(f"fpn_output{level}")(merged))
        return [*levels, levels[-1][:, :, ::2, ::2]]


class ProposalHead(nn.Module):
    """What each cell of a pyramid level says about its anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(PYRAMID, PYRAMID, 3, padding=1)
        self.objectness_logits = nn.Conv2d(PYRAMID, ANCHORS, 1)
        self.anchor_deltas = nn.Conv2d(PYRAMID, 4 * ANCHORS, 1)

    def forward(self, feature: Tensor) -> tuple[Tensor, Tensor]:
        """[1, 256, H, W] to logits [3, H, W] and deltas [12, H, W]."""
        hidden = F.relu(self.conv(feature))
        return self.objectness_logits(hidden)[0], self.anchor_deltas(hidden)[0]


class ProposalGenerator(nn.Module):
    """Boxes that may hold something."""

    def __init__(self) -> None:
        super().__init__()
        self.rpn_head = ProposalHead()

    def candidates(self, features: Sequence[Tensor], best: int) -> list[tuple[Tensor, Tensor]]:
        """The `best` boxes of each level and their logits, best first; boxes may reach beyond the picture."""
        return [self._candidates(*pair, best) for pair in zip(features, STRIDES, strict=True)]

    def _candidates(self, feature: Tensor, stride: int, best: int) -> tuple[Tensor, Tensor]:
        logits, deltas = self.rpn_head(feature)
        height, width = logits.shape[1:]
        logits = logits.permute(1, 2, 0).flatten()
        deltas = deltas.view(ANCHORS, 4, height, width).permute(2, 3, 0, 1).reshape(-1, 4)
        logits, chosen = logits.topk(min(best, len(logits)))
        around = anchors(height, width, stride, feature.device)[chosen]
        return apply_deltas(around, deltas[chosen], PROPOSAL_WEIGHTS), logits

    def forward(
        self,
        features: Sequence[Tensor],
        size: tuple[int, int],
        best: int = PROPOSALS,
        total: int = PROPOSALS,
    ) -> tuple[Tensor, Tensor]:
        """Boxes [N, 4] inside a picture of `size` (height, width), logits [N], best first, N <= `total`."""
        survivors = []
        for boxes, logits in self.candidates(features, best):
            boxes = clip(boxes, size)
            inside = has_area(boxes)
            boxes, logits = boxes[inside], logits[inside]
            kept = suppress(boxes, logits, PROPOSAL_NMS)
            survivors.append((boxes[kept], logits[kept]))
        boxes, logits = (torch.cat(parts) for parts in zip(*survivors, strict=True))
        order = logits.argsort(descending=True, stable=True)[:total]
        return boxes[order], logits[order]


class BoxHead(nn.Module):
    """What a pooled box holds, as one vector."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(PYRAMID * BOX_CELLS**2, 1024)
        self.fc2 = nn.Linear(1024, 1024)

    def forward(self, pooled: Tensor) -> Tensor:
        """[N, 256, 7, 7] to [N, 1024]."""
        return F.relu(self.fc2(F.relu(self.fc1(pooled.flatten(1)))))


class BoxPredictor(nn.Module):
    """From that vector: person or not, and where exactly."""

    def __init__(self) -> None:
        super().__init__()
        self.cls_score = nn.Linear(1024, 2)
        self.bbox_pred = nn.Linear(1024, 4)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """[N, 1024] to logits of person and background [N, 2], and deltas [N, 4]."""
        return self.cls_score(hidden), self.bbox_pred(hidden)


class Decoder(nn.Module):
    """p2..p5 added up at stride 4: the one map from which the charts are read."""

    def __init__(self) -> None:
        super().__init__()
        for level in (2, 3, 4, 5):
            self.add_module(f"p{level}", self._ascent(level))
        self.predictor = nn.Conv2d(PYRAMID, PYRAMID, 1)

    @staticmethod
    def _ascent(level: int) -> nn.Sequential:
        """Convolutions, each followed by a doubling; at p2 there is nothing to double."""
        layers: list[nn.Module] = []
        for _ in range(max(1, level - 2)):
            layers.append(ConvRelu(PYRAMID, PYRAMID))
            if level > 2:
                layers.append(nn.Upsample(scale_factor=2, mode="bilinear"))
        return nn.Sequential(*layers)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """p2..p5 to [1, 256, H / 4, W / 4]."""
        summed = self.get_submodule("p2")(features[0])
        for level, feature in enumerate(features[1:], start=3):
            summed = summed + self.get_submodule(f"p{level}")(feature)
        return self.predictor(summed)


class ConvRelu(nn.Conv2d):
    """3x3 convolution with bias, then max(0, x)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] to [B, outputs, H, W]."""
        return F.relu(super().forward(x))


class ChartPredictor(nn.Module):
    """Features of pooled boxes to Charts."""

    def __init__(self) -> None:
        super().__init__()
        self.ann_index_lowres = self._doubling(COARSE)
        self.index_uv_lowres = self._doubling(PARTS)
        self.u_lowres = self._doubling(PARTS)
        self.v_lowres = self._doubling(PARTS)

    @staticmethod
    def _doubling(outputs: int) -> nn.ConvTranspose2d:
        return nn.ConvTranspose2d(512, outputs, 4, stride=2, padding=1)

    def forward(self, hidden: Tensor) -> Charts:
        """[N, 512, 28, 28] to charts of 112x112: learned doubling, then a bilinear one."""
        lowres = (self.ann_index_lowres, self.index_uv_lowres, self.u_lowres, self.v_lowres)
        return Charts(*(F.interpolate(up(hidden), scale_factor=2.0, mode="bilinear") for up in lowres))


class RoiHeads(nn.Module):
    """Everything that looks into boxes."""

    def __init__(self) -> None:
        super().__init__()
        self.box_head = BoxHead()
        self.box_predictor = BoxPredictor()
        self.decoder = Decoder()
        inputs = [PYRAMID, *[512] * 7]
        convolutions = {f"body_conv_fcn{i}": ConvRelu(n, 512) for i, n in enumerate(inputs, start=1)}
        self.densepose_head = nn.Sequential(OrderedDict(convolutions))
        self.densepose_predictor = ChartPredictor()

    def pool_boxes(self, features: Sequence[Tensor], boxes: Tensor) -> Tensor:
        """Each box read from the pyramid level (p2..p5) that fits its size: [N, 256, 7, 7]."""
        levels = levels_of(boxes)
        pooled = boxes.new_empty(len(boxes), PYRAMID, BOX_CELLS, BOX_CELLS)
        for level, (feature, stride) in enumerate(zip(features[:4], STRIDES[:4], strict=True)):
            pooled[levels == level] = roi_align(feature[0], boxes[levels == level], stride, BOX_CELLS)
        return pooled

    def people(
        self, features: Sequence[Tensor], proposals: Tensor, size: tuple[int, int], threshold: float
    ) -> tuple[Tensor, Tensor]:
        """Boxes [N, 4] of people inside `size` (height, width), scores [N] above `threshold`, best first."""
        logits, deltas = self.box_predictor(self.box_head(self.pool_boxes(features, proposals)))
        scores = logits.softmax(1)[:, 0]
        sure = scores > threshold
        boxes, scores = clip(apply_deltas(proposals, deltas, BOX_WEIGHTS), size)[sure], scores[sure]
        kept = suppress(boxes, scores, PEOPLE_NMS)[:PEOPLE]
        return boxes[kept], scores[kept]

    def charts(self, decoded: Tensor, boxes: Tensor) -> Charts:
        """Charts of N boxes, read from the decoder's map [1, 256, H / 4, W / 4]."""
        pooled = roi_align(decoded[0], boxes, STRIDES[0], CHART_CELLS)
        return self.densepose_predictor(self.densepose_head(pooled))


class DensePoseRCNN(nn.Module):
    """The whole network; `backbone`, `proposal_generator` and `roi_heads` are called one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Pyramid()
        self.proposal_generator = ProposalGenerator()
        self.roi_heads = RoiHeads()


def prepare(picture: Tensor) -> Tensor:
    """uint8 [H, W, 3] in blue, green, red to what the network takes: float32 [1, 3, H', W']."""
    height, width = picture.shape[:2]
    x = picture.float() - torch.tensor(PIXEL_MEAN, device=picture.device)
    x = F.pad(x.permute(2, 0, 1), (0, -width % PADDED_TO, 0, -height % PADDED_TO))
    return x[None]


def levels_of(boxes: Tensor) -> Tensor:
    """Index of the pyramid map for each box, 0 = p2 .. 3 = p5 (Feature Pyramid Networks, equation 1)."""
    sides = areas(boxes).sqrt()
    return (USUAL_LEVEL + (sides / USUAL_SIDE + 1e-8).log2()).floor().clamp(0, 3).long()
