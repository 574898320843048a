"""Whatever labels, points and sizes come: a mask of the right size, of black and white."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from leffa.preprocess.masks import (
    PROTECTABLE,
    REACHES,
    MaskPolicy,
    apply_policy,
    dress_code_mask,
    hd_mask,
    parts_mask,
)
from leffa.preprocess.masks.labels import FEET, HANDS, TORSO, Atr

TYPES = st.sampled_from(["upper_body", "lower_body", "dresses"])
KINDS = st.sampled_from(["upper", "lower", "overall", "inner", "outer"])
SIZES = st.tuples(st.integers(32, 300), st.integers(32, 300))
POLICIES = st.builds(
    MaskPolicy,
    st.sampled_from(REACHES),
    st.sampled_from(REACHES),
    st.lists(st.sampled_from(PROTECTABLE), unique=True).map(tuple),
)
PROTECTED = {
    "hands": lambda labels, parts: np.isin(parts, HANDS),
    "face": lambda labels, parts: (labels == Atr.FACE) & ~np.isin(parts, TORSO),
    "hair": lambda labels, parts: labels == Atr.HAIR,
    "accessories": lambda labels, parts: np.isin(labels, (Atr.HAT, Atr.SUNGLASSES, Atr.BAG, Atr.SCARF)),
    "shoes": lambda labels, parts: np.isin(labels, (Atr.LEFT_SHOE, Atr.RIGHT_SHOE)) | np.isin(parts, FEET),
}
coordinate = st.one_of(st.just(0.0), st.floats(-80, 600), st.floats(allow_nan=True, allow_infinity=True))
KEYPOINTS = arrays(np.float64, (18, 2), elements=coordinate)


def patches(highest: int) -> st.SearchStrategy[np.ndarray]:
    """Few numbers, which `enlarged` makes into patches."""
    return arrays(np.uint8, (10, 8), elements=st.integers(0, highest))


def enlarged(coarse: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    rows = np.arange(size[1]) * coarse.shape[0] // size[1]
    columns = np.arange(size[0]) * coarse.shape[1] // size[0]
    return coarse[rows[:, None], columns]


def check(mask: np.ndarray, size: tuple[int, int]) -> None:
    assert mask.shape == size[::-1] and mask.dtype == np.uint8
    assert np.isin(mask, (0, 255)).all()


@settings(max_examples=80, deadline=None)
@given(patches(18), KEYPOINTS, TYPES, SIZES, SIZES, st.booleans())
def test_rules_of_keypoints_always_answer(
    coarse: np.ndarray,
    keypoints: np.ndarray,
    garment_type: str,
    parse_size: tuple[int, int],
    size: tuple[int, int],
    exact: bool,
) -> None:
    parse = enlarged(coarse, parse_size)
    check(hd_mask(parse, keypoints, garment_type, size, exact), size)
    check(dress_code_mask(parse, keypoints, garment_type, size), size)
    check(dress_code_mask(parse, keypoints, garment_type, parse_size, exact), parse_size)


@settings(max_examples=80, deadline=None)
@given(patches(24), patches(19), patches(17), KINDS, SIZES)
def test_the_rule_of_parts_always_answers(
    parts: np.ndarray, lip: np.ndarray, atr: np.ndarray, kind: str, size: tuple[int, int]
) -> None:
    check(parts_mask(*(enlarged(coarse, size) for coarse in (parts, lip, atr)), kind), size)


@settings(max_examples=80, deadline=None)
@given(patches(1), patches(18), patches(24), TYPES, POLICIES, SIZES)
def test_every_policy_answers_and_protects(
    masked: np.ndarray,
    labels: np.ndarray,
    parts: np.ndarray,
    garment_type: str,
    policy: MaskPolicy,
    size: tuple[int, int],
) -> None:
    masked, labels, parts = (enlarged(coarse, size) for coarse in (masked, labels, parts))
    fitted = apply_policy(masked * np.uint8(255), labels, parts, garment_type, policy)
    check(fitted, size)
    for name in policy.protect:
        assert not fitted[PROTECTED[name](labels, parts)].any()
    if policy == MaskPolicy():
        assert (fitted > 0).tolist() == (masked > 0).tolist()
