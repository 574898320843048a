"""MediaPipe's points in OpenPose's order and units."""

import numpy as np
import pytest
from numpy.typing import NDArray

from leffa.preprocess.keypoints import (
    LEFT_ELBOW,
    LEFT_SHOULDER,
    LEFT_WRIST,
    NAMES,
    NECK,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
    from_mediapipe,
)

COCO = (
    "nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder",
    "left elbow", "right elbow", "left wrist", "right wrist", "left hip", "right hip", "left knee",
    "right knee", "left ankle", "right ankle",
)  # fmt: skip


@pytest.fixture
def keypoints() -> NDArray[np.float32]:
    """Seventeen different points in the middle of a photo of 768x1024, all sure."""
    points = np.ones((17, 3), np.float32)
    points[:, 0] = 300 + 10 * np.arange(17)
    points[:, 1] = 200 + 20 * np.arange(17)
    return points


def test_every_point_goes_to_its_name(keypoints: NDArray[np.float32]) -> None:
    points = from_mediapipe(keypoints, (768, 1024))
    assert points.shape == (18, 2) and points.dtype == np.float64
    for name, (x, y, _) in zip(COCO, keypoints, strict=True):
        assert tuple(points[NAMES.index(name)]) == (x / 2, y / 2)


def test_width_and_height_are_scaled_each_on_its_own(keypoints: NDArray[np.float32]) -> None:
    points = from_mediapipe(keypoints, (1536, 1024))
    assert tuple(points[NAMES.index("nose")]) == (300 / 4, 200 / 2)


def test_the_neck_is_the_middle_of_the_shoulders(keypoints: NDArray[np.float32]) -> None:
    points = from_mediapipe(keypoints, (768, 1024))
    np.testing.assert_array_equal(points[NECK], (points[LEFT_SHOULDER] + points[RIGHT_SHOULDER]) / 2)


def test_no_neck_without_both_shoulders(keypoints: NDArray[np.float32]) -> None:
    keypoints[COCO.index("left shoulder"), 2] = 0.1
    points = from_mediapipe(keypoints, (768, 1024))
    assert not points[[NECK, LEFT_SHOULDER]].any() and points[RIGHT_SHOULDER].all()


def test_unsure_points_and_points_outside_are_missing(keypoints: NDArray[np.float32]) -> None:
    keypoints[COCO.index("right wrist"), 2] = 0.2
    keypoints[COCO.index("left wrist"), :2] = -5, 300
    keypoints[COCO.index("left elbow"), :2] = 300, 1024
    points = from_mediapipe(keypoints, (768, 1024))
    assert not points[[RIGHT_WRIST, LEFT_WRIST, LEFT_ELBOW]].any()
    assert points.any(1).sum() == 15


def test_the_arms_of_a_rendered_person_lie_where_they_are() -> None:
    pytest.importorskip("numba")
    from leffa.mini.landmarks import LandmarkDetector
    from leffa.synth import sample

    pair = sample(525, 512, 384)  # the first of the example pictures
    truth = from_mediapipe(pair.keypoints, (384, 512))
    found = from_mediapipe(LandmarkDetector().detect(pair.person).keypoints, (384, 512))
    arms = slice(RIGHT_SHOULDER, LEFT_WRIST + 1)
    assert truth[arms].all() and found[arms].all()
    assert np.linalg.norm(found[arms] - truth[arms], axis=1).max() < 15  # a quarter of the drawn arm's width
