"""Arms drawn from keypoints: thick lines through shoulder, elbow and wrist, with Pillow as upstream."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from leffa.preprocess.masks.labels import Atr
from leffa.preprocess.masks.morphology import UNIT_HEIGHT, Mask

Point = NDArray[np.float64]

FARTHEST = 100_000  # no line needs to go beyond, and Pillow counts in 32 bits


class Arm(NamedTuple):
    """One arm: its ATR label, and three points in pixels (x, y), near (0, 0) where unseen."""

    label: Atr
    shoulder: Point
    elbow: Point
    wrist: Point

    @property
    def whole(self) -> bool:
        """Whether all three points were seen."""
        return seen(self.shoulder) and seen(self.elbow) and seen(self.wrist)


def arms_of(keypoints: NDArray[np.float64], height: int) -> tuple[Arm, Arm]:
    """Return the left and the right arm in pixels of a picture of `height`.

    `keypoints` are OpenPose's 18, [18, 2], in units of a picture 512 high; what is no number, or an endless
    one, counts as unseen.
    """
    finite = np.nan_to_num(np.asarray(keypoints, np.float64), posinf=0, neginf=0).reshape(-1, 2)
    points = np.clip(finite, -FARTHEST, FARTHEST) * (height / UNIT_HEIGHT)
    return Arm(Atr.LEFT_ARM, *points[5:8]), Arm(Atr.RIGHT_ARM, *points[2:5])


def seen(point: Point) -> bool:
    """Tell a point from the (0, 0) of a missing one, by upstream's test."""
    return bool((point > 1).any())


def polyline(points: Sequence[Point], width: int, size: tuple[int, int]) -> Mask:
    """Return the pixels of a line with round joints in a picture of `size` (width, height).

    Fewer than two points make no line.
    """
    picture = Image.new("1", size)
    if len(points) < 2:
        return np.asarray(picture, bool)
    ImageDraw.Draw(picture).line(np.concatenate(points).tolist(), 1, width, "curve")
    return np.asarray(picture, bool)


def disk(centre: Point, diameter: int, size: tuple[int, int]) -> Mask:
    """Return the pixels of a disk, drawn as upstream does: an arc as wide as its radius."""
    picture = Image.new("1", size)
    radius = diameter // 2
    x, y = centre.tolist()
    box = (x - radius, y - radius, x + radius, y + radius)
    ImageDraw.Draw(picture).arc(box, 0, 360, 1, radius)
    return np.asarray(picture, bool)


def whole_pixels(points: Sequence[Point]) -> list[Point]:
    """Return the points with their fractions cut off."""
    return [np.trunc(point) for point in points]


def wrapped_to_16_bits(points: Sequence[Point]) -> list[Point]:
    """Return the points as upstream casts them: -9 becomes 65527 and the arm turns to the wrong side.

    C leaves the cast of negative numbers open; this is what x86 does and what the golden masks show.
    """
    return [point.astype(np.int64).astype(np.uint16).astype(np.float64) for point in points]
