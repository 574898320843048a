"""The numbers in the three maps that the rules read, and what a garment type means in them.

ATR numbers are SCHP's 18 classes, with 18 for the neck where upstream's human parsing tells it from the
face. LIP numbers are SCHP's 20 classes. Parts are DensePose's 24 charts, right before left.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from leffa.errors import UnknownGarmentType


class Atr(IntEnum):
    """The labels of clothes and limbs after ATR, 0 to 17, and the neck."""

    BACKGROUND, HAT, HAIR, SUNGLASSES, UPPER_CLOTHES, SKIRT, PANTS, DRESS, BELT = range(9)
    LEFT_SHOE, RIGHT_SHOE, FACE, LEFT_LEG, RIGHT_LEG, LEFT_ARM, RIGHT_ARM, BAG, SCARF, NECK = range(9, 19)


class Lip(IntEnum):
    """The labels of clothes and limbs after LIP, 0 to 19; it knows coats but no bags and no belts."""

    BACKGROUND, HAT, HAIR, GLOVE, SUNGLASSES, UPPER_CLOTHES, DRESS, COAT, SOCKS, PANTS = range(10)
    JUMPSUITS, SCARF, SKIRT, FACE, LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG = range(10, 18)
    LEFT_SHOE, RIGHT_SHOE = range(18, 20)


TORSO: Final = (1, 2)
HANDS: Final = (3, 4)
FEET: Final = (5, 6)
THIGHS: Final = (7, 8, 9, 10)
SHINS: Final = (11, 12, 13, 14)
UPPER_ARMS: Final = (15, 16, 17, 18)
FOREARMS: Final = (19, 20, 21, 22)
HEAD: Final = (23, 24)

SHOES: Final = (Atr.LEFT_SHOE, Atr.RIGHT_SHOE)
BARE_ARMS: Final = (Atr.LEFT_ARM, Atr.RIGHT_ARM)
BARE_LEGS: Final = (Atr.LEFT_LEG, Atr.RIGHT_LEG)


@dataclass(frozen=True)
class Category:
    """What one rule does for one garment type, in ATR labels.

    ``replaced``: what is repainted with its surroundings; ``kept``: the other half of the body;
    ``arms``: whether arms and neck are repainted too.
    """

    replaced: tuple[int, ...]
    kept: tuple[int, ...]
    arms: bool


def category(categories: Mapping[str, Category], garment_type: str) -> Category:
    """Return the entry for `garment_type`; raises UnknownGarmentType."""
    if garment_type not in categories:
        raise UnknownGarmentType(
            f"There is no garment type {garment_type!r}.",
            field="garment_type",
            allowed=list(categories),
            received=garment_type,
        )
    return categories[garment_type]
