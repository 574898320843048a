"""A result's maps as pictures: what was repainted, what was seen, where each pixel came from."""

from typing import Any

import cv2
import numpy as np

from leffa import images

# One colour a clothing label (ATR, and the neck of the official parsers): background, hat, hair, sunglasses,
# upper clothes, skirt, trousers, dress, belt, left shoe, right shoe, face, left leg, right leg, left arm,
# right arm, bag, scarf, neck.
LABEL_COLOURS = np.array(
    [
        [0, 0, 0], [170, 60, 200], [120, 72, 40], [40, 40, 40], [230, 80, 60], [240, 160, 60],
        [60, 110, 200], [220, 70, 140], [140, 140, 60], [90, 60, 160], [130, 90, 210], [250, 205, 170],
        [90, 200, 120], [50, 160, 90], [120, 220, 220], [60, 170, 190], [150, 110, 70], [200, 200, 90],
        [255, 170, 120],
    ],
    np.uint8,
)  # fmt: skip


def draw_maps(result: Any) -> dict[str, bytes]:
    """PNGs of a TryOnResult's mask, densepose, parsing (pixel values are labels) and flow, by name."""
    return {
        "mask": images.encode(result.mask),
        "densepose": images.encode(result.densepose),
        "parsing": images.encode_labels(result.parsing, LABEL_COLOURS),
        "flow": images.encode(flow_colours(result.flow)),
    }


def flow_colours(flow: np.ndarray) -> np.ndarray:
    """The flow field, float32 [h, w, 2] of x and y in -1..1, as uint8 [h, w, 3] for eyes.

    Red runs from the garment picture's left to its right, green from its top to its bottom. Blue marks the
    pixels that come from inside the garment picture; those that are NaN are black.
    """
    known = np.isfinite(flow).all(axis=2)
    place = np.nan_to_num(flow)
    picture = np.zeros((*known.shape, 3), np.uint8)
    picture[known, :2] = np.rint((np.clip(place, -1, 1) + 1) / 2 * 255)[known]
    picture[known & (np.abs(place).max(axis=2) <= 1), 2] = 255
    return picture


def warp_garment(garment: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The garment picture pulled along the flow: uint8 [h, w, 3] as large as the flow field.

    ``garment`` is uint8 [H, W, 3]; ``flow`` as for :func:`flow_colours`.
    """
    height, width = garment.shape[:2]
    place = (np.nan_to_num(flow.astype(np.float32)) + 1) / 2  # [h, w, 2], 0..1 over the garment picture
    x, y = place[..., 0] * width - 0.5, place[..., 1] * height - 0.5
    return cv2.remap(garment, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
