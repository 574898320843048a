"""Which pixels a try-on may repaint, read from clothing labels and body parts.

The mask is category-wide: it is where *any* garment of the category could lie on this body, not only
where the old one lies. It depends on the old garment as little as possible, so its outline does not tell
the model what was worn before.

| garment type | repainted | reach beyond the body |
|---|---|---|
| `upper_body` | torso, arms to the wrist, the hip band | a margin; the hip band goes down to mid-thigh |
| `lower_body` | legs to the ankle and the space between them, the waist band | a wider margin: skirts flare |
| `dresses`    | both of the above | the wider margin below the waist |

Always kept: hair, hat, sunglasses, face, bag, shoes, hands and feet. A scarf gives way to a top, as in
upstream's mask for VITON-HD: what is printed on a chest is easily taken for one. The clothes of the other
half of the body are kept outside the hip or waist band. All lengths are fractions of one body length taken
from the labels themselves, so a picture and its enlargement get the same mask.
"""

from collections.abc import Iterable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from leffa.errors import UnknownGarmentType

Labels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

# ATR-18 labels
UPPER_CLOTHES, SKIRT, PANTS, DRESS, BELT, FACE = 4, 5, 6, 7, 8, 11
KEPT_LABELS: Final = (1, 2, 3, 9, 10, 16)  # hat, hair, sunglasses, shoes, bag
BARE_ARMS: Final = (14, 15)
CLOTHING_LABELS: Final = {
    "upper_body": (UPPER_CLOTHES, DRESS),
    "lower_body": (SKIRT, PANTS, BELT, DRESS),
    "dresses": (UPPER_CLOTHES, SKIRT, PANTS, DRESS, BELT),
}

# DensePose parts
TORSO: Final = (1, 2)
HANDS_AND_FEET: Final = (3, 4, 5, 6)
UPPER_LEGS: Final = (7, 8, 9, 10)
LEGS: Final = (7, 8, 9, 10, 11, 12, 13, 14)
ARMS: Final = (15, 16, 17, 18, 19, 20, 21, 22)

# Lengths in body units (the square root of the visible torso's area, about 50 cm on an adult).
MARGIN: Final = 0.14  # loose fabric, and enough to blur the old outline
FLARE: Final = 0.30  # skirts stand off the legs
HIP_REACH: Final = 0.75  # a long top hangs to mid-thigh
WAIST_REACH: Final = 0.45  # a high waistband starts above the navel
GAP: Final = 0.20  # the slit between arm and trunk is closed, or it would trace the old sleeve


def agnostic_mask(labels: Labels, parts: Labels, garment_type: str) -> Mask:
    """Return where `garment_type` may be repainted: bool [H, W].

    `labels` are ATR-18, `parts` DensePose 0..24, both uint8 [H, W]. The mask is empty when the picture
    shows nothing that such a garment could cover. Raises UnknownGarmentType for an unknown garment type.
    """
    clothing = clothing_mask(labels, garment_type)
    unit = body_unit(parts)
    if unit == 0 and not clothing.any():
        return clothing
    unit = unit or float(np.sqrt(clothing.sum()))
    if garment_type == "upper_body":
        zone = _upper_zone(labels, parts, unit)
    elif garment_type == "lower_body":
        zone = _lower_zone(labels, parts, unit)
    else:
        zone = _upper_zone(labels, parts, unit) | _lower_zone(labels, parts, unit)
    if not zone.any() and not clothing.any():
        return clothing
    if garment_type != "dresses":
        # Of a dress one half gives way; parsers also take a top and a skirt of one colour for a dress.
        upper = grow(_among(parts, (*TORSO, *ARMS)), MARGIN * unit)
        clothing &= (labels != DRESS) | (zone if garment_type == "upper_body" else ~upper)
    zone |= grow(clothing, MARGIN * unit)
    return zone & ~_kept(labels, parts, garment_type, unit)


def clothing_mask(labels: Labels, garment_type: str) -> Mask:
    """Return the pixels of the worn garments that a new `garment_type` replaces: bool [H, W].

    A dress gives way to a top and to trousers (within the mask); a new dress replaces whatever is worn.
    Raises UnknownGarmentType for an unknown garment type.
    """
    if garment_type not in CLOTHING_LABELS:
        raise UnknownGarmentType(
            f"There is no garment type {garment_type!r}.",
            field="garment_type",
            allowed=list(CLOTHING_LABELS),
            received=garment_type,
        )
    return _among(labels, CLOTHING_LABELS[garment_type])


def body_unit(parts: Labels) -> float:
    """Return the body length, in pixels, that the rules' distances are fractions of; 0 without a body."""
    torso, legs = _among(parts, TORSO).sum(), _among(parts, LEGS).sum()
    # Legs cover about 1.3 times the torso's area. The larger estimate wins: cut-off parts only shrink.
    return float(np.sqrt(max(torso, legs / 1.3)))


def grow(mask: Mask, radius: float) -> Mask:
    """Return `mask` widened by `radius` pixels in all directions, at a cost independent of the radius."""
    if not mask.any():
        return mask.copy()
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.asarray(distance <= radius)


def shrink(mask: Mask, radius: float) -> Mask:
    """Return `mask` narrowed by `radius` pixels; the picture's border does not count as an edge."""
    return ~grow(~mask, radius)


def _upper_zone(labels: Labels, parts: Labels, unit: float) -> Mask:
    torso, arms = _among(parts, TORSO), _among(parts, ARMS)
    trunk = grow(torso | arms | (labels == UPPER_CLOTHES), MARGIN * unit)
    closed = shrink(grow(trunk, GAP * unit), GAP * unit)
    lower = _among(parts, LEGS) | _among(labels, (SKIRT, PANTS, DRESS))
    hip_band = grow(torso, HIP_REACH * unit) & grow(lower, MARGIN * unit)
    return closed | hip_band if torso.any() or arms.any() else closed


def _lower_zone(labels: Labels, parts: Labels, unit: float) -> Mask:
    legs = _among(parts, LEGS)
    body = legs | _among(labels, (SKIRT, PANTS))
    if not body.any():
        return body
    waist_band = grow(_among(parts, TORSO), MARGIN * unit) & grow(body, WAIST_REACH * unit)
    return grow(_hull(body), FLARE * unit) | waist_band


def _hull(mask: Mask) -> Mask:
    """Fill the space between the legs, as a skirt does."""
    points = cv2.findNonZero(mask.astype(np.uint8))
    filled = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(filled, cv2.convexHull(points), 1)
    return filled.astype(bool)


def _kept(labels: Labels, parts: Labels, garment_type: str, unit: float) -> Mask:
    # "Face" includes the neck; where the neckline of a new top may fall the part is already torso.
    face = (labels == FACE) & ~_among(parts, TORSO)
    kept = face | _among(labels, KEPT_LABELS) | _among(parts, HANDS_AND_FEET)
    if garment_type == "upper_body":
        lower = _among(labels, (SKIRT, PANTS, BELT))
        reach = grow(_among(parts, TORSO) | (labels == UPPER_CLOTHES), HIP_REACH * unit)
        kept |= lower & ~reach
    elif garment_type == "lower_body":
        band = grow(_among(parts, LEGS) | _among(labels, (SKIRT, PANTS)), WAIST_REACH * unit)
        kept |= (labels == UPPER_CLOTHES) & ~band
        kept |= _among(parts, ARMS) | _among(labels, BARE_ARMS)
    return kept


def _among(values: Labels, wanted: Iterable[int]) -> Mask:
    table = np.zeros(256, bool)
    table[list(wanted)] = True
    return table[values]
