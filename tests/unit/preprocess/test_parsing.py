"""Two label maps become one: small holes in shirts close, a neck appears, all else stays."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leffa.errors import UnsupportedWeights
from leffa.preprocess.label_merge import merge
from leffa.preprocess.parsing import HumanParser, ParsedPerson
from leffa.preprocess.schp import AugmentCE2P
from leffa.preprocess.schp_parser import ATR, LIP, SchpParser

HEIGHT, WIDTH = 512, 384
SHIRT, FACE, ARM, SCARF, NECK = 4, 11, 14, 17, 18
Box = tuple[int, int, int, int]


def map_of(*boxes: tuple[int, Box], size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """Labels in boxes of left, top, right, bottom, later ones on top."""
    labels = np.zeros(size, np.uint8)
    for label, (left, top, right, bottom) in boxes:
        labels[top:bottom, left:right] = label
    return labels


def nothing(atr: np.ndarray) -> np.ndarray:
    return np.zeros_like(atr)


@st.composite
def drawn_maps(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    atr = np.zeros((HEIGHT, WIDTH), np.uint8)
    for _ in range(draw(st.integers(0, 25))):
        label = int(rng.choice([0, SHIRT, SHIRT, ARM, 15, FACE, 5]))
        centre, axes = (int(rng.integers(WIDTH)), int(rng.integers(HEIGHT))), rng.integers(1, 120, 2).tolist()
        cv2.ellipse(atr, centre, axes, 0, 0, 360, label, int(rng.choice([-1, 8])))
    return atr, rng.integers(0, 20, atr.shape).astype(np.uint8)


def test_what_is_enclosed_by_shirt_and_arm_becomes_shirt() -> None:
    akimbo = map_of((SHIRT, (100, 100, 200, 300)), (ARM, (200, 150, 250, 200)), (0, (200, 160, 240, 190)))
    merged = merge(akimbo, nothing(akimbo))
    assert (merged[160:190, 200:240] == SHIRT).all()
    assert (merged[akimbo == ARM] == ARM).all()


@pytest.mark.parametrize("inside", [0, SCARF])
@pytest.mark.parametrize(("side", "closed"), [(40, True), (44, True), (47, False), (80, False)])
def test_only_small_holes_close(inside: int, side: int, closed: bool) -> None:
    labels = map_of((SHIRT, (50, 50, 300, 300)), (inside, (100, 100, 100 + side, 100 + side)))
    merged = merge(labels, nothing(labels))
    assert (merged[102 : 98 + side, 102 : 98 + side] == (SHIRT if closed else inside)).all()


def test_the_largest_hole_grows_with_the_photo() -> None:
    large = map_of((SHIRT, (100, 100, 600, 600)), (0, (200, 200, 280, 280)), size=(2 * HEIGHT, 2 * WIDTH))
    assert (merge(large, nothing(large))[200:280, 200:280] == SHIRT).all()
    assert (merge(large, nothing(large), exact=True)[202:278, 202:278] == 0).all()


def test_an_open_bay_stays_open() -> None:
    labels = map_of((SHIRT, (50, 50, 300, 300)), (0, (290, 100, 384, 110)))
    assert (merge(labels, nothing(labels)) == labels).all()


def test_a_bay_at_the_rim_of_the_picture_stays_open() -> None:
    labels = map_of((SHIRT, (0, 0, WIDTH, 100)), (0, (0, 40, 10, 50)))
    assert (merge(labels, nothing(labels)) == labels).all()


def test_a_face_that_lip_does_not_see_is_neck() -> None:
    atr = map_of((FACE, (100, 20, 160, 120)))
    lip = map_of((13, (100, 20, 160, 80)), (2, (100, 60, 110, 80)))
    parsed = ParsedPerson.of(atr, lip)
    assert (parsed.parse[80:120, 100:160] == NECK).all()
    assert (parsed.parse[60:80, 100:110] == NECK).all()
    assert (parsed.face_mask == ((atr == FACE) & (lip == 13))).all()


def test_an_arm_at_a_large_hole_stays_an_arm_unless_upstream_is_wanted() -> None:
    labels = map_of(
        (SHIRT, (50, 50, 300, 300)), (ARM, (90, 90, 100, 200)), (0, (100, 100, 200, 200))
    )  # fmt: skip
    arm = labels == ARM
    assert (merge(labels, nothing(labels))[arm] == ARM).all()
    exact = merge(labels, nothing(labels), exact=True)
    assert set(np.unique(exact[arm])) == {SHIRT, ARM}
    assert (exact[100:200, 100:200] == 0).all()


@settings(max_examples=30, deadline=None)
@given(drawn_maps())
def test_merging_only_makes_shirt_and_neck_and_spares_arms(maps: tuple[np.ndarray, np.ndarray]) -> None:
    atr, lip = maps
    merged, exact = merge(atr, lip), merge(atr, lip, exact=True)
    assert np.isin(merged[merged != atr], [SHIRT, NECK]).all()
    assert (merged == NECK).sum() <= (atr == FACE).sum()
    arms = np.isin(atr, [ARM, 15])
    assert (merged[arms] == atr[arms]).all()
    assert (exact == merged)[~arms].all() and np.isin(exact[exact != merged], SHIRT).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (33, 21)])
def test_maps_of_any_size_merge(size: tuple[int, int]) -> None:
    labels = np.full(size, SHIRT, np.uint8)
    assert (merge(labels, labels) == labels).all()


def scoring(label_of: Callable[[int, int], int], count: int) -> Callable[[np.ndarray], np.ndarray]:
    """A network that is sure of one label in each quarter of what it sees."""

    def run(pixels: np.ndarray) -> np.ndarray:
        scores = np.zeros((1, count, 2, 2), np.float32)
        for y, x in np.ndindex(2, 2):
            scores[0, label_of(y, x), y, x] = 9
        return scores

    return run


def test_a_photo_gives_all_maps_at_its_size() -> None:
    atr = SchpParser(scoring(lambda y, x: SHIRT if y else FACE, 18), ATR)
    lip = SchpParser(scoring(lambda y, x: 5 if y else (13, 2)[x], 20), LIP)
    parsed = HumanParser(atr, lip).parse(np.zeros((101, 77, 3), np.uint8))
    assert {map_.shape for map_ in (parsed.parse, parsed.atr, parsed.lip, parsed.face_mask)} == {(101, 77)}
    assert [parsed.parse[20, 15], parsed.parse[20, 60], parsed.parse[80, 15]] == [FACE, NECK, SHIRT]


def test_weights_the_wrong_way_round_are_refused() -> None:
    with torch.device("meta"):
        atr, lip = AugmentCE2P(18).state_dict(), AugmentCE2P(20).state_dict()
    atr, lip = ({name: torch.ones(1).expand(of.shape) for name, of in state.items()} for state in (atr, lip))
    assert HumanParser.from_schp(atr, lip).lip.label_set == LIP
    with pytest.raises(UnsupportedWeights, match="ATR labels hold LIP's"):
        HumanParser.from_schp(lip, atr)
