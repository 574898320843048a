"""Geometry of a two-stage detector: anchors, deltas, suppression, and features read under boxes.

Boxes are float32 [N, 4] as x1, y1, x2, y2 in pixels, on any device. Everything is plain PyTorch, so it runs
wherever torch does; the conventions are those that detectron2's R-CNN checkpoints were trained with.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

ANCHOR_STRIDES = 8  # an anchor's side, in strides of its level
ANCHOR_RATIOS = (0.5, 1.0, 2.0)  # height to width, the area staying the same
MAX_LOG_GROWTH = math.log(1000 / 16)  # no delta makes a box larger than this
SAMPLES = 2  # a side, in every cell of a pooled box


def anchors(height: int, width: int, stride: int, device: torch.device) -> Tensor:
    """Boxes around the corners of a map's cells: [height * width * 3, 4], the ratio changing fastest."""
    side = ANCHOR_STRIDES * stride
    halves = [(side / math.sqrt(ratio) / 2, side * math.sqrt(ratio) / 2) for ratio in ANCHOR_RATIOS]
    cell = torch.tensor([[-w, -h, w, h] for w, h in halves], device=device)
    y = torch.arange(height, device=device, dtype=torch.float32) * stride
    x = torch.arange(width, device=device, dtype=torch.float32) * stride
    y, x = torch.meshgrid(y, x, indexing="ij")
    corners = torch.stack([x, y, x, y], -1)  # [height, width, 4]
    return (corners[:, :, None] + cell).reshape(-1, 4)


def apply_deltas(boxes: Tensor, deltas: Tensor, weights: tuple[float, float, float, float]) -> Tensor:
    """Boxes moved and grown by a network's answer, deltas [N, 4] = dx, dy, dw, dh times `weights`."""
    sizes = boxes[:, 2:] - boxes[:, :2]
    centres = boxes[:, :2] + 0.5 * sizes
    moves, growth = (deltas / deltas.new_tensor(weights)).split(2, dim=1)
    centres = centres + moves * sizes
    halves = 0.5 * sizes * growth.clamp(max=MAX_LOG_GROWTH).exp()
    return torch.cat([centres - halves, centres + halves], 1)


def clip(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """The part of each box that lies inside a picture of `size` (height, width)."""
    height, width = size
    return boxes.clamp(min=0).minimum(boxes.new_tensor([width, height, width, height]))


def areas(boxes: Tensor) -> Tensor:
    """Square pixels of each box: [N]."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def has_area(boxes: Tensor) -> Tensor:
    """Whether each box is wider and higher than nothing: bool [N]."""
    return (boxes[:, 2:] > boxes[:, :2]).all(1)


def iou(boxes: Tensor) -> Tensor:
    """Intersection over union of every pair: [N, N], not a number for two boxes without area."""
    overlap = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    overlap = (overlap - torch.maximum(boxes[:, None, :2], boxes[None, :, :2])).clamp(min=0)
    shared, area = overlap[..., 0] * overlap[..., 1], areas(boxes)
    return shared / (area[:, None] + area[None, :] - shared)


def suppress(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Non-maximum suppression: indices of the boxes kept, best first.

    A box goes when its IoU with a better one that stays is above `threshold`.
    """
    order = scores.argsort(descending=True, stable=True)
    covers = (iou(boxes[order]) > threshold).cpu().numpy()
    kept = np.ones(len(order), bool)
    for better in range(len(order)):
        if kept[better]:
            kept[better + 1 :] &= ~covers[better, better + 1 :]
    return order[torch.from_numpy(kept).to(order.device)]


def roi_align(feature: Tensor, boxes: Tensor, stride: int, cells: int) -> Tensor:
    """Features [C, H, W] read under each box on a grid: [N, C, cells, cells].

    The older form that these checkpoints know: no shift by half a pixel, and a box counts as at least one
    feature pixel wide and high. Each cell is the mean of 2x2 bilinear samples; samples more than one pixel
    outside count as zero.
    """
    channels, height, width = feature.shape
    table = feature.flatten(1).T.contiguous()  # [H * W, C]
    x, x_weights = _taps(boxes[:, 0::2] / stride, width, cells)
    y, y_weights = _taps(boxes[:, 1::2] / stride, height, cells)
    index, weights = _outer(y * width, x, torch.add), _outer(y_weights, x_weights, torch.mul)
    pooled = F.embedding_bag(index, table, per_sample_weights=weights, mode="sum")
    return pooled.view(-1, cells, cells, channels).permute(0, 3, 1, 2)


def _taps(spans: Tensor, length: int, cells: int) -> tuple[Tensor, Tensor]:
    """Which feature pixels each cell reads along one axis, and how much of each: both [N, cells, 4].

    spans: [N, 2] from and to, in feature pixels.
    """
    start = spans[:, :1]
    cell = (spans[:, 1:] - start).clamp(min=1) / cells
    steps = torch.arange(cells * SAMPLES, device=spans.device, dtype=spans.dtype)
    positions = start + (steps + 0.5) * cell / SAMPLES  # [N, cells * SAMPLES]
    inside = (positions >= -1) & (positions <= length)
    positions = positions.clamp(0, length - 1)
    low = positions.floor()
    share = positions - low
    pixels = torch.stack([low, (low + 1).clamp(max=length - 1)], -1).long()
    weights = torch.stack([1 - share, share], -1) * inside[..., None] / SAMPLES
    shape = (-1, cells, 2 * SAMPLES)
    return pixels.view(shape), weights.view(shape)


def _outer(y: Tensor, x: Tensor, join: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Every tap along y with every tap along x: [N, cells, 4] twice to [N * cells * cells, 16]."""
    return join(y[:, :, None, :, None], x[:, None, :, None, :]).reshape(-1, y.shape[2] * x.shape[2])
