"""Rules of fitting pictures that hold for every picture; exact values are in the fixtures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leffa.diffusion import transform

SIDES = st.integers(1, 90)


@settings(deadline=None, max_examples=60)
@given(SIDES, SIDES, st.integers(8, 64), st.integers(8, 64), st.sampled_from([(), (3,), (4,)]))
def test_any_picture_is_fitted_or_refused(
    h: int, w: int, height: int, width: int, channels: tuple[int, ...]
) -> None:
    picture = np.zeros((h, w, *channels), np.uint8)
    ratio = min(height / h, width / w)
    if min(int(h * ratio), int(w * ratio)) == 0:
        with pytest.raises(ValueError, match="too narrow"):
            transform.resize_and_center(picture, height, width)
        return
    page = transform.resize_and_center(picture, height, width)
    assert page.shape == (height, width, 3)
    dark = page.max(2) < 128
    assert abs(dark.any(1).sum() - h * ratio) <= 1 and abs(dark.any(0).sum() - w * ratio) <= 1


@pytest.mark.parametrize(
    "picture", [np.zeros((4, 4, 2), np.uint8), np.zeros((4, 4), bool), np.zeros((4,), np.uint8)]
)
def test_other_arrays_are_refused(picture: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        transform.resize_and_center(picture, 8, 8)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 1599))
def test_any_cutout_lands_in_the_middle_band(h: int, w: int, place: int) -> None:
    cutout = np.zeros((h, w, 4), np.uint8)
    cutout.reshape(-1, 4)[place % (h * w)] = (10, 20, 30, 255)
    canvas = transform.garment_on_canvas(cutout)
    assert canvas.shape == (1024, 768, 4)
    assert (canvas[:128] == 255).all() and (canvas[896:] == 255).all()
    assert canvas[512, 384].tolist() == [10, 20, 30, 255]


def test_nothing_opaque_is_refused() -> None:
    with pytest.raises(ValueError, match="transparent"):
        transform.garment_on_canvas(np.zeros((5, 5, 4), np.uint8))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 120), st.integers(1, 20), st.integers(0, 255), st.integers(0, 255))
def test_repaint_stays_between_person_and_result(h: int, w: int, person: int, result: int) -> None:
    mask = np.zeros((h, w), np.uint8)
    mask[h // 2 :] = 255
    pictures = (np.full((h, w, 3), value, np.uint8) for value in (person, result))
    mixed = transform.repaint(*pictures, mask)
    assert mixed.min() >= min(person, result) - 1 and mixed.max() <= max(person, result)


@settings(deadline=None, max_examples=20)
@given(st.integers(8, 70), st.integers(8, 70), st.booleans())
def test_inputs_have_sides_in_eighths_except_part_coordinates(height: int, width: int, iuv: bool) -> None:
    picture = np.full((20, 10, 3), 24, np.uint8)
    made = transform.model_inputs(picture, picture, picture[..., 0], picture, height, width, iuv)
    coarse = (height // 8 * 8, width // 8 * 8)
    assert made.person.shape == made.garment.shape == (1, 3, *coarse)
    assert made.mask.shape == (1, 1, *coarse)
    assert made.densepose.shape == (1, 3, *((height, width) if iuv else coarse))
    if iuv:
        assert made.densepose[0, 2].unique().tolist() == [1.0]
