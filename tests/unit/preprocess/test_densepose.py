"""From the network's answers about people to maps of the photo: made-up charts, no network."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from leffa.errors import NoPerson
from leffa.preprocess.densepose import (
    PART_COLOURS,
    body_map,
    boxes_on_photo,
    enlarge,
    grey_levels,
    mask_size,
    scale_sides,
)
from leffa.preprocess.densepose_net import Charts

SIZE = (60, 40)  # height, width


def charts_of_parts(parts: list[int]) -> Charts:
    """People who consist of one part each, u = part / 100 and v = -u all over; part 0 is all background."""
    n, side = len(parts), 112
    coarse, fine = torch.zeros(n, 2, side, side), torch.zeros(n, 25, side, side)
    u = torch.arange(25.0)[None, :, None, None].expand(n, 25, side, side) / 100
    for person, part in enumerate(parts):
        coarse[person, int(part > 0)] = 1
        fine[person, part] = 1
    return Charts(coarse, fine, u, -u)


def people(parts: list[int], boxes: list[list[float]], scores: list[float], exact: bool = False, size=SIZE):
    charts = charts_of_parts(parts)
    return body_map(
        torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(scores),
        lambda chosen: Charts(*(chart[chosen] for chart in charts)),
        size,
        exact,
    )


def test_a_person_is_drawn_in_the_box_and_nowhere_else() -> None:
    body = people([7], [[10.0, 20.0, 30.0, 50.0]], [0.9])
    expected = np.zeros(SIZE, np.uint8)
    expected[20:50, 10:30] = 7
    np.testing.assert_array_equal(body.parts, expected)
    assert (body.people, body.box) == (1, (10, 20, 20, 30))
    assert body.iuv[0, 0].tolist() == [0, 0, 0]


def test_the_three_pictures_are_the_same_body() -> None:
    body = people([7], [[10.0, 20.0, 30.0, 50.0]], [0.9])
    assert body.iuv[30, 20].tolist() == [7, 0, 255]  # part, v, u, where u > v everywhere
    assert body.uvi[30, 20].tolist() == [255, 0, 7]
    assert body.part_index[30, 20].tolist() == [7, 7, 7]
    assert body.segmentation[30, 20].tolist() == PART_COLOURS[7].tolist()
    assert body.segmentation[0, 0].tolist() == [0, 0, 0]


def test_corners_are_cut_to_whole_pixels_each_by_itself() -> None:
    body = people([3], [[10.9, 20.9, 30.1, 50.95]], [0.9])
    assert body.box == (10, 20, 19, 30)
    assert np.argwhere(body.parts).min(0).tolist() == [20, 10]
    assert np.argwhere(body.parts).max(0).tolist() == [49, 28]


@pytest.mark.parametrize(
    "box", [[0, 0, 40, 60], [0, 0, 0.5, 0.5], [39.5, 0, 40, 60], [39, 59, 40, 60], [0, 59.9, 40, 60]]
)
def test_boxes_on_the_border_or_below_a_pixel_fit(box: list[float]) -> None:
    body = people([3], [box], [0.9])
    x, y, width, height = body.box
    assert (body.parts > 0).sum() == width * height
    assert body.parts.shape == SIZE


def test_the_largest_of_those_surely_seen_is_shown() -> None:
    boxes = [[0.0, 0.0, 10.0, 10.0], [0.0, 20.0, 30.0, 40.0], [0.0, 0.0, 40.0, 60.0]]
    body = people([1, 2, 3], boxes, [0.95, 0.9, 0.6])
    assert set(np.unique(body.parts)) == {0, 2}
    assert body.people == 2
    np.testing.assert_array_equal(body.segmentation, PART_COLOURS[body.parts])


def test_where_nobody_is_seen_for_sure_the_likeliest_is_shown() -> None:
    body = people([1, 2], [[0.0, 0.0, 10.0, 10.0], [0.0, 20.0, 30.0, 40.0]], [0.7, 0.6])
    assert set(np.unique(body.parts)) == {0, 1}
    assert body.people == 1


def test_exactly_the_maps_show_the_first_and_the_segmentation_the_last() -> None:
    boxes = [[0.0, 0.0, 10.0, 10.0], [0.0, 20.0, 30.0, 40.0], [20.0, 0.0, 40.0, 10.0]]
    body = people([1, 2, 3], boxes, [0.95, 0.9, 0.6], exact=True)
    assert set(np.unique(body.parts)) == {0, 1}
    expected = np.zeros(SIZE, np.uint8)
    expected[0:10, 20:40] = 3
    np.testing.assert_array_equal(body.segmentation, PART_COLOURS[expected])
    assert body.people == 3


@pytest.mark.parametrize("part", [0, 9])
def test_one_person_looks_the_same_exactly_and_by_default(part: int) -> None:
    box, scores = [[4.0, 5.0, 33.0, 44.0]], [0.9]
    default, exact = (people([part], box, scores, exact=exact) for exact in (False, True))
    for name in ("iuv", "segmentation", "part_index", "uvi"):
        np.testing.assert_array_equal(getattr(default, name), getattr(exact, name))


def test_nobody_is_an_error_and_exactly_black() -> None:
    with pytest.raises(NoPerson):
        people([], [], [])
    body = people([], [], [], exact=True)
    assert body.people == 0
    assert not body.segmentation.any() and not body.iuv.any() and body.iuv.shape == (*SIZE, 3)


def test_a_box_of_background_is_black_not_garbage() -> None:
    body = people([0], [[4.0, 5.0, 33.0, 44.0]], [0.9])
    assert not body.iuv.any() and not body.segmentation.any()


def test_u_and_v_share_one_scale_that_the_background_is_on_too() -> None:
    uv = np.array([[[0.0, 0.5]], [[-0.25, 1.0]]], np.float32)
    assert grey_levels(uv).tolist() == [[[51, 153]], [[0, 255]]]
    assert grey_levels(np.full((2, 3, 3), 0.4, np.float32)).any() == np.False_


def test_part_colours_are_opencvs() -> None:
    levels = np.arange(25) * 255 // 24
    parula = cv2.applyColorMap(levels.astype(np.uint8)[:, None], cv2.COLORMAP_PARULA)[:, 0, ::-1]
    assert PART_COLOURS[0].tolist() == [0, 0, 0]
    np.testing.assert_allclose(PART_COLOURS[1:].astype(int), parula[1:].astype(int), atol=1)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1024, 768), (1067, 800)),
        ((768, 1024), (800, 1067)),
        ((120, 90), (1067, 800)),
        ((500, 500), (800, 800)),
        ((3000, 1000), (1333, 444)),
        ((5000, 1), (1333, 1)),
    ],
)
def test_photos_are_scaled_by_the_shorter_side_unless_the_longer_gets_too_long(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert scale_sides(np.zeros((*size, 3), np.uint8), 800, 1333).shape[:2] == expected


def test_boxes_come_back_clipped_and_those_that_vanish_are_dropped() -> None:
    boxes: Tensor = torch.tensor([[-8.0, -8, 400, 100], [810, 0, 900, 50], [0, 0, 800, 1067]])
    kept, visible = boxes_on_photo(boxes, (1067, 800), SIZE)
    assert visible.tolist() == [True, False, True]
    torch.testing.assert_close(kept, torch.tensor([[0, 0, 20, 100 * 60 / 1067], [0, 0, 40, 60]]))


def test_masks_are_made_at_512_and_enlarged_without_new_labels() -> None:
    assert mask_size(768, 1024) == (384, 512)
    assert mask_size(640, 480) == (512, 384)
    assert mask_size(300, 511) == (300, 511)
    assert mask_size(4000, 3) == (512, 1)
    large = enlarge(np.array([[1, 24], [0, 3]], np.uint8), 7, 9)
    assert large.shape == (9, 7) and set(np.unique(large)) == {0, 1, 3, 24}
