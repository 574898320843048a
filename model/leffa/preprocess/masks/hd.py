"""The VITON-HD rule: one outline around the worn garment, the arms and the neck.

What differs from upstream unless `exact` is asked for:

* clothes of the other half, and shoes, stay but for two pixels where they meet the garment. Upstream lets
  such a rim all around them into the mask and then fills what the rim encloses: all the trousers of
  anybody who is in the picture down to the feet;
* points beyond the picture's edge stay there instead of wrapping around at 65536;
* an arm with a missing point is taken from the labels; upstream asks the wrist only, and draws a missing
  elbow or shoulder in the corner of the picture;
* margins are the same on all sides, scale with the picture, and reach its border.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from leffa.preprocess.masks import drawing, morphology
from leffa.preprocess.masks.drawing import Arm
from leffa.preprocess.masks.labels import BARE_ARMS, BARE_LEGS, SHOES, Atr, Category, category
from leffa.preprocess.masks.morphology import Labels, Mask, among

CATEGORIES: Final = {
    "upper_body": Category((Atr.UPPER_CLOTHES, Atr.DRESS), (Atr.SKIRT, Atr.PANTS), arms=True),
    "lower_body": Category((Atr.PANTS, Atr.SKIRT, *BARE_LEGS), (Atr.UPPER_CLOTHES, *BARE_ARMS), arms=False),
    "dresses": Category((Atr.DRESS, Atr.UPPER_CLOTHES, Atr.SKIRT, Atr.PANTS), (), arms=True),
}
ACCESSORIES: Final = (Atr.HAT, Atr.SUNGLASSES, Atr.BAG)
HEAD: Final = (Atr.HAT, Atr.SUNGLASSES, Atr.FACE)  # hair may be repainted

ARM_WIDTH: Final = 60  # in a picture 512 high
BEYOND_WRIST: Final = 1.2  # of the forearm's length


def hd_mask(
    parse: Labels,
    keypoints: NDArray[np.float64],
    garment_type: str,
    size: tuple[int, int] = (384, 512),
    exact: bool = False,
    arm_width: int = ARM_WIDTH,
) -> Labels:
    """Return the mask of upstream's VITON-HD model at `size` (width, height): uint8, 0 or 255.

    `parse` is ATR with 18 for the neck, uint8 of any size; `keypoints` [18, 2] are OpenPose's in units of a
    picture 512 high, (0, 0) where missing. All 0 when the picture shows nothing to repaint.
    Raises UnknownGarmentType.
    """
    wanted = category(CATEGORIES, garment_type)
    labels, height = morphology.fit(parse, size), size[1]
    widen = morphology.widening(height, exact)
    fixed = among(labels, (*SHOES, *ACCESSORIES, *wanted.kept))
    hands, head = np.zeros_like(fixed), among(labels, HEAD)
    replaced = among(labels, wanted.replaced)
    area = widen(replaced, 10, 5)
    if wanted.arms:
        width = int(arm_width / 512 * height)
        arms, hands = _arms_and_hands(labels, drawing.arms_of(keypoints, height), width, exact)
        area |= widen(arms, 5, 4) | widen(labels == Atr.NECK, 5, 1) & ~head
    kept = morphology.narrow(fixed | hands, widen, 5) | head
    if exact:
        return morphology.as_picture(_one_piece((area | fixed) & ~kept, exact))
    other_half = among(labels, (*SHOES, *wanted.kept)) & (kept | ~widen(replaced, 5, 1))
    return morphology.as_picture(_one_piece(area & ~kept, exact) & ~other_half)


def _one_piece(mask: Mask, exact: bool) -> Mask:
    return morphology.largest_outline(morphology.fill_holes(mask, exact))


def _arms_and_hands(labels: Labels, arms: tuple[Arm, Arm], width: int, exact: bool) -> tuple[Mask, Mask]:
    """Both arms as drawn, and what carries an arm's label outside its drawing."""
    left, right = (_drawn(arm, labels, width, exact) for arm in arms)
    hands = (labels == Atr.LEFT_ARM) & ~left | (labels == Atr.RIGHT_ARM) & ~right
    return left | right, hands


def _drawn(arm: Arm, labels: Labels, width: int, exact: bool) -> Mask:
    if not (drawing.seen(arm.wrist) if exact else arm.whole):
        return labels == arm.label
    size = labels.shape[::-1]
    wrist = arm.elbow + BEYOND_WRIST * (arm.wrist - arm.elbow)
    points = [arm.shoulder, arm.elbow, wrist]
    if arm.label == Atr.LEFT_ARM:  # Pillow's lines differ by a pixel when drawn the other way round
        points.reverse()
    points = drawing.wrapped_to_16_bits(points) if exact else drawing.whole_pixels(points)
    return drawing.polyline(points, width, size) | drawing.disk(arm.shoulder, width, size)
