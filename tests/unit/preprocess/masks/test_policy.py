"""Sleeves, hems and protected parts: the mask goes as far as the garment to come."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from leffa.errors import BadParameter
from leffa.preprocess.agnostic_mask import agnostic_mask
from leffa.preprocess.masks import MaskPolicy, apply_policy, dress_code_mask, hd_mask, parts_mask
from leffa.preprocess.masks.labels import FEET, FOREARMS, HANDS, SHINS, THIGHS, TORSO, UPPER_ARMS, Atr

PART = {"upper_body": "upper", "lower_body": "lower", "dresses": "overall"}
RULES = {
    "hd": lambda one, kind: hd_mask(one.atr, one.keypoints, kind, one.size),
    "dress_code": lambda one, kind: dress_code_mask(one.atr, one.keypoints, kind, one.size),
    "parts": lambda one, kind: parts_mask(one.parts, one.lip, one.atr, PART[kind]),
    "mini": lambda one, kind: agnostic_mask(one.atr, one.parts, kind),
}
SHOES = (Atr.LEFT_SHOE, Atr.RIGHT_SHOE)


@pytest.fixture(params=RULES)
def fit(request: pytest.FixtureRequest) -> Callable[..., np.ndarray]:
    """`fit(person, garment_type, sleeves=, length=, protect=)`: any rule's mask under a policy, as bool."""

    def fit(person, garment_type: str, **choices: object) -> np.ndarray:
        mask = RULES[request.param](person, garment_type)
        return apply_policy(mask, person.atr, person.parts, garment_type, MaskPolicy(**choices)) > 0

    return fit


def among(values: np.ndarray, *wanted: int) -> np.ndarray:
    return np.isin(values, wanted)


def share(mask: np.ndarray, where: np.ndarray) -> float:
    assert where.sum() > 100
    return 100 * float(mask[where].mean())


@pytest.mark.parametrize("garment_type", ["upper_body", "dresses"])
def test_sleeves_as_worn_leave_bare_arms(draw: Callable, fit: Callable, garment_type: str) -> None:
    person = draw(sleeves=0.6)
    before, after = fit(person, garment_type), fit(person, garment_type, sleeves="keep")
    arms, shirt = among(person.atr, Atr.LEFT_ARM, Atr.RIGHT_ARM), among(person.atr, Atr.UPPER_CLOTHES)
    assert share(before, arms) > 50
    assert share(after, arms) < 0.5
    assert share(after, shirt) == share(before, shirt)


@pytest.mark.parametrize("worn", [0, 0.6])
def test_short_sleeves_end_at_the_elbow(draw: Callable, fit: Callable, worn: float) -> None:
    person = draw(sleeves=worn)
    mask = fit(person, "upper_body", sleeves="short")
    assert share(mask, among(person.parts, *UPPER_ARMS)) > 99
    assert share(mask, among(person.parts, *FOREARMS, *HANDS)) < 0.5


def test_a_worn_long_sleeve_is_repainted_below_a_short_one(draw: Callable, fit: Callable) -> None:
    person = draw(sleeves=1.8)
    mask = fit(person, "upper_body", sleeves="short")
    sleeve = among(person.parts, *FOREARMS) & among(person.atr, Atr.UPPER_CLOTHES)
    assert share(mask, sleeve) > 90
    assert share(mask, among(person.parts, *HANDS)) == 0


@pytest.mark.parametrize("pose", ["down", "wide", "up"])
def test_long_sleeves_reach_the_wrist(draw: Callable, fit: Callable, pose: str) -> None:
    person = draw(pose, sleeves=0)
    mask = fit(person, "dresses", sleeves="long")
    assert share(mask, among(person.parts, *UPPER_ARMS, *FOREARMS)) > 99


def test_a_kept_arm_is_not_framed(draw: Callable, fit: Callable) -> None:
    """Nor is the background around it repainted."""
    person = draw("wide", sleeves=0)
    mask = fit(person, "upper_body", sleeves="keep")
    hands = among(person.parts, *FOREARMS, *HANDS)
    around = cv2.dilate(hands.astype(np.uint8), np.ones((21, 21), np.uint8)) > 0
    assert share(mask, around) < 0.5


