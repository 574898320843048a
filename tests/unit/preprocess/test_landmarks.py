"""Somebody is found where somebody is, and nobody where nobody is."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from leffa.errors import NoPerson, PersonCutOff, PersonTooSmall, UnsupportedWeights
from leffa.mini.landmarks import HIPS, KNEES, SHOULDERS, LandmarkDetector, check_framing
from leffa.synth.pairs import sample

SEED = 7_000_001
NOSE = 0


@pytest.fixture(scope="module")
def detector() -> LandmarkDetector:
    return LandmarkDetector()


@pytest.fixture(scope="module")
def rendered():
    """A synthetic pair whose person is seen from head to foot."""
    for seed in range(SEED, SEED + 40):
        pair = sample(seed, 256, 192)
        if (pair.keypoints[:, 2] == 2).sum() >= 15:
            return pair
    raise AssertionError("no such person among forty")


def test_a_rendered_person_is_found(detector: LandmarkDetector, rendered) -> None:
    pose = detector.detect(rendered.person)
    truth = rendered.labels > 0
    found = pose.person_mask > 0.5
    assert (truth & found).sum() / (truth | found).sum() > 0.8
    height = np.ptp(np.nonzero(truth)[0])
    seen = rendered.keypoints[:, 2] == 2
    error = np.linalg.norm(pose.keypoints[seen, :2] - rendered.keypoints[seen, :2], axis=1)
    assert np.median(error) < 0.03 * height
    assert pose.keypoints.shape == (17, 3) and pose.keypoints.dtype == np.float32
    assert pose.person_mask.dtype == np.float32 and not pose.findings


def test_the_astronaut_is_found(detector: LandmarkDetector) -> None:
    pose = detector.detect(data.astronaut())
    left, top, right, bottom = pose.box
    assert top < 60 and bottom > 480 and right - left > 250
    assert np.hypot(*(pose.keypoints[NOSE, :2] - (224, 115))) < 25
    assert pose.keypoints[list(SHOULDERS), 1].max() < 300 < pose.keypoints[list(HIPS), 1].min()


@pytest.mark.parametrize(
    ("garment_type", "fits"), [("upper_body", True), ("lower_body", False), ("dresses", True)]
)
def test_a_photo_down_to_the_waist_takes_no_trousers(
    detector: LandmarkDetector, garment_type: str, fits: bool
) -> None:
    pose = detector.detect(data.astronaut())
    if fits:
        check_framing(pose, garment_type)
    else:
        with pytest.raises(PersonCutOff):
            check_framing(pose, garment_type)


def test_a_face_alone_has_no_place_for_a_top(detector: LandmarkDetector) -> None:
    with pytest.raises((PersonCutOff, NoPerson)):
        check_framing(detector.detect(data.astronaut()[:210, 90:350]), "upper_body")


def test_the_whole_body_takes_any_garment(detector: LandmarkDetector, rendered) -> None:
    pose = detector.detect(rendered.person)
    for garment_type in ("upper_body", "lower_body", "dresses"):
        check_framing(pose, garment_type)
    assert pose.keypoints[list(KNEES), 1].min() > pose.keypoints[list(HIPS), 1].max()


def test_somebody_small_in_a_large_picture_is_found(detector: LandmarkDetector) -> None:
    picture = np.full((1200, 1800, 3), 190, np.uint8)
    picture[700:1100, 300:700] = cv2.resize(data.astronaut(), (400, 400), interpolation=cv2.INTER_AREA)
    left, top, right, bottom = detector.detect(picture).box
    assert left >= 280 and right <= 720 and top >= 690 and bottom <= 1110


def test_the_larger_of_two_is_taken_and_it_is_said(detector: LandmarkDetector) -> None:
    astronaut = data.astronaut()
    picture = np.full((512, 1000, 3), 230, np.uint8)
    picture[:, :512] = astronaut
    picture[150:512, 600:962] = cv2.resize(astronaut, (362, 362), interpolation=cv2.INTER_AREA)
    pose = detector.detect(picture)
    assert [finding.code for finding in pose.findings] == ["several_persons"]
    assert pose.box[2] < 600


@pytest.mark.parametrize("name", ["coffee", "rocket", "brick", "moon", "chelsea"])
def test_nobody_in_other_pictures(detector: LandmarkDetector, name: str) -> None:
    picture = getattr(data, name)()
    with pytest.raises(NoPerson):
        detector.detect(picture if picture.ndim == 3 else np.dstack([picture] * 3))


@pytest.mark.parametrize("size", [(256, 192), (1, 1), (3, 400), (700, 20)])
@pytest.mark.parametrize("kind", ["noise", "grey"])
def test_nobody_in_nothing(detector: LandmarkDetector, size: tuple[int, int], kind: str) -> None:
    rng = np.random.default_rng(0)
    picture = (
        rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        if kind == "noise"
        else np.full((*size, 3), 128, np.uint8)
    )
    with pytest.raises(NoPerson):
        detector.detect(picture)


def test_nobody_in_product_pictures(detector: LandmarkDetector) -> None:
    alarms = 0
    for seed in range(SEED, SEED + 5):
        try:
            detector.detect(sample(seed, 256, 192).garment)
            alarms += 1
        except (NoPerson, PersonTooSmall):
            pass
    assert alarms == 0


def test_a_garment_on_a_person_is_told_from_a_flat(detector: LandmarkDetector, rendered) -> None:
    assert detector.wearer(rendered.person) is not None
    assert detector.wearer(rendered.garment) is None


def test_threads_may_share_a_detector(detector: LandmarkDetector, rendered) -> None:
    pictures = [data.astronaut(), rendered.person] * 2
    alone = [detector.detect(picture).keypoints for picture in pictures[:2]]
    with ThreadPoolExecutor(4) as pool:
        together = [pose.keypoints for pose in pool.map(detector.detect, pictures)]
    for index, keypoints in enumerate(together):
        np.testing.assert_array_equal(keypoints, alone[index % 2])


def test_missing_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedWeights, match=r"pose_landmark_full\.tflite"):
        LandmarkDetector(tmp_path)
