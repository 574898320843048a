"""Steps that the rules share: masks made wider, narrower, whole. Masks are bool [H, W]."""

from collections.abc import Callable, Iterable
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Labels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Widen = Callable[[Mask, int, int], Mask]

UNIT_HEIGHT = 512  # the picture height that upstream's lengths are meant for


def among(labels: Labels, wanted: Iterable[int]) -> Mask:
    """Return where `labels` (uint8 [H, W]) is one of `wanted`."""
    table = np.zeros(256, bool)
    table[list(wanted)] = True
    return table[labels]


def fit(labels: Labels, size: tuple[int, int]) -> Labels:
    """Return `labels` at `size` (width, height), each pixel the nearest one's label."""
    if labels.shape[::-1] == size:
        return labels
    return np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))


def as_picture(mask: Mask) -> Labels:
    """Return the mask as the rules give it: uint8, 0 or 255 (to repaint)."""
    return mask.astype(np.uint8) * np.uint8(255)


def widening(height: int, exact: bool) -> Widen:
    """Return the dilation `widen(mask, kernel, times)` for a picture of `height`.

    Upstream's lengths are fixed pixel counts, and OpenCV hangs kernels of even width off their centre: ten
    wide, five times, reaches 20 pixels to the left and top but 25 to the right and bottom. Unless `exact`,
    the reach is the same on all sides and scales with the picture.
    """
    return _widen_as_upstream if exact else partial(_widen_evenly, scale=height / UNIT_HEIGHT)


def _widen_as_upstream(mask: Mask, kernel: int, times: int) -> Mask:
    return _dilated(mask, kernel, times)


def _widen_evenly(mask: Mask, kernel: int, times: int, scale: float) -> Mask:
    return _dilated(mask, 2 * round((kernel - 1) * times / 2 * scale) + 1)


def _dilated(mask: Mask, kernel: int, times: int = 1) -> Mask:
    square = np.ones((kernel, kernel), np.uint8)
    return cv2.dilate(mask.astype(np.uint8), square, iterations=times).astype(bool)


def narrow(mask: Mask, widen: Widen, kernel: int) -> Mask:
    """Return `mask` eroded once by an odd `kernel`; the picture's border does not erode."""
    return ~widen(~mask, kernel, 1)


def fill_holes(mask: Mask, exact: bool) -> Mask:
    """Return `mask` with everything that the outside cannot reach along pixel edges.

    Upstream empties the outermost ring of pixels, so that a garment that runs out of the picture leaves a
    line at its border; unless `exact`, the outside begins beyond the picture instead.
    """
    framed = mask[1:-1, 1:-1] if exact else mask
    ground = np.pad(framed, 1).astype(np.uint8)
    cv2.floodFill(ground, None, (0, 0), 2)
    filled = ground != 2
    return filled if exact else filled[1:-1, 1:-1]


def largest_outline(mask: Mask) -> Mask:
    """Return the inside of the outline with the largest area, slightly simplified as upstream does."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_TC89_L1)
    filled = np.zeros(mask.shape, np.uint8)
    if outlines:
        largest = int(np.argmax([cv2.contourArea(outline) for outline in outlines]))
        cv2.drawContours(filled, outlines, largest, 1, cv2.FILLED)
    return filled.astype(bool)
