"""The 18 body points of OpenPose that the official mask rules take, and MediaPipe's in their place.

Points are float64 [18, 2], x and y in pixels of a 384x512 picture, (0, 0) where a point is unknown.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

WIDTH: Final = 384
HEIGHT: Final = 512

NAMES: Final = (
    "nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow",
    "left wrist", "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle",
    "right eye", "left eye", "right ear", "left ear",
)  # fmt: skip
POINTS: Final = len(NAMES)
NECK: Final = NAMES.index("neck")
RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST = 2, 3, 4
LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST = 5, 6, 7

MIN_CONFIDENCE: Final = 0.5
# COCO's numbers (as leffa.mini.landmarks gives them) of the OpenPose points; the neck is none of COCO's
COCO_OF_BODY: Final = (0, -1, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)


def from_mediapipe(keypoints: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.float64]:
    """MediaPipe's points as OpenPose's, to stand in where its weights may not be used.

    `keypoints` [17, 3] in COCO's order: x, y in pixels of a photo of `size` (width, height), confidence 0..1.
    The neck is the middle of the shoulders. MediaPipe guesses where hidden points are and points outside the
    photo; OpenPose leaves them out. Here those of low confidence and those outside become (0, 0).
    """
    scaled = keypoints[:, :2] * (WIDTH / size[0], HEIGHT / size[1])
    inside = ((scaled >= 0) & (scaled < (WIDTH, HEIGHT))).all(1)
    known = inside & (keypoints[:, 2] >= MIN_CONFIDENCE)
    points = np.where(known[:, None], scaled, 0.0)[list(COCO_OF_BODY)].astype(np.float64)
    shoulders = points[[RIGHT_SHOULDER, LEFT_SHOULDER]]
    points[NECK] = shoulders.mean(0) if shoulders.any(1).all() else 0.0
    return points