@pytest.mark.parametrize("garment_type", ["lower_body", "dresses"])
def test_a_ragged_part_map_leaves_no_streaks(draw: Callable, garment_type: str) -> None:
    """Parsers lose the edge of a limb here and there: labels say leg where DensePose says nothing."""
    person = draw("down", below="SKIRT", legs=0.8)
    rows = np.arange(person.parts.shape[0])[:, None] % 8 < 4
    edge = among(person.parts, *SHINS) & (
        cv2.erode(np.uint8(among(person.parts, *SHINS)), np.ones((5, 5))) == 0
    )
    person.parts[edge & rows] = 0
    mask = agnostic_mask(person.atr, person.parts, garment_type)
    short = apply_policy(mask, person.atr, person.parts, garment_type, MaskPolicy(length="short"))
    assert cv2.connectedComponents(short.astype(np.uint8))[0] == 2  # the background and one mask


def test_a_top_as_long_as_the_worn_one_ends_at_its_hem(draw: Callable, fit: Callable) -> None:
    person = draw()
    mask = fit(person, "upper_body", length="keep")
    assert share(mask, among(person.atr, Atr.PANTS)) < 1
    assert share(mask, among(person.atr, Atr.UPPER_CLOTHES)) > 99


def test_a_short_top_covers_the_trunk_to_the_hip(draw: Callable, fit: Callable) -> None:
    person = draw()
    trunk = among(person.parts, *TORSO) & (np.arange(512)[:, None] > 215) & (person.atr == 4)
    person.atr[trunk] = Atr.PANTS  # trousers up to the waist
    mask = fit(person, "upper_body", length="short")
    assert share(mask, trunk) > 99
    assert share(mask, among(person.parts, *SHINS)) == 0
    assert share(mask, among(person.parts, *THIGHS)) < 5


def test_a_long_top_covers_the_hips_to_mid_thigh(draw: Callable, fit: Callable) -> None:
    person = draw()
    mask = fit(person, "upper_body", length="long")
    thighs, rows = among(person.parts, *THIGHS), np.arange(512)[:, None]
    assert share(mask, thighs & (rows < 330)) > 99
    assert share(mask, among(person.parts, *SHINS) & (rows > 380)) == 0


@pytest.mark.parametrize("garment_type", ["lower_body", "dresses"])
@pytest.mark.parametrize("worn", ["PANTS", "SKIRT"])
def test_hems_at_knee_and_ankle(draw: Callable, fit: Callable, worn: str, garment_type: str) -> None:
    person = draw(below=worn, legs=0.5)
    thighs = among(person.parts, *THIGHS) & (person.parts > 0)
    shins = among(person.parts, *SHINS)
    kept, short, long = (fit(person, garment_type, length=name) for name in ("keep", "short", "long"))
    bare = among(person.atr, Atr.LEFT_LEG, Atr.RIGHT_LEG)
    assert share(kept, bare) < 1
    assert share(short, thighs) > 95 and share(short, shins) < 0.5
    assert share(long, thighs | shins) > 97
    assert share(short | long, among(person.atr, *SHOES)) < 15


def test_a_long_skirt_closes_the_gap_between_the_legs(draw: Callable) -> None:
    person = draw(below="PANTS", legs=0.3)
    for values in (person.atr, person.parts):
        values[275:] = np.hstack([values[275:, 40:192], np.zeros((237, 80), np.uint8), values[275:, 192:-40]])
    nothing = np.zeros(person.atr.shape, bool)
    policy = MaskPolicy(length="long")
    assert apply_policy(nothing, person.atr, person.parts, "lower_body", policy)[400:440, 192].all()


