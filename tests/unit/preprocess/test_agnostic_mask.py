"""The mask may repaint where a garment can lie, and nothing that makes the person who they are."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from leffa.errors import UnknownGarmentType
from leffa.preprocess.agnostic_mask import agnostic_mask, body_unit, clothing_mask

TYPES = ("upper_body", "lower_body", "dresses")
UPPER, SKIRT, PANTS, DRESS, FACE, HAIR, LEFT_SHOE, ARM, SCARF = 4, 5, 6, 7, 11, 2, 9, 14, 17


def standing_person() -> tuple[np.ndarray, np.ndarray]:
    """A paper doll, arms down, in shirt and trousers: labels and parts, 256x192."""
    labels, parts = np.zeros((256, 192), np.uint8), np.zeros((256, 192), np.uint8)

    def put(top: int, bottom: int, left: int, right: int, label: int, part: int) -> None:
        labels[top:bottom, left:right], parts[top:bottom, left:right] = label, part

    put(10, 18, 84, 108, HAIR, 23)
    put(18, 40, 86, 106, FACE, 23)
    put(40, 48, 86, 106, FACE, 2)  # bare neck and chest
    put(48, 120, 72, 120, UPPER, 2)
    put(48, 80, 58, 70, UPPER, 16)
    put(80, 112, 58, 70, ARM, 20)
    put(112, 122, 58, 70, ARM, 3)
    put(48, 80, 122, 134, UPPER, 15)
    put(80, 112, 122, 134, ARM, 19)
    put(112, 122, 122, 134, ARM, 4)
    put(120, 175, 74, 94, PANTS, 9)
    put(120, 175, 98, 118, PANTS, 10)
    put(175, 232, 76, 92, PANTS, 13)
    put(175, 232, 100, 116, PANTS, 14)
    put(232, 244, 74, 94, LEFT_SHOE, 5)
    put(232, 244, 98, 118, LEFT_SHOE + 1, 6)
    return labels, parts


small_maps = (
    arrays(np.uint8, (24, 18), elements=st.integers(0, 17)),
    arrays(np.uint8, (24, 18), elements=st.integers(0, 24)),
)


@settings(max_examples=60, deadline=None)
@given(*small_maps, st.sampled_from(TYPES))
def test_never_covers_head_hands_or_feet(labels: np.ndarray, parts: np.ndarray, garment_type: str) -> None:
    mask = agnostic_mask(labels, parts, garment_type)
    kept = np.isin(labels, (1, 2, 3, 9, 10, 16)) | np.isin(parts, (3, 4, 5, 6))
    kept |= (labels == FACE) & ~np.isin(parts, (1, 2))  # below the head "face" is bare chest
    assert not (mask & kept).any()


@settings(max_examples=60, deadline=None)
@given(*small_maps, st.sampled_from(TYPES))
def test_covers_the_old_garment(labels: np.ndarray, parts: np.ndarray, garment_type: str) -> None:
    old = clothing_mask(labels, garment_type) & ~np.isin(parts, (3, 4, 5, 6))
    if garment_type != "dresses":
        old &= labels != DRESS  # only its upper or lower half gives way
    if garment_type == "lower_body":
        old &= ~np.isin(parts, range(15, 23))  # an arm in front of a skirt stays
    assert (agnostic_mask(labels, parts, garment_type) | ~old).all()


def test_of_a_dress_only_the_half_that_is_replaced_gives_way() -> None:
    labels, parts = standing_person()
    labels[np.isin(labels, (UPPER, PANTS))] = DRESS
    chest, shins = (slice(50, 80), slice(80, 110)), (slice(190, 230), slice(78, 90))
    lower, upper = agnostic_mask(labels, parts, "lower_body"), agnostic_mask(labels, parts, "upper_body")
    assert not lower[chest].any() and lower[shins].all()
    assert upper[chest].all() and not upper[shins].any()


@pytest.mark.parametrize("garment_type", TYPES)
def test_is_empty_when_nobody_is_there(garment_type: str) -> None:
    blank = np.zeros((64, 48), np.uint8)
    assert not agnostic_mask(blank, blank, garment_type).any()
    assert body_unit(blank) == 0


def test_is_empty_for_trousers_on_a_bust() -> None:
    labels, parts = (picture[:110].copy() for picture in standing_person())
    assert not agnostic_mask(labels, parts, "lower_body").any()


@pytest.mark.parametrize("garment_type", TYPES)
@pytest.mark.parametrize("scale", [2, 3])
def test_does_not_depend_on_the_resolution(garment_type: str, scale: int) -> None:
    labels, parts = standing_person()
    large = tuple(np.kron(m, np.ones((scale, scale), np.uint8)) for m in (labels, parts))
    small_mask = np.kron(agnostic_mask(labels, parts, garment_type), np.ones((scale, scale), bool))
    large_mask = agnostic_mask(*large, garment_type)
    assert (small_mask & large_mask).sum() / (small_mask | large_mask).sum() > 0.97


def test_a_top_may_have_long_sleeves_and_hang_over_the_trousers() -> None:
    labels, parts = standing_person()
    mask = agnostic_mask(labels, parts, "upper_body")
    assert mask[90:110, 58:70].all()  # forearm
    assert mask[120:135, 74:118].all()  # hips
    assert not mask[185:].any()  # shins


def test_a_print_that_is_taken_for_a_scarf_gives_way_to_a_top() -> None:
    labels, parts = standing_person()
    labels[50:75, 80:112] = SCARF
    assert agnostic_mask(labels, parts, "upper_body")[50:75, 80:112].all()
    assert not agnostic_mask(labels, parts, "lower_body")[50:75, 80:112].any()


def test_a_skirt_may_fill_the_space_between_the_legs_but_the_shirt_stays() -> None:
    labels, parts = standing_person()
    mask = agnostic_mask(labels, parts, "lower_body")
    assert mask[150:230, 94:98].all()
    assert mask[200, 66:76].all()  # flare
    assert not mask[48:85].any()
    assert not (mask & (labels == ARM)).any()


def test_a_dress_may_reach_from_the_neck_to_the_ankles() -> None:
    labels, parts = standing_person()
    mask = agnostic_mask(labels, parts, "dresses")
    assert mask[48:232, 76:92].all()


def test_does_not_trace_the_old_outline() -> None:
    """Two shirts of different length on the same body leave nearly the same mask."""
    labels, parts = standing_person()
    cropped = labels.copy()
    cropped[95:120, 72:120] = FACE  # bare belly: skin, on a torso part
    first, second = agnostic_mask(labels, parts, "upper_body"), agnostic_mask(cropped, parts, "upper_body")
    assert (first & second).sum() / (first | second).sum() > 0.97


def test_a_dress_gives_way_to_a_top() -> None:
    labels = np.zeros((64, 48), np.uint8)
    labels[20:50, 15:30] = DRESS
    assert (clothing_mask(labels, "upper_body") == (labels == DRESS)).all()
    assert not clothing_mask(np.full((4, 4), PANTS, np.uint8), "upper_body").any()


def test_unknown_type_is_told() -> None:
    blank = np.zeros((8, 8), np.uint8)
    with pytest.raises(UnknownGarmentType):
        agnostic_mask(blank, blank, "socks")


def test_large_photos_take_a_moment_only() -> None:
    large = [cv2.resize(m, (1536, 2048), interpolation=cv2.INTER_NEAREST) for m in standing_person()]
    ticks = cv2.getTickCount()
    agnostic_mask(large[0], large[1], "dresses")
    assert (cv2.getTickCount() - ticks) / cv2.getTickFrequency() < 5
