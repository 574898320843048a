"""The mask follows the garment to come: how far it goes down arms and legs, and what it never touches.

A rule knows what is worn, not what will be. Short sleeves over a worn long-sleeved shirt still need the
whole sleeve repainted, but a bare forearm then needs no change. Whatever is chosen, worn clothes that the
rule repaints stay in the mask, or they would show below the new garment.

| choice | `sleeves` | `length` of `upper_body` | `length` of `lower_body`, `dresses` |
|---|---|---|---|
| `auto`  | as the rule has it | as the rule has it | as the rule has it |
| `keep`  | bare arms stay as they are | nothing below the worn hem | bare legs stay as they are |
| `short` | to the elbow | to the hip | to the knee |
| `long`  | to the wrist | to mid-thigh | to the ankle |

Widening needs DensePose parts; without them only `keep` has an effect. `sleeves` do nothing for `lower_body`.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar, cast

import cv2
import numpy as np

from leffa.errors import BadParameter
from leffa.preprocess.agnostic_mask import HIP_REACH, MARGIN, body_unit, clothing_mask, grow, shrink
from leffa.preprocess.masks.labels import (
    BARE_ARMS,
    BARE_LEGS,
    FEET,
    FOREARMS,
    HANDS,
    SHINS,
    SHOES,
    THIGHS,
    TORSO,
    UPPER_ARMS,
    Atr,
)
from leffa.preprocess.masks.morphology import Labels, Mask, among, as_picture

REACHES: Final = ("auto", "keep", "short", "long")
ACCESSORIES: Final = (Atr.HAT, Atr.SUNGLASSES, Atr.BAG, Atr.SCARF)
SLIVER: Final = 0.08  # in body units, about 4 cm
PROTECTABLE: Final = ("hands", "face", "hair", "accessories", "shoes")

AnyMask = TypeVar("AnyMask", Mask, Labels)


@dataclass(frozen=True)
class MaskPolicy:
    """How a rule's mask is fitted to the garment; the default leaves it as it is.

    ``sleeves``, ``length``: one of REACHES. ``protect``: names of PROTECTABLE, taken out of the mask whatever
    the rule or the other choices say. Raises BadParameter for any other value.
    """

    sleeves: str = "auto"
    length: str = "auto"
    protect: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _among_allowed("sleeves", self.sleeves, REACHES)
        _among_allowed("length", self.length, REACHES)
        for name in self.protect:
            _among_allowed("protect", name, PROTECTABLE)

    @classmethod
    def parse(cls, sleeves: str = "auto", length: str = "auto", protect: str = "") -> "MaskPolicy":
        """Read a policy as it is typed, `protect` with commas: "hands, face". Raises BadParameter."""
        names = [name.strip().lower() for name in protect.split(",")]
        return cls(sleeves.strip().lower(), length.strip().lower(), tuple(filter(None, names)))


class Reach(NamedTuple):
    """What a choice says of the body: where the garment goes, and what must stay as it is."""

    wanted: Mask
    kept: Mask


def apply_policy(
    mask: AnyMask, labels: Labels, parts: Labels, garment_type: str, policy: MaskPolicy
) -> AnyMask:
    """Return `mask` as the policy wants it, of the same dtype: bool or uint8 0/255, [H, W].

    `labels` are ATR (18 for the neck is understood), `parts` DensePose, both uint8 of the mask's size. The
    default policy leaves the grey edges of an enlarged mask; any other cuts them at the middle.
    Raises UnknownGarmentType.
    """
    worn = clothing_mask(labels, garment_type)
    if policy == MaskPolicy():
        return mask.copy()
    fitted: Mask = mask > (0 if mask.dtype == np.bool_ else 127)
    reaches = _reaches(labels, parts, garment_type, policy)
    if reaches:
        both = Reach(*(np.logical_or.reduce(masks) for masks in zip(*reaches, strict=True)))
        fitted = _fitted(fitted, both, labels, parts, worn)
    for name in policy.protect:
        fitted = fitted & ~protected(name, labels, parts)
    return cast(AnyMask, fitted if mask.dtype == np.bool_ else as_picture(fitted))


def _among_allowed(field: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise BadParameter(
            f"{field} cannot be {value!r}.", field=field, allowed=list(allowed), received=value
        )


def _reaches(labels: Labels, parts: Labels, garment_type: str, policy: MaskPolicy) -> list[Reach]:
    reaches = []
    if policy.sleeves != "auto" and garment_type != "lower_body":
        reaches.append(_sleeves(labels, parts, policy.sleeves))
    if policy.length != "auto":
        hem = _hem_of_top if garment_type == "upper_body" else _hem_of_legwear
        reaches.append(hem(labels, parts, policy.length))
    if policy.length in ("short", "long") and garment_type == "dresses":
        reaches.append(Reach(_trunk(labels, parts), np.zeros_like(labels, bool)))
    return reaches


def _sleeves(labels: Labels, parts: Labels, choice: str) -> Reach:
    upper, lower, hands = (among(parts, numbers) for numbers in (UPPER_ARMS, FOREARMS, HANDS))
    if choice == "keep":
        return Reach(np.zeros_like(upper), upper | lower | hands | among(labels, BARE_ARMS))
    if choice == "short":
        return Reach(upper, lower | hands)
    return Reach(upper | lower, np.zeros_like(upper))


def _hem_of_top(labels: Labels, parts: Labels, choice: str) -> Reach:
    clothes = (Atr.SKIRT, Atr.PANTS, Atr.BELT, *BARE_LEGS, *SHOES)
    below = among(labels, clothes) | among(parts, (*THIGHS, *SHINS, *FEET))
    if choice == "keep":
        return Reach(np.zeros_like(below), below)
    wanted = _trunk(labels, parts)
    if choice == "long":
        wanted |= below & grow(among(parts, TORSO), HIP_REACH * body_unit(parts))
    return Reach(wanted, below)


def _trunk(labels: Labels, parts: Labels) -> Mask:
    """The torso without a bare chest: how deep the neckline is the rule knows best."""
    return among(parts, TORSO) & ~among(labels, (Atr.FACE, Atr.NECK))


def _hem_of_legwear(labels: Labels, parts: Labels, choice: str) -> Reach:
    thighs, shins = among(parts, THIGHS), among(parts, SHINS)
    feet = among(parts, FEET) | among(labels, SHOES)
    if choice == "keep":
        return Reach(np.zeros_like(thighs), thighs | shins | feet | among(labels, BARE_LEGS))
    legs = thighs if choice == "short" else thighs | shins
    between = _hull(legs) & ~_person(labels, parts)  # where a skirt closes the gap
    return Reach(legs | between, shins | feet)


def _fitted(mask: Mask, reach: Reach, labels: Labels, parts: Labels, worn: Mask) -> Mask:
    """Add what is wanted and a margin over background and worn clothes; take away what is kept.

    What is neither goes with the nearer of them, or a kept arm would stand in a frame of new background.
    """
    person, spared = _person(labels, parts), _spared(labels, parts)
    wanted = reach.wanted & ~spared
    unit = body_unit(parts)
    kept = reach.kept & ~wanted & ~worn
    solid, other = (_without_slivers(part, SLIVER * unit) for part in (kept, person & ~kept))
    wider = grow(wanted, MARGIN * unit) & (worn | ~person) & ~spared
    return (mask | wider) & ~_nearer(solid, other) | wanted


def _without_slivers(mask: Mask, width: float) -> Mask:
    """Drop what is narrower than `width`: skin that looks out beside a garment because two maps disagree."""
    return mask & grow(shrink(mask, width / 2), width)


def _person(labels: Labels, parts: Labels) -> Mask:
    return (labels > 0) | (parts > 0)


def _spared(labels: Labels, parts: Labels) -> Mask:
    """What no garment is ever drawn over that the rule left alone."""
    return among(labels, (*ACCESSORIES, *SHOES, Atr.HAIR, Atr.FACE)) | among(parts, (*HANDS, *FEET))


def _nearer(first: Mask, second: Mask) -> Mask:
    """Where the first is nearer than the second; nowhere without a first, everywhere without a second."""
    return _distance(first) < _distance(second)


def _distance(mask: Mask) -> np.ndarray:
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def _hull(mask: Mask) -> Mask:
    """The convex hull, empty for an empty mask: a skirt closes the gap between the legs."""
    filled = np.zeros(mask.shape, np.uint8)
    if mask.any():
        points = cv2.findNonZero(mask.astype(np.uint8))
        cv2.fillConvexPoly(filled, cv2.convexHull(points), 1)
    return filled.astype(bool)


def protected(name: str, labels: Labels, parts: Labels) -> Mask:
    """Return what `protect` of one of PROTECTABLE spares: bool [H, W]."""
    if name == "hands":
        return among(parts, HANDS)
    if name == "face":
        return (labels == Atr.FACE) & ~among(parts, TORSO)  # ATR's face goes down to the neckline
    if name == "shoes":
        return among(labels, SHOES) | among(parts, FEET)
    return among(labels, ACCESSORIES if name == "accessories" else (Atr.HAIR,))
