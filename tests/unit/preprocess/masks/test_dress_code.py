"""The DressCode rule: upstream's masks when exact, its faults mended by default."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from leffa.errors import BadParameter, UnknownGarmentType
from leffa.preprocess.masks import dress_code_mask
from leffa.preprocess.masks.labels import Atr

NOWHERE = np.zeros((18, 2))
RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST, LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST = range(2, 8)


def masks(person, garment_type: str) -> tuple[np.ndarray, np.ndarray]:
    """(upstream's, ours) as bool."""
    sources = person.atr, person.keypoints, garment_type, person.size
    return dress_code_mask(*sources, exact=True) > 0, dress_code_mask(*sources) > 0


def share(mask: np.ndarray, labels: np.ndarray, *wanted: int) -> float:
    """How much of these labels is masked, in percent."""
    return 100 * float(mask[np.isin(labels, wanted)].mean())


def astray(mask: np.ndarray, labels: np.ndarray) -> int:
    """Masked pixels far from anybody."""
    distance = cv2.distanceTransform((labels == 0).astype(np.uint8), cv2.DIST_L2, 5)
    return int((mask & (distance > 70)).sum())


@pytest.mark.parametrize(
    ("drawn", "garment_type", "white"),
    [
        ({}, "upper_body", 44407),
        ({}, "lower_body", 30366),
        ({}, "dresses", 41924),
        ({"pose": "akimbo", "below": "SKIRT", "size": (192, 256)}, "upper_body", 12291),
        ({"pose": "up", "below": "DRESS", "size": (600, 800)}, "dresses", 226309),
    ],
)
def test_exact_masks_do_not_change(draw: Callable, drawn: dict, garment_type: str, white: int) -> None:
    """Numbers of a version that gave upstream's masks pixel for pixel."""
    upstream, _ = masks(draw(**drawn), garment_type)
    assert upstream.sum() == white


def test_both_wrists_missing_draw_no_arm_from_the_corner(draw: Callable) -> None:
    person = draw().hide(RIGHT_WRIST, LEFT_WRIST)
    upstream, ours = masks(person, "upper_body")
    assert astray(upstream, person.atr) > 1000
    assert astray(ours, person.atr) == 0
    assert share(ours, person.atr, Atr.UPPER_CLOTHES) == 100


@pytest.mark.parametrize("missing", [RIGHT_SHOULDER, RIGHT_ELBOW, LEFT_SHOULDER, LEFT_ELBOW])
def test_a_missing_elbow_or_shoulder_is_not_the_corner(draw: Callable, missing: int) -> None:
    person = draw(sleeves=0).hide(missing)
    upstream, ours = masks(person, "upper_body")
    assert astray(upstream, person.atr) > 1000
    assert astray(ours, person.atr) == 0
    arm = Atr.RIGHT_ARM if missing < LEFT_SHOULDER else Atr.LEFT_ARM
    assert share(ours, person.atr, arm) > 95


def test_one_missing_wrist_leaves_the_forearm_as_upstream_does(draw: Callable) -> None:
    person = draw().hide(RIGHT_WRIST)
    upstream, ours = masks(person, "upper_body")
    assert (upstream & ours).sum() / (upstream | ours).sum() > 0.94
    assert share(ours, person.atr, Atr.RIGHT_ARM) < 50


@pytest.mark.parametrize("garment_type", ["upper_body", "lower_body", "dresses"])
def test_nobody_gives_an_empty_mask(garment_type: str) -> None:
    """Upstream paints a block of 35 by 35 into the corner."""
    labels = np.zeros((512, 384), np.uint8)
    upstream = dress_code_mask(labels, NOWHERE, garment_type, exact=True)
    assert (upstream > 0).sum() == (0 if garment_type == "lower_body" else 35 * 35)
    assert not dress_code_mask(labels, NOWHERE, garment_type).any()


def test_shoulders_at_the_top_free_the_neck(draw: Callable) -> None:
    person = draw()
    up = 110  # the shoulders come to 12 pixels below the edge
    person.atr[:-up], person.atr[-up:] = person.atr[up:].copy(), 0
    person.keypoints[:] = np.where(person.keypoints[:, 1:] > up + 2, person.keypoints - (0, up), 0)
    upstream, ours = masks(person, "upper_body")
    assert share(upstream, person.atr, Atr.NECK) < 10
    assert share(ours, person.atr, Atr.NECK) == 100


@pytest.mark.parametrize("apart", [0, 12])
def test_shoulders_one_above_the_other_give_a_level_line(draw: Callable, apart: int) -> None:
    person = draw()
    person.keypoints[[RIGHT_SHOULDER, LEFT_SHOULDER]] = (192, 112), (192 + apart, 132)
    _, ours = masks(person, "upper_body")
    labels = np.zeros_like(person.atr)
    labels[60:200, 40:340] = Atr.NECK
    bare = np.zeros((18, 2))
    bare[:] = person.keypoints
    chin = dress_code_mask(labels, bare, "upper_body", person.size) > 0
    first = chin[:, 100:300].argmax(axis=0)
    assert np.ptp(first) == 0 and ours.any()


def test_one_shoulder_gives_a_level_line_and_none_gives_none(draw: Callable) -> None:
    person = draw()
    labels = np.where(np.isin(person.atr, (Atr.FACE, Atr.NECK)), person.atr, 0)

    def neck(*missing: int) -> float:
        keypoints = person.keypoints.copy()
        keypoints[list(missing)] = 0
        return share(dress_code_mask(labels, keypoints, "upper_body") > 0, labels, Atr.NECK)

    assert neck(RIGHT_SHOULDER) == neck(LEFT_SHOULDER) == pytest.approx(neck(), abs=5)
    assert neck(RIGHT_SHOULDER, LEFT_SHOULDER) == 0


def test_a_picture_and_its_enlargement_get_the_same_mask(draw: Callable) -> None:
    def alike(exact: bool) -> float:
        small, large = draw(size=(192, 256)), draw(size=(768, 1024))
        small, large = (
            dress_code_mask(one.atr, draw().keypoints, "upper_body", one.size, exact)
            for one in (small, large)
        )
        small = cv2.resize(small, (768, 1024), interpolation=cv2.INTER_NEAREST)
        return (small & large).sum() / (small | large).sum()

    assert alike(exact=True) < 0.9
    assert alike(exact=False) > 0.95


def test_margins_are_the_same_on_all_sides() -> None:
    labels = np.zeros((512, 384), np.uint8)
    labels[200:300, 150:250] = Atr.PANTS

    def reach(exact: bool) -> list[int]:
        rows, columns = np.nonzero(dress_code_mask(labels, NOWHERE, "lower_body", exact=exact))
        return [200 - rows.min(), 150 - columns.min(), rows.max() - 299, columns.max() - 249]

    assert reach(exact=True) == [20, 20, 25, 25]
    assert reach(exact=False) == [22, 22, 22, 22]


def test_shoes_under_bare_legs_stay(draw: Callable) -> None:
    """The margin of the shins closes around them, and upstream fills what is closed."""
    person = draw(below="DRESS", legs=0.5)
    person.atr[465:] = 0  # flat shoes, no wider than the margin
    upstream, ours = masks(person, "dresses")
    shoes = Atr.LEFT_SHOE, Atr.RIGHT_SHOE
    assert share(upstream, person.atr, *shoes) > 90
    assert share(ours, person.atr, *shoes) == 0


@pytest.mark.parametrize("garment_type", ["upper_body", "lower_body", "dresses"])
def test_labels_of_another_size_are_scaled(draw: Callable, garment_type: str) -> None:
    half, full = draw(size=(192, 256)), draw()
    scaled = dress_code_mask(half.atr, full.keypoints, garment_type)
    own = dress_code_mask(full.atr, full.keypoints, garment_type)
    assert scaled.shape == (512, 384)
    assert (scaled & own).sum() / (scaled | own).sum() > 0.95


def test_where_upstream_fails_exact_refuses(draw: Callable) -> None:
    half = draw(size=(192, 256))
    with pytest.raises(BadParameter) as caught:
        dress_code_mask(half.atr, half.keypoints, "upper_body", exact=True)
    assert (caught.value.field, caught.value.received) == ("size", [384, 512])
    assert dress_code_mask(half.atr, half.keypoints, "lower_body", exact=True).shape == (256, 192)


def test_an_unknown_garment_type_is_refused() -> None:
    with pytest.raises(UnknownGarmentType):
        dress_code_mask(np.zeros((64, 48), np.uint8), NOWHERE, "hats")
