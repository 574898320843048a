"""Drawn heat maps and affinity fields come back as the points that were drawn."""

import time
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from leffa.errors import NoPerson
from leffa.preprocess.keypoints import HEIGHT, LEFT_WRIST, NAMES, POINTS, RIGHT_WRIST, WIDTH
from leffa.preprocess.openpose import OpenPose
from leffa.preprocess.openpose_decode import LIMBS, MOST_PEAKS, RADIUS, decode, find_peaks, smooth, upsample

ROWS, COLUMNS = 23, 18
SPREAD = 0.9  # cells, about what the network is trained on
NEAR = 6.0  # pixels; a cell is 22 of them
Maps = tuple[NDArray[np.float32], NDArray[np.float32]]

STANDING = np.array(
    [(192, 60), (192, 105), (155, 107), (130, 170), (115, 235), (229, 107), (254, 170), (269, 235),
     (170, 245), (166, 340), (163, 440), (214, 245), (218, 340), (221, 440), (183, 50), (201, 50),
     (170, 55), (214, 55)],
    float,
)  # fmt: skip


def cells(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where pixels of 384x512 lie in the maps: by way of the input of 138x184, eight pixels a cell."""
    return ((points + 0.5) * (138 / WIDTH, 184 / HEIGHT)) / 8 - 0.5


def draw(*persons: NDArray[np.float64], extra: Sequence[tuple[int, float, float]] = ()) -> Maps:
    """Maps of people [18, 2], points at (0, 0) left out, and of false peaks (part, x, y)."""
    heat, fields = np.zeros((19, ROWS, COLUMNS), np.float32), np.zeros((38, ROWS, COLUMNS), np.float32)
    here = np.stack(np.meshgrid(np.arange(COLUMNS), np.arange(ROWS)), -1)
    peaks = [(part, *p) for points in persons for part, p in enumerate(points) if p.any()]
    for part, x, y in [*peaks, *extra]:
        square = ((here - cells(np.array([x, y]))) ** 2).sum(-1)
        heat[part] = np.maximum(heat[part], np.exp(-square / (2 * SPREAD**2)))
    for points in persons:
        for limb in LIMBS:
            if points[limb.start].any() and points[limb.end].any():
                _draw_limb(fields[list(limb.channels)], fields, limb, points, here)
    return heat, fields


def _draw_limb(now, fields, limb, points, here) -> None:
    start, end = cells(points[limb.start]), cells(points[limb.end])
    way = (end - start) / np.linalg.norm(end - start)
    along = ((here - start) @ way).clip(0, np.linalg.norm(end - start))
    near = np.linalg.norm(here - start - along[..., None] * way, axis=-1) < 1.2
    fields[list(limb.channels)] = np.where(near, way[:, None, None], now)


def without(points: NDArray[np.float64], *parts: int) -> NDArray[np.float64]:
    changed = points.copy()
    changed[list(parts)] = 0
    return changed


def scaled(points: NDArray[np.float64], factor: float, x: float, y: float) -> NDArray[np.float64]:
    return (points - points[1]) * factor + (x, y)


LARGE, SMALL = scaled(STANDING, 0.8, 270, 150), scaled(STANDING, 0.45, 90, 60)


def assert_found(points: NDArray[np.float64], expected: NDArray[np.float64]) -> None:
    assert points.shape == (POINTS, 2) and points.dtype == np.float64
    seen = expected.any(1)
    distances = dict(zip(NAMES, np.linalg.norm(points - expected, axis=1), strict=True))
    assert {name: far for name, far in distances.items() if far > NEAR} == {}
    assert not points[~seen].any()


@pytest.mark.parametrize("exact", [False, True])
def test_one_person(exact: bool) -> None:
    assert_found(decode(*draw(STANDING), exact), STANDING)


@pytest.mark.parametrize("exact", [False, True])
def test_missing_points_are_zero(exact: bool) -> None:
    person = without(STANDING, RIGHT_WRIST, LEFT_WRIST, NAMES.index("right ear"))
    assert_found(decode(*draw(person), exact), person)


def test_points_at_the_border() -> None:
    person = STANDING.copy()
    person[RIGHT_WRIST], person[LEFT_WRIST] = (1, 200), (382, 210)
    person[[NAMES.index("right ankle"), NAMES.index("left ankle")], 1] = 509
    found = decode(*draw(person))
    assert np.linalg.norm(found - person, axis=1).max() < 12  # cut off, a peak leans inwards
    assert (found >= 0).all() and (found < (WIDTH, HEIGHT)).all()


@pytest.fixture
def two() -> Maps:
    """Somebody large, and somebody small beside them whose pairs are surer, so that they are built first."""
    (heat, fields), (small_heat, small_fields) = draw(LARGE), draw(SMALL)
    return np.maximum(heat, small_heat), 0.9 * fields + small_fields


def test_the_larger_of_two_is_taken(two: Maps) -> None:
    assert_found(decode(*two), LARGE)


def test_exactly_as_upstream_the_first_of_two_is_taken(two: Maps) -> None:
    assert np.linalg.norm(decode(*two, exact=True)[0] - SMALL[0]) < NEAR


def test_loose_points_across_the_photo_are_not_the_larger_person() -> None:
    loose = without(STANDING, *range(8), *range(14, 18))  # hips, knees, ankles of nobody
    loose[8:11], loose[11:14] = [(20, 500), (40, 300), (60, 20)], [(360, 20), (340, 300), (330, 500)]
    person = scaled(STANDING, 0.8, 192, 150)
    loose[1] = (380, 10)
    (heat, fields), (loose_heat, loose_fields) = draw(person), draw(loose)
    found = decode(np.maximum(heat, 0.5 * loose_heat), fields + loose_fields * (fields == 0))
    assert_found(found, person)


def test_false_peaks_do_not_shift_points() -> None:
    extra = [(RIGHT_WRIST, 330, 40), (RIGHT_WRIST, 60, 30), (0, 40, 480), (9, 350, 300)]
    assert_found(decode(*draw(STANDING, extra=extra)), STANDING)


def test_exactly_as_upstream_the_second_false_peak_is_taken_for_the_part() -> None:
    maps = draw(STANDING, extra=[(RIGHT_WRIST, 330, 40), (RIGHT_WRIST, 60, 30)])
    wrist = decode(*maps, exact=True)[RIGHT_WRIST]
    assert min(np.linalg.norm(wrist - false) for false in ((330, 40), (60, 30))) < NEAR


def test_exactly_as_upstream_one_false_peak_is_left_out() -> None:
    maps = draw(STANDING, extra=[(RIGHT_WRIST, 330, 40)])
    assert_found(decode(*maps, exact=True), STANDING)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    "person", [np.zeros((POINTS, 2)), without(STANDING, *range(3, POINTS))], ids=["nobody", "three points"]
)
def test_nobody(person: NDArray[np.float64], exact: bool) -> None:
    with pytest.raises(NoPerson):
        decode(*draw(person), exact)


def test_points_without_fields_are_nobody() -> None:
    heat, fields = draw(STANDING)
    with pytest.raises(NoPerson):
        decode(heat, np.zeros_like(fields))


def test_a_thousand_false_peaks_take_no_time_and_hide_nobody() -> None:
    rng = np.random.default_rng(2)
    heat, fields = draw(STANDING)
    heat = np.maximum(heat, 0.4 * rng.random(heat.shape, np.float32) ** 3)
    fields += rng.normal(0, 0.03, fields.shape).astype(np.float32)
    assert sum(map(len, find_peaks(upsample(heat[:POINTS])))) > 1000
    begun = time.process_time()
    found = decode(heat, fields)
    assert time.process_time() - begun < 2  # 0.6 on an idle core
    assert_found(found, STANDING)


def test_flat_maps_neither_hang_nor_fill_the_memory() -> None:
    heat = np.zeros((19, ROWS, COLUMNS), np.float32)
    heat[[1, 2]] = 0.5
    assert len(find_peaks(upsample(heat[1:2]))[0]) > MOST_PEAKS
    begun = time.process_time()
    with pytest.raises(NoPerson):
        decode(heat, np.ones((38, ROWS, COLUMNS), np.float32))
    assert time.process_time() - begun < 5


def test_smoothing_is_scipys_to_the_last_bit() -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    picture = np.random.default_rng(1).random((61, 40))
    np.testing.assert_array_equal(smooth(picture), ndimage.gaussian_filter(picture, sigma=3))


def test_smoothing_spreads_without_loss() -> None:
    picture = np.zeros((80, 70))
    picture[40, 3], picture[0, 50] = 2, 1  # mirrored at the border, nothing gets lost there either
    smoothed = smooth(picture)
    assert smoothed.sum() == pytest.approx(3)
    assert smoothed.max() < 2 / (2 * np.pi * 9) * 1.5
    assert not smoothed[40 + RADIUS + 1 :].any() and smoothed[40 + RADIUS].any()


def test_smoothing_leaves_a_constant_and_a_symmetry() -> None:
    np.testing.assert_allclose(smooth(np.full((30, 30), 0.3)), 0.3, rtol=1e-14)
    picture = np.random.default_rng(2).random((40, 50))
    symmetric = picture + picture[::-1, ::-1]
    np.testing.assert_array_equal(smooth(symmetric), smooth(symmetric)[::-1, ::-1])


class Painter(nn.Module):
    """A network that sees one drawn person in any photo."""

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor]:
        heat, fields = draw(STANDING)
        return torch.from_numpy(fields)[None], torch.from_numpy(heat)[None]


@pytest.mark.parametrize("size", [(512, 384), (600, 900), (31, 200)])
def test_points_are_in_pixels_of_the_photo_squeezed(size: tuple[int, int]) -> None:
    assert_found(OpenPose(Painter()).detect(np.zeros((*size, 3), np.uint8)), STANDING)
