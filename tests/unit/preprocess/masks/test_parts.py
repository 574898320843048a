"""The parsing and DensePose rule: upstream's masks, and an answer for every size."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from leffa.errors import BadParameter
from leffa.preprocess.masks import parts_mask
from leffa.preprocess.masks.labels import Atr, Lip

KINDS = ("upper", "lower", "overall", "inner", "outer")


def masked(person, kind: str, **options: bool) -> np.ndarray:
    atr = np.where(person.atr == Atr.NECK, Atr.FACE, person.atr).astype(np.uint8)
    return parts_mask(person.parts, person.lip, atr, kind, **options)


@pytest.mark.parametrize(
    ("kind", "size", "white"),
    [
        ("upper", (384, 512), 37314),
        ("lower", (384, 512), 25021),
        ("overall", (384, 512), 71120),
        ("inner", (384, 512), 33039),
        ("outer", (384, 512), 21683),
        ("upper", (768, 1024), 146681),
    ],
)
def test_exact_masks_do_not_change(draw: Callable, kind: str, size: tuple[int, int], white: int) -> None:
    """Numbers of a version that gave upstream's masks pixel for pixel."""
    assert (masked(draw("akimbo", size=size), kind, exact=True) > 0).sum() == white


@pytest.mark.parametrize("size", [(190, 254), (193, 257), (191, 256), (201, 203)])
@pytest.mark.parametrize("kind", KINDS)
def test_sides_need_not_be_multiples_of_four(draw: Callable, kind: str, size: tuple[int, int]) -> None:
    """The same person a few pixels larger or smaller gets the same mask, give or take those pixels."""
    even = tuple((side + 3) // 4 * 4 for side in size)
    mask, expected = masked(draw(size=size), kind), masked(draw(size=even), kind, exact=True)
    mask = cv2.resize(mask, even, interpolation=cv2.INTER_NEAREST)
    assert (mask & expected).sum() / (mask | expected).sum() > 0.8


def test_odd_sides_cut_the_mask_of_the_padded_picture(draw: Callable) -> None:
    person = draw(size=(190, 254))
    padded = [np.pad(labels, ((0, 2), (0, 2))) for labels in (person.parts, person.lip, person.atr)]
    cut = parts_mask(*padded, "upper", exact=True)[:254, :190]
    assert (parts_mask(person.parts, person.lip, person.atr, "upper") == cut).all()


def test_where_upstream_fails_exact_refuses(draw: Callable) -> None:
    with pytest.raises(BadParameter) as caught:
        masked(draw(size=(190, 254)), "upper", exact=True)
    assert caught.value.received == [190, 254]


@settings(max_examples=40, deadline=None)
@given(
    arrays(np.uint8, (16, 12), elements=st.integers(0, 24)),
    arrays(np.uint8, (16, 12), elements=st.integers(0, 19)),
    arrays(np.uint8, (16, 12), elements=st.integers(0, 17)),
    st.sampled_from(KINDS),
)
def test_at_multiples_of_four_it_is_upstreams(
    parts: np.ndarray, lip: np.ndarray, atr: np.ndarray, kind: str
) -> None:
    maps = [np.kron(labels, np.ones((8, 8), np.uint8)) for labels in (parts, lip, atr)]
    mask = parts_mask(*maps, kind)
    assert (mask == parts_mask(*maps, kind, exact=True)).all()
    assert not mask[maps[1] == Lip.FACE].any()


def test_a_coat_is_told_from_the_shirt_below(draw: Callable) -> None:
    person = draw()
    open_coat = person.lip == Lip.UPPER_CLOTHES
    shirt = open_coat.copy()
    shirt[:, :172] = shirt[:, 212:] = False
    person.lip[open_coat & ~shirt] = Lip.COAT
    outer, inner = masked(person, "outer") > 0, masked(person, "inner") > 0
    assert outer[open_coat & ~shirt].all() and outer[shirt].mean() < 0.7
    assert inner[shirt].all()


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_gives_an_empty_mask(kind: str) -> None:
    nobody = np.zeros((65, 47), np.uint8)
    assert not parts_mask(nobody, nobody, nobody, kind).any()


def test_an_unknown_kind_is_refused() -> None:
    nobody = np.zeros((64, 48), np.uint8)
    with pytest.raises(BadParameter) as caught:
        parts_mask(nobody, nobody, nobody, "middle")
    assert (caught.value.field, caught.value.received) == ("part", "middle")
    assert caught.value.allowed == list(KINDS)
