"""Box geometry, held against definitions written out with loops."""

from math import floor, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from leffa.preprocess.boxes import anchors, apply_deltas, areas, clip, has_area, iou, roi_align, suppress

coordinates = st.floats(-40, 80, width=32)


@st.composite
def box_lists(draw: st.DrawFn, longest: int = 12) -> Tensor:
    rows = []
    for _ in range(draw(st.integers(0, longest))):
        x, y = draw(st.integers(0, 30)), draw(st.integers(0, 30))
        rows.append([x, y, x + draw(st.integers(0, 20)), y + draw(st.integers(0, 20))])
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)


@given(box_lists(), st.sampled_from([0.0, 0.3, 0.5, 0.7]), st.randoms())
def test_a_box_is_suppressed_by_a_better_one_that_stays(boxes: Tensor, threshold: float, random) -> None:
    scores = torch.tensor(random.sample(range(100), len(boxes)), dtype=torch.float32)
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        if not any(plain_iou(boxes[i].tolist(), boxes[j].tolist()) > threshold for j in kept):
            kept.append(i)
    assert suppress(boxes, scores, threshold).tolist() == kept


def plain_iou(a: list[float], b: list[float]) -> float:
    shared = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    # Single precision like the product, or thresholds such as 0.3 = 3 / 10 fall on the other side.
    return float(np.float32(shared) / np.float32(both)) if both else float("nan")


def test_a_thousand_boxes_are_suppressed_quickly() -> None:
    draw = torch.Generator().manual_seed(0)
    corners = torch.rand(1000, 2, generator=draw) * 700
    boxes = torch.cat([corners, corners + 20 + torch.rand(1000, 2, generator=draw) * 200], 1)
    kept = suppress(boxes, torch.rand(1000, generator=draw), 0.7)
    assert (iou(boxes[kept]) - torch.eye(len(kept))).max() <= 0.7


@given(
    st.lists(st.tuples(coordinates, coordinates, coordinates, coordinates), max_size=4),
    st.sampled_from([4, 8]),
    st.sampled_from([1, 3]),
)
def test_pooled_features_are_means_of_bilinear_samples(
    corners: list[tuple[float, float, float, float]], stride: int, cells: int
) -> None:
    rows = [(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in corners]
    boxes = torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)
    feature = torch.randn(2, 6, 9, generator=torch.Generator().manual_seed(1))
    pooled = roi_align(feature, boxes, stride, cells)
    assert pooled.shape == (len(boxes), 2, cells, cells)
    for box, got in zip(boxes.double().numpy() / stride, pooled, strict=True):
        np.testing.assert_allclose(got, pool_slowly(feature.double().numpy(), box, cells), atol=1e-4)


def pool_slowly(feature: np.ndarray, box: np.ndarray, cells: int) -> np.ndarray:
    """ROIAlign without the half-pixel shift, two samples a side in each cell; `box` in feature pixels."""
    x, y = box[:2]
    width, height = max(box[2] - x, 1) / cells, max(box[3] - y, 1) / cells
    pooled = np.zeros((len(feature), cells, cells))
    for row in range(cells):
        for column in range(cells):
            for down in (0.25, 0.75):
                for along in (0.25, 0.75):
                    place = y + (row + down) * height, x + (column + along) * width
                    pooled[:, row, column] += bilinear(feature, *place) / 4
    return pooled


def bilinear(feature: np.ndarray, y: float, x: float) -> np.ndarray:
    height, width = feature.shape[1:]
    if not (-1 <= y <= height and -1 <= x <= width):
        return np.zeros(len(feature))
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = floor(y), floor(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    upper = feature[:, top, left] * (1 - x + left) + feature[:, top, right] * (x - left)
    lower = feature[:, bottom, left] * (1 - x + left) + feature[:, bottom, right] * (x - left)
    return upper * (1 - y + top) + lower * (y - top)


def test_pooling_reads_a_ramp_without_shift() -> None:
    ramp = torch.arange(20.0).expand(1, 20, 20)
    pooled = roi_align(ramp, torch.tensor([[8.0, 8, 40, 40]]), stride=4, cells=4)
    assert pooled[0, 0, 0].tolist() == [3, 5, 7, 9]  # the cells' centres in feature pixels


def test_a_box_counts_as_one_feature_pixel_at_least() -> None:
    ramp = torch.arange(20.0).expand(1, 20, 20)
    assert roi_align(ramp, torch.tensor([[8.0, 8, 8.5, 8.5]]), stride=4, cells=1).item() == 2.5


def test_far_outside_nothing_is_read() -> None:
    ones = torch.ones(1, 5, 5)
    assert roi_align(ones, torch.tensor([[-900.0, -900, -800, -800]]), 4, 7).abs().max() == 0


def test_no_boxes_are_no_trouble() -> None:
    none = torch.zeros(0, 4)
    assert roi_align(torch.ones(3, 5, 5), none, 4, 7).shape == (0, 3, 7, 7)
    assert suppress(none, torch.zeros(0), 0.5).shape == (0,)


def test_anchors_keep_their_area_and_stand_on_the_corners_of_cells() -> None:
    boxes = anchors(2, 3, 4, torch.device("cpu"))
    assert boxes.shape == (18, 4)
    torch.testing.assert_close(areas(boxes), torch.full((18,), 1024.0))
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert centres[::3].tolist() == [[0, 0], [4, 0], [8, 0], [0, 4], [4, 4], [8, 4]]
    width, height = (boxes[0, 2:] - boxes[0, :2]).tolist()
    assert (width, height) == pytest.approx((32 * sqrt(2), 32 / sqrt(2)))


def test_deltas_move_by_the_size_and_grow_by_the_exponent() -> None:
    boxes = torch.tensor([[10.0, 20, 30, 60]])
    same = apply_deltas(boxes, torch.zeros(1, 4), (10, 10, 5, 5))
    assert same.tolist() == boxes.tolist()
    moved = apply_deltas(boxes, torch.tensor([[5.0, 0, 0, 0]]), (10, 10, 5, 5))
    assert moved.tolist() == [[20, 20, 40, 60]]
    grown = apply_deltas(boxes, torch.tensor([[0.0, 0, 99, 0]]), (1, 1, 1, 1))
    assert (grown[0, 2] - grown[0, 0]).item() == pytest.approx(20 * 1000 / 16, rel=1e-5)


def test_clipped_boxes_lie_inside() -> None:
    boxes = clip(torch.tensor([[-5.0, -5, 500, 500], [200, 200, 300, 300]]), (60, 80))
    assert boxes.tolist() == [[0, 0, 80, 60], [80, 60, 80, 60]]
    assert has_area(boxes).tolist() == [True, False]
