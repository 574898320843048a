"""The VITON-HD rule: upstream's masks when exact, its faults mended by default."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leffa.errors import UnknownGarmentType
from leffa.preprocess.masks import hd_mask
from leffa.preprocess.masks.labels import Atr

SHOES = (Atr.LEFT_SHOE, Atr.RIGHT_SHOE)
ARMS = (Atr.LEFT_ARM, Atr.RIGHT_ARM)
ELBOW, WRIST, SHOULDER = 3, 4, 2  # of the right arm
NOWHERE = np.zeros((18, 2))


def masks(person, garment_type: str) -> tuple[np.ndarray, np.ndarray]:
    """(upstream's, ours) as bool."""
    sources = person.atr, person.keypoints, garment_type, person.size
    return hd_mask(*sources, exact=True) > 0, hd_mask(*sources) > 0


def share(mask: np.ndarray, labels: np.ndarray, *wanted: int) -> float:
    """How much of these labels is masked, in percent."""
    return 100 * float(mask[np.isin(labels, wanted)].mean())


def astray(mask: np.ndarray, labels: np.ndarray) -> int:
    """Masked pixels far from anybody."""
    distance = cv2.distanceTransform((labels == 0).astype(np.uint8), cv2.DIST_L2, 5)
    return int((mask & (distance > 60)).sum())


@pytest.mark.parametrize(
    ("drawn", "garment_type", "white"),
    [
        ({}, "upper_body", 55376),
        ({}, "lower_body", 56746),
        ({}, "dresses", 68465),
        ({"pose": "crossed", "sleeves": 2}, "upper_body", 52528),
        ({"pose": "up", "below": "DRESS", "legs": 1}, "dresses", 62100),
        ({"pose": "akimbo", "below": "SKIRT", "size": (190, 254)}, "lower_body", 19113),
    ],
)
def test_exact_masks_do_not_change(draw: Callable, drawn: dict, garment_type: str, white: int) -> None:
    """Numbers of a version that gave upstream's masks pixel for pixel."""
    upstream, _ = masks(draw(**drawn), garment_type)
    assert upstream.sum() == white


@pytest.mark.parametrize("pose", ["down", "wide", "akimbo", "crossed", "up"])
def test_a_new_top_leaves_trousers_and_shoes(draw: Callable, pose: str) -> None:
    """Share of them that is masked: 99 to 100 % with upstream, below 2 % here."""
    person = draw(pose)
    upstream, ours = masks(person, "upper_body")
    assert share(upstream, person.atr, Atr.PANTS) > 99
    assert share(upstream, person.atr, *SHOES) > 99
    assert share(ours, person.atr, Atr.PANTS) < 2
    assert share(ours, person.atr, *SHOES) == 0
    assert share(ours, person.atr, Atr.UPPER_CLOTHES) == 100


@pytest.mark.parametrize("pose", ["down", "akimbo", "crossed"])
def test_new_trousers_leave_the_shirt_and_the_arms(draw: Callable, pose: str) -> None:
    """Share of the shirt that is masked: 100 % with upstream where the arms hang, below 2 % here."""
    person = draw(pose)
    upstream, ours = masks(person, "lower_body")
    assert share(upstream, person.atr, Atr.UPPER_CLOTHES) > 99
    assert share(upstream, person.atr, *ARMS) > 99
    assert share(ours, person.atr, Atr.UPPER_CLOTHES) < 2
    assert share(ours, person.atr, *ARMS) < 2
    assert share(ours, person.atr, Atr.PANTS) > 99


def test_what_the_mask_surrounds_stays_if_it_belongs_to_the_other_half(draw: Callable) -> None:
    """Trousers seen through an open shirt: filled by hole filling, unless it is told not to."""
    person = draw()
    person.atr[180:230, 184:200] = Atr.PANTS
    window = np.zeros(person.atr.shape, bool)
    window[183:227, 187:197] = True
    upstream, ours = masks(person, "upper_body")
    assert upstream[window].all() and not ours[window].any()


def test_a_hand_beyond_the_picture_draws_no_bar(draw: Callable) -> None:
    person = draw("wide").hide(5, 6, 7)
    person.atr[:, 250:] = 0  # the bar would lie on the other arm
    person.keypoints[WRIST] = (8, 160)  # pushed outwards by a fifth of the forearm: -7
    upstream, ours = masks(person, "upper_body")
    assert astray(upstream, person.atr) > 1000
    assert astray(ours, person.atr) == 0
    assert ours[160, 4]


@pytest.mark.parametrize("missing", [ELBOW, SHOULDER])
def test_a_missing_elbow_or_shoulder_is_not_the_corner(draw: Callable, missing: int) -> None:
    person = draw().hide(missing)
    upstream, ours = masks(person, "upper_body")
    assert astray(upstream, person.atr) > 1000
    assert astray(ours, person.atr) == 0
    assert share(ours, person.atr, Atr.RIGHT_ARM) > 99


def test_margins_are_the_same_on_all_sides() -> None:
    labels = np.zeros((512, 384), np.uint8)
    labels[200:300, 150:250] = Atr.PANTS

    def reach(exact: bool) -> list[int]:
        rows, columns = np.nonzero(hd_mask(labels, NOWHERE, "lower_body", exact=exact))
        return [200 - rows.min(), 150 - columns.min(), rows.max() - 299, columns.max() - 249]

    assert reach(exact=True) == [20, 20, 25, 25]
    assert reach(exact=False) == [22, 22, 22, 22]


def test_a_garment_that_leaves_the_picture_is_masked_to_the_edge(draw: Callable) -> None:
    person = draw().cut(bottom=340)
    upstream, ours = masks(person, "lower_body")
    trousers = person.atr[-1] == Atr.PANTS
    assert not upstream[-1].any() and ours[-1, trousers].all()


def test_a_picture_and_its_enlargement_get_the_same_mask(draw: Callable) -> None:
    person = draw()
    small = hd_mask(person.atr, person.keypoints, "upper_body", (192, 256))
    large = hd_mask(person.atr, person.keypoints, "upper_body", (768, 1024))
    small = cv2.resize(small, (768, 1024), interpolation=cv2.INTER_NEAREST)
    assert (small & large).sum() / (small | large).sum() > 0.95


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_where_nothing_is_to_be_mended_it_is_upstreams(data: st.DataObject) -> None:
    """At upstream's size, with all points in the picture and no clothes, whose margins are uneven."""
    small = data.draw(st.lists(st.sampled_from([0, 0, 2, 11, 14, 15, 18]), min_size=48, max_size=48))
    labels = np.kron(np.reshape(small, (8, 6)), np.ones((64, 64))).astype(np.uint8)
    points = st.tuples(st.floats(100, 280), st.floats(120, 400))
    keypoints = np.array(data.draw(st.lists(points, min_size=18, max_size=18)))
    labels = np.pad(labels[24:-24, 24:-24], 24)  # upstream differs at the border too
    if data.draw(st.booleans()):
        keypoints[WRIST] = 0
    upstream = hd_mask(labels, keypoints, "upper_body", exact=True)
    ours = hd_mask(labels, keypoints, "upper_body")
    assert (upstream == ours).all()


def test_nobody_gives_an_empty_mask() -> None:
    assert not hd_mask(np.zeros((512, 384), np.uint8), NOWHERE, "dresses").any()


def test_an_unknown_garment_type_is_refused() -> None:
    with pytest.raises(UnknownGarmentType) as caught:
        hd_mask(np.zeros((64, 48), np.uint8), NOWHERE, "hats")
    assert caught.value.received == "hats" and "dresses" in caught.value.allowed