def test_what_is_added_has_a_margin_for_loose_cloth(draw: Callable) -> None:
    person = draw("wide", sleeves=0)
    nothing = np.zeros(person.atr.shape, bool)
    mask = apply_policy(nothing, person.atr, person.parts, "upper_body", MaskPolicy(sleeves="long"))
    arms = among(person.parts, *UPPER_ARMS, *FOREARMS)
    around = cv2.dilate(arms.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert share(mask, around & (person.atr == 0)) > 95
    assert not mask[among(person.parts, *HANDS, *SHINS)].any()


def test_a_new_dress_covers_the_trunk_whatever_is_worn(draw: Callable, fit: Callable) -> None:
    person = draw(below="PANTS")
    shirt = among(person.parts, *TORSO) & among(person.atr, Atr.UPPER_CLOTHES)
    assert share(fit(person, "dresses", length="short"), shirt) > 99


def test_sleeves_are_nothing_to_trousers(draw: Callable, fit: Callable) -> None:
    person = draw()
    assert (fit(person, "lower_body", sleeves="long") == fit(person, "lower_body")).all()


@pytest.mark.parametrize(
    ("name", "region"),
    [
        ("hands", lambda one: among(one.parts, *HANDS)),
        ("face", lambda one: among(one.atr, Atr.FACE)),
        ("hair", lambda one: among(one.atr, Atr.HAIR)),
        ("accessories", lambda one: among(one.atr, Atr.BAG, Atr.SCARF)),
        ("shoes", lambda one: among(one.atr, *SHOES) | among(one.parts, *FEET)),
    ],
)
def test_what_is_protected_stays(draw: Callable, name: str, region: Callable) -> None:
    person = draw("crossed")
    person.atr[200:250, 150:180], person.atr[112:130, 180:200] = Atr.BAG, Atr.SCARF
    everything = np.full(person.atr.shape, 255, np.uint8)
    plain, long = (
        apply_policy(everything, person.atr, person.parts, "upper_body", policy) > 0
        for policy in (MaskPolicy(protect=(name,)), MaskPolicy("long", "long", (name,)))
    )
    assert (plain == ~region(person)).all()
    assert share(long, region(person)) == 0


def test_bare_chest_is_no_face(draw: Callable) -> None:
    """ATR calls it so; the new garment may have another neckline."""
    person = draw()
    chest = np.zeros(person.atr.shape, bool)
    chest[114:140, 180:204] = True
    person.atr[chest] = Atr.FACE
    everything = np.ones(person.atr.shape, bool)
    mask = apply_policy(everything, person.atr, person.parts, "upper_body", MaskPolicy(protect=("face",)))
    assert mask.dtype == np.bool_ and mask[chest].all()


def test_without_body_parts_only_keep_has_an_effect(draw: Callable) -> None:
    person = draw()
    person.parts[:] = 0
    before = RULES["hd"](person, "dresses")

    def after(choice: str) -> np.ndarray:
        return apply_policy(before, person.atr, person.parts, "dresses", MaskPolicy(choice, "auto"))

    assert (after("long") == before).all()
    assert not after("keep")[among(person.atr, Atr.LEFT_ARM, Atr.RIGHT_ARM)].any()


def test_grey_edges_are_left_or_cut(draw: Callable) -> None:
    person = draw()
    grey = np.tile(np.arange(384) * 255 // 383, (512, 1)).astype(np.uint8)

    def fitted(policy: MaskPolicy) -> np.ndarray:
        return apply_policy(grey, person.atr, person.parts, "upper_body", policy)

    assert (fitted(MaskPolicy()) == grey).all()
    hair = person.atr == Atr.HAIR
    assert (fitted(MaskPolicy(protect=("hair",))) == 255 * ((grey > 127) & ~hair)).all()


@pytest.mark.parametrize(
    ("typed", "field", "received"),
    [
        ({"sleeves": "none"}, "sleeves", "none"),
        ({"length": "midi"}, "length", "midi"),
        ({"protect": "hands, ears"}, "protect", "ears"),
    ],
)
def test_a_wrong_choice_is_refused(typed: dict[str, str], field: str, received: str) -> None:
    with pytest.raises(BadParameter) as caught:
        MaskPolicy.parse(**typed)
    assert (caught.value.field, caught.value.received) == (field, received)
    assert caught.value.allowed


def test_a_policy_is_read_as_it_is_typed() -> None:
    assert MaskPolicy.parse() == MaskPolicy()
    assert MaskPolicy.parse(" Short", "KEEP", "hands, Face,") == MaskPolicy(
        "short", "keep", ("hands", "face")
    )
