"""One clothing map out of two: ATR's labels with the holes in shirts closed, and a neck with LIP's help.

The numbers are upstream's (preprocess/humanparsing/parsing_api.py), made for photos of 384x512.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

UPPER_CLOTHES, FACE, LEFT_ARM, RIGHT_ARM = 4, 11, 14, 15  # ATR
LIP_FACE: Final = 13
NECK: Final = 18  # the one label of the merged map that ATR does not have

MAX_HOLE: Final = 2000  # pixels inside the outline, at 384x512
HOLE_PIXELS: Final = 384 * 512


def merge(atr: Labels, lip: Labels, exact: bool = False) -> Labels:
    """The map 0..18 that the mask rules read, of ATR and LIP maps uint8 [H, W] of one photo.

    Small holes between shirt and arms become shirt. A face that LIP does not call face is neck; that is all
    LIP says here.

    The largest hole grows with the photo. With `exact` it does not, and arm pixels inside the outline of a
    larger hole become shirt: upstream adds 1 to 255 in 8 bits there.
    """
    limit = MAX_HOLE if exact else MAX_HOLE * atr.size / HOLE_PIXELS
    # In a ring of background all that is not enclosed hangs together.
    closed = _close_holes(np.pad(atr, 1), limit, exact)[1:-1, 1:-1]
    neck = (closed == FACE) & (lip != LIP_FACE)
    return np.where(neck, NECK, closed).astype(np.uint8)


def _close_holes(atr: Labels, limit: float, exact: bool) -> Labels:
    arms = (atr == LEFT_ARM) | (atr == RIGHT_ARM)
    shirt = atr == UPPER_CLOTHES
    filled = _filled(shirt | arms)
    large = _large_outlines(filled & ~shirt & ~arms, limit)
    kept = large ^ arms if exact else large | arms
    return np.where(filled & ~kept, UPPER_CLOTHES, atr).astype(np.uint8)


def _filled(mask: Mask) -> Mask:
    """The mask and everything that it keeps from the top left corner."""
    outside = mask.astype(np.uint8)
    cv2.floodFill(outside, None, (0, 0), 2)
    return np.asarray(outside != 2)


def _large_outlines(mask: Mask, limit: float) -> Mask:
    """The regions of a mask whose outline encloses more than `limit` pixels, filled, and the pixels around.

    In 32-bit numbers OpenCV finds the outline of what is around a region too, a pixel further out. That
    makes good for the corners which the approximation cuts off.
    """
    outlines, _ = cv2.findContours(mask.astype(np.int32), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_TC89_L1)
    large = np.zeros(mask.shape, np.uint8)
    for outline in outlines:
        if cv2.contourArea(outline) > limit:
            cv2.drawContours(large, [outline], 0, 1, cv2.FILLED)
    return large.astype(bool)
