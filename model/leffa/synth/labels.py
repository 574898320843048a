"""Ground truth: label numbers, keypoints with visibility, and the flow into the flat picture."""

from __future__ import annotations

import numpy as np

# ATR 0 background 1 hat 2 hair 3 sunglasses 4 upper-clothes 5 skirt 6 pants 7 dress 8 belt 9 left-shoe
# 10 right-shoe 11 face 12 left-leg 13 right-leg 14 left-arm 15 right-arm 16 bag 17 scarf
ATR_COUNT, LIP_COUNT, PART_COUNT = 18, 20, 25
# LIP 0 background 1 hat 2 hair 3 glove 4 sunglasses 5 upper-clothes 6 dress 7 coat 8 socks 9 pants
# 10 jumpsuit 11 scarf 12 skirt 13 face 14 left-arm 15 right-arm 16 left-leg 17 right-leg 18 left-shoe
# 19 right-shoe; it knows neither belt nor bag
LIP_OF_ATR = np.array([0, 1, 2, 4, 5, 12, 9, 6, 9, 18, 19, 13, 16, 17, 14, 15, 0, 11], np.uint8)
LIP_COAT, LIP_SOCKS = 7, 8
# what bare skin of each DensePose part is called in ATR; neck and chest count as face there
SKIN_LABEL_OF_PART = np.array(
    [0, 11, 11, 15, 14, 12, 13, 13, 12, 13, 12, 13, 12, 13, 12, 14, 15, 14, 15, 14, 15, 14, 15, 11, 11],
    np.uint8,
)
# metres between a keypoint inside the body and the skin over it, by keypoint
KEYPOINT_DEPTH = np.array(
    [0.04] * 3 + [0.07] * 2 + [0.13] * 2 + [0.08] * 4 + [0.19] * 2 + [0.11] * 2 + [0.09] * 2
)


def keypoints(points: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """COCO keypoints [17, 3]: x, y in pixels and 0 outside the picture, 1 hidden, 2 visible.

    points [17, 3] pixel x, pixel y, depth; depth [H, W] of the body without clothes.
    """
    height, width = depth.shape
    x, y = points[:, 0], points[:, 1]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    at = depth[np.clip(y, 0, height - 1).astype(int), np.clip(x, 0, width - 1).astype(int)]
    seen = points[:, 2] - KEYPOINT_DEPTH < at
    visibility = np.where(inside, 1 + seen, 0)
    return np.column_stack([x, y, visibility]).astype(np.float32)


def normalised(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Continuous pixel positions [..., 2] to the coordinates of grid_sample (align_corners=False)."""
    return (pixels * (2.0 / np.array([width, height])) - 1).astype(np.float32)


def block_mean(flow: np.ndarray, factor: int) -> np.ndarray:
    """Mean of the valid flow vectors in each factor x factor block of [H, W, 2]; NaN where there is none."""
    if factor == 1:
        return flow
    height, width = flow.shape[:2]
    blocks = flow.reshape(height // factor, factor, width // factor, factor, 2)
    valid = ~np.isnan(blocks)
    count = valid.sum((1, 3))
    total = np.where(valid, blocks, 0).sum((1, 3))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def centre(values: np.ndarray, factor: int) -> np.ndarray:
    """One sample of each factor x factor block of [H, W]."""
    return np.ascontiguousarray(values[factor // 2 :: factor, factor // 2 :: factor])
