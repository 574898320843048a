"""The DressCode rule: a wide margin around one garment, the arms and what is below the chin.

What differs from upstream unless `exact` is asked for:

* clothes of the other half, and shoes, stay even where the mask surrounds them, as it does the shoes of bare
  legs; upstream fills them;
* missing points are left out of the line through the arms; with both wrists missing upstream draws one arm
  from the corner of the picture, and paints a block there when nobody is in the picture at all. An arm whose
  wrist is known but not its elbow or shoulder is taken from the labels;
* shoulders near the picture's top work; upstream then counts rows from the bottom and keeps the neck;
* shoulders (nearly) one above the other give a level chin line;
* line width and margins scale with the picture, are the same on all sides and reach the picture's border;
* labels of another size than the mask are scaled to it; upstream fails or returns a mask of their size.
"""

from typing import Final

import numpy as np
from numpy.linalg import lstsq
from numpy.typing import NDArray

from leffa.errors import BadParameter
from leffa.preprocess.masks import drawing, morphology
from leffa.preprocess.masks.drawing import Arm, Point
from leffa.preprocess.masks.labels import BARE_ARMS, BARE_LEGS, SHOES, Atr, Category, category
from leffa.preprocess.masks.morphology import UNIT_HEIGHT, Labels, Mask, among

CATEGORIES: Final = {
    "upper_body": Category((Atr.UPPER_CLOTHES,), (Atr.SKIRT, Atr.PANTS), arms=True),
    "lower_body": Category((Atr.PANTS, *BARE_LEGS), (Atr.UPPER_CLOTHES, *BARE_ARMS), arms=False),
    "dresses": Category((Atr.DRESS, *BARE_LEGS), (), arms=True),
}
ALWAYS_KEPT: Final = (Atr.HAIR, *SHOES, Atr.HAT, Atr.SUNGLASSES, Atr.SCARF, Atr.BAG)
HEAD: Final = (Atr.HAT, Atr.HAIR, Atr.SUNGLASSES, Atr.FACE, Atr.NECK)

ARM_WIDTH: Final = 30
ABOVE_SHOULDERS: Final = 20  # pixels of a picture 512 high


def dress_code_mask(
    parse: Labels,
    keypoints: NDArray[np.float64],
    garment_type: str,
    size: tuple[int, int] = (384, 512),
    exact: bool = False,
) -> Labels:
    """Return the mask of upstream's DressCode model at `size` (width, height): uint8, 0 or 255.

    `parse` is ATR with 18 for the neck, uint8; `keypoints` [18, 2] are OpenPose's in units of a picture 512
    high, (0, 0) where missing. All 0 when the picture shows nothing to repaint. Raises UnknownGarmentType,
    and BadParameter when `exact` and upstream has no answer because `parse` is not of `size`.
    """
    wanted = category(CATEGORIES, garment_type)
    labels = _of_size(parse, size, wanted) if exact else morphology.fit(parse, size)
    height = size[1]
    widen = morphology.widening(height, exact)
    narrow_kernel, wide_kernel = _kernels(height, exact)
    fixed, head = among(labels, (*ALWAYS_KEPT, *wanted.kept)), among(labels, HEAD)
    area = among(labels, wanted.replaced)
    if wanted.arms:
        arms = drawing.arms_of(keypoints, height)
        drawn = widen(_drawn(arms, labels, size, exact), narrow_kernel, 5)
        chin = head & _below_chin(arms, labels.shape, height, exact)
        fixed |= among(labels, BARE_ARMS) & ~drawn
        area |= drawn | chin
        head &= ~chin
    mask = morphology.fill_holes(widen(area, wide_kernel, 5) & ~(fixed | head), exact)
    other_half = among(labels, () if exact else (*SHOES, *wanted.kept))
    return morphology.as_picture(mask & ~other_half)


def _of_size(parse: Labels, size: tuple[int, int], wanted: Category) -> Labels:
    if wanted.arms and parse.shape[::-1] != size:
        raise BadParameter(
            "Upstream's DressCode rule takes labels of the mask's own size only.",
            field="size",
            allowed=list(parse.shape[::-1]),
            received=list(size),
        )
    return parse


def _kernels(height: int, exact: bool) -> tuple[int, int]:
    """Widths of the squares that widen the arms and everything; a square of 1 leaves things as they are."""
    if exact and height > 512:
        return 10, 20
    if exact and height <= 256:
        return 1, 5
    return 5, 10


def _drawn(arms: tuple[Arm, Arm], labels: Labels, size: tuple[int, int], exact: bool) -> Mask:
    if exact:
        return drawing.polyline(_upstream_line(*arms), ARM_WIDTH, size)
    width = max(1, round(ARM_WIDTH * size[1] / UNIT_HEIGHT))
    left, right = (_seen_outwards(arm) for arm in arms)
    drawn = drawing.polyline([*reversed(left), *right], width, size)
    broken = [arm.label for arm in arms if drawing.seen(arm.wrist) and not arm.whole]
    return drawn | among(labels, broken)


def _seen_outwards(arm: Arm) -> list[Point]:
    """The arm's points from the shoulder to the last before one is missing."""
    points = (arm.shoulder, arm.elbow, arm.wrist)
    gaps = [i for i, point in enumerate(points) if not drawing.seen(point)]
    return list(points[: min(gaps, default=3)])


def _upstream_line(left: Arm, right: Arm) -> list[Point]:
    """Upstream leaves points out on one side only, the right one if that wrist is missing."""
    points = [left.wrist, left.elbow, left.shoulder, right.shoulder, right.elbow, right.wrist]
    if not drawing.seen(right.wrist):
        return points[:5] if drawing.seen(right.elbow) else points[:4]
    if not drawing.seen(left.wrist):
        return points[1:] if drawing.seen(left.elbow) else points[2:]
    return points


def _below_chin(arms: tuple[Arm, Arm], shape: tuple[int, int], height: int, exact: bool) -> Mask:
    """Everything below the line through the shoulders, moved up a little."""
    rows, columns = np.arange(shape[0]), np.arange(shape[1])
    slope, offset = _upstream_chin_line(*arms) if exact else _chin_line(*arms)
    heights = columns * slope + offset - ABOVE_SHOULDERS * (height / UNIT_HEIGHT)
    first = np.clip(heights, -1e9, 1e9).astype(np.int64)  # cuts off fractions, as int() does
    if exact:  # a negative number counts from the bottom
        first = np.where(first < 0, first + shape[0], first)
    return rows[:, None] >= first


def _upstream_chin_line(left: Arm, right: Arm) -> tuple[float, float]:
    x, y = np.stack([right.shoulder, left.shoulder]).T
    slope, offset = lstsq(np.stack([x, np.ones(2)], axis=1), y, rcond=None)[0]
    return slope, offset


def _chin_line(left: Arm, right: Arm) -> tuple[float, float]:
    """Slope and offset; level through what is seen of the shoulders unless both are, side by side."""
    shoulders = [arm.shoulder for arm in (left, right) if drawing.seen(arm.shoulder)]
    if not shoulders:
        return 0.0, 1e9  # nowhere
    across, down = shoulders[-1] - shoulders[0]
    if abs(across) > abs(down):
        return _upstream_chin_line(left, right)
    return 0.0, float(np.mean(shoulders, axis=0)[1])
