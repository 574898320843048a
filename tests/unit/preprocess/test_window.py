"""The window is the part of the photo that the model sees, and goes back where it came from."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leffa.preprocess.window import Window, fit_window

ASPECT = 0.75
sides = st.integers(20, 400)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[tuple[int, int, int, int], int, int]:
    height, width = draw(sides), draw(sides)
    left, top = draw(st.integers(0, width - 10)), draw(st.integers(0, height - 10))
    right, bottom = draw(st.integers(left + 1, width)), draw(st.integers(top + 1, height))
    return (left, top, right, bottom), height, width


@given(boxes())
def test_the_window_has_the_aspect_and_holds_the_person(
    case: tuple[tuple[int, int, int, int], int, int],
) -> None:
    (left, top, right, bottom), height, width = case
    window = fit_window((left, top, right, bottom), height, width, ASPECT)
    assert window.width == pytest.approx(window.height * ASPECT, abs=max(2, 0.03 * window.height))
    assert window.left <= left + 1 and window.left + window.width >= right - 1
    assert window.top <= top + 1 and window.top + window.height >= bottom - 1


@given(boxes())
def test_pasting_what_was_cut_changes_nothing(case: tuple[tuple[int, int, int, int], int, int]) -> None:
    box, height, width = case
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    window = fit_window(box, height, width, ASPECT)
    piece = window.cut(picture, window.height, window.width, cv2.INTER_AREA)
    assert piece.shape == (window.height, window.width, 3)
    assert np.array_equal(window.paste(picture, piece), picture)


def test_a_picture_of_the_models_own_shape_is_used_whole() -> None:
    assert fit_window((40, 10, 150, 250), 256, 192, ASPECT) == Window(0, 0, 192, 256)


def test_somebody_small_is_brought_near() -> None:
    window = fit_window((900, 500, 960, 700), 1000, 1500, ASPECT)
    assert window.height < 300


def test_beyond_the_picture_the_border_goes_on() -> None:
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    piece = Window(-2, -1, 8, 5).cut(picture, 5, 8, cv2.INTER_NEAREST)
    assert (piece[0] == piece[1]).all() and (piece[:, :2] == piece[:, 2:3]).all()
