"""The parsing and DensePose rule: body parts and two parsers' labels together, five kinds of garment.

This is the rule of upstream's batch scripts. Its distances follow the picture's longer side. `weak`
protection gives way to the final blur, `firm` does not, and clothes to repaint beat the weak one.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import cv2
import numpy as np

from leffa.errors import BadParameter
from leffa.preprocess.masks.labels import (
    FEET,
    FOREARMS,
    HANDS,
    SHINS,
    THIGHS,
    TORSO,
    UPPER_ARMS,
    Atr,
    Lip,
)
from leffa.preprocess.masks.morphology import Labels, Mask, among, as_picture

ARMS: Final = ("LEFT_ARM", "RIGHT_ARM")
LEGS: Final = ("LEFT_LEG", "RIGHT_LEG")
CLOTHES_BELOW: Final = ("SKIRT", "PANTS")
KEPT_BY_ALL: Final = (
    *("HAIR", "HAT", "GLOVE", "SUNGLASSES", "BAG", "LEFT_SHOE", "RIGHT_SHOE", "SCARF", "SOCKS"),
)
GRID: Final = 4  # body parts are widened on every fourth pixel
FAINTEST: Final = 25  # of 255, what the final blur still counts


@dataclass(frozen=True)
class Part:
    """What to repaint and what to spare, by label names; a name that a label set lacks is passed over.

    ``clothes``: repainted in any case; ``body``: DensePose parts to repaint with all around them;
    ``kept``: spared in both label maps, ``kept_by_lip``: in LIP's only.
    """

    clothes: tuple[str, ...]
    body: tuple[int, ...]
    kept: tuple[str, ...]
    kept_by_lip: tuple[str, ...] = ()


PARTS: Final = {
    "upper": Part(
        ("UPPER_CLOTHES", "COAT", "DRESS", "JUMPSUITS"),
        (*TORSO, *UPPER_ARMS, *FOREARMS),
        (*LEGS, *CLOTHES_BELOW),
    ),
    "lower": Part(
        ("PANTS", "SKIRT", "DRESS", "JUMPSUITS"),
        (*THIGHS, *SHINS),
        (*ARMS, "FACE", "UPPER_CLOTHES", "COAT"),
    ),
    "overall": Part(
        ("UPPER_CLOTHES", "DRESS", "PANTS", "SKIRT", "COAT", "JUMPSUITS"),
        (*TORSO, *THIGHS, *SHINS, *UPPER_ARMS, *FOREARMS),
        (),
    ),
    "inner": Part(("UPPER_CLOTHES",), TORSO, (*LEGS, *CLOTHES_BELOW, "DRESS", "COAT", "JUMPSUITS")),
    # ATR has no coats and calls them upper clothes, so that only LIP can tell the shirt below a coat.
    "outer": Part(
        ("COAT",),
        (*TORSO, *UPPER_ARMS, *FOREARMS),
        (*LEGS, *CLOTHES_BELOW, "DRESS", "JUMPSUITS"),
        kept_by_lip=("UPPER_CLOTHES",),
    ),
}


def parts_mask(densepose: Labels, lip: Labels, atr: Labels, part: str, exact: bool = False) -> Labels:
    """Return where a garment of kind `part` may be repainted: uint8 [H, W], 0 or 255.

    `densepose` 0 to 24, `lip` 0 to 19 and `atr` 0 to 17 are uint8 [H, W]. `inner` and `outer` tell shirt from
    coat by LIP. All 0 when nobody is there. Raises BadParameter for an unknown `part`, and when `exact` and
    upstream has no answer because a side is not a multiple of 4.
    """
    rule = _rule(part)
    if exact:
        _refuse_odd_sizes(densepose)
    longest = max(densepose.shape)
    square, blur = np.ones((_odd(longest // 250),) * 2, np.uint8), _odd(longest // 25)
    firm = _hands_and_feet(densepose, lip, atr, square) | (lip == Lip.FACE)
    spared = (*KEPT_BY_ALL, *rule.kept)
    weak = firm | _named(atr, Atr, spared) | _named(lip, Lip, (*spared, *rule.kept_by_lip))
    clothes = _named(atr, Atr, rule.clothes) | _named(lip, Lip, rule.clothes)
    somebody = (lip != Lip.BACKGROUND) | (atr != Atr.BACKGROUND)
    area = somebody & ~weak | _widened_body(among(densepose, rule.body), square)
    area = _blurred(_hulls(area) & ~weak, blur)
    return as_picture(cv2.dilate(((area | clothes) & ~firm).astype(np.uint8), square).astype(bool))


def _rule(part: str) -> Part:
    if part not in PARTS:
        raise BadParameter(
            f"There is no garment kind {part!r}.", field="part", allowed=list(PARTS), received=part
        )
    return PARTS[part]


def _refuse_odd_sizes(densepose: Labels) -> None:
    height, width = densepose.shape
    if height % GRID or width % GRID:
        raise BadParameter(
            f"Upstream's rule has no answer for a picture of {width}x{height}.",
            field="exact",
            allowed=f"sides that are multiples of {GRID}",
            received=[width, height],
        )


def _odd(number: int) -> int:
    return number | 1


def _named(labels: Labels, label_set: type[IntEnum], names: tuple[str, ...]) -> Mask:
    members = label_set.__members__
    return among(labels, [members[name] for name in names if name in members])


def _hands_and_feet(densepose: Labels, lip: Labels, atr: Labels, square: Labels) -> Mask:
    near = cv2.dilate(among(densepose, (*HANDS, *FEET)).astype(np.uint8), square).astype(bool)
    return near & (_named(atr, Atr, (*ARMS, *LEGS)) | _named(lip, Lip, (*ARMS, *LEGS)))


def _widened_body(body: Mask, square: Labels) -> Mask:
    """The body widened on the coarse grid; what sides that no grid fits have too much is cut off."""
    coarse = cv2.dilate(body[::GRID, ::GRID].astype(np.uint8), square, iterations=2).astype(bool)
    height, width = body.shape
    return coarse.repeat(GRID, 0).repeat(GRID, 1)[:height, :width]


def _hulls(mask: Mask) -> Mask:
    """The convex hull of every outer outline, all together."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = np.zeros(mask.shape, np.uint8)
    for outline in outlines:
        cv2.fillPoly(filled, [cv2.convexHull(outline)], 1)
    return filled.astype(bool)


def _blurred(mask: Mask, kernel: int) -> Mask:
    return np.asarray(cv2.GaussianBlur(as_picture(mask), (kernel, kernel), 0) >= FAINTEST)
