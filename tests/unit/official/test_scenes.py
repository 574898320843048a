"""What the models are shown, with drawn maps in the place of what looks at the photo."""

from dataclasses import dataclass

import numpy as np
import pytest

from leffa.errors import NoPerson
from leffa.official import SPECS
from leffa.official.scenes import pose_scene, tryon_scene
from leffa.official.sight import Sight
from leffa.preprocess.densepose import BodyMap
from leffa.preprocess.label_merge import merge
from leffa.preprocess.parsing import ParsedPerson
from leffa.tryon import PoseRequest, TryOnRequest

SHIRT = 4
GARMENT = np.full((64, 48, 3), 200, np.uint8)


@dataclass
class ByColour:
    """Sees the shirt where the photo is red; `people` boxes, the first person in the left half."""

    people: int = 1

    def parse(self, photo: np.ndarray, exact: bool = False) -> ParsedPerson:
        red = (photo[..., 0] > 150) & (photo[..., 1] < 100)
        labels = np.where(red, SHIRT, 0).astype(np.uint8)
        return ParsedPerson(merge(labels, labels), labels, labels)

    def detect(self, photo: np.ndarray, exact: bool = False) -> BodyMap:
        if not self.people:
            raise NoPerson("Nobody.")
        parts = np.zeros(photo.shape[:2], np.uint8)
        parts[200:800, 100:350] = 2
        return BodyMap(parts, np.dstack([parts] * 3), self.people, (100, 200, 250, 600))


@dataclass
class NoKeypoints:
    """Finds no joint."""

    def detect(self, photo: np.ndarray, exact: bool = False) -> np.ndarray:
        return np.zeros((18, 2))


def sight(people: int) -> Sight:
    return Sight(ByColour(people), NoKeypoints(), ByColour(people))


@pytest.fixture
def two_shirts() -> np.ndarray:
    """A photo of the native size with a shirt left and a shirt right."""
    photo = np.full((1024, 768, 3), 255, np.uint8)
    photo[250:600, 120:330] = photo[250:600, 480:700] = (220, 30, 30)
    return photo


@pytest.mark.parametrize("model", ["viton_hd", "dress_code"])
def test_only_the_chosen_persons_clothes_are_masked(model: str, two_shirts: np.ndarray) -> None:
    scene = tryon_scene(sight(people=2), SPECS[model], TryOnRequest(two_shirts, GARMENT))
    assert (scene.mask[300:550, 150:300] > 0).mean() > 0.9
    assert not scene.mask[:, 450:].any()
    assert [finding.code for finding in scene.findings] == ["several_persons"]


def test_upstream_masks_everybody(two_shirts: np.ndarray) -> None:
    request = TryOnRequest(two_shirts, GARMENT, upstream_faults=True)
    scene = tryon_scene(sight(people=2), SPECS["dress_code"], request)
    assert (scene.mask[300:550, 500:680] > 0).mean() > 0.9


def test_nobody_is_told_with_the_field_at_fault(two_shirts: np.ndarray) -> None:
    with pytest.raises(NoPerson) as error:
        tryon_scene(sight(people=0), SPECS["viton_hd"], TryOnRequest(two_shirts, GARMENT))
    assert error.value.field == "human_image"
    with pytest.raises(NoPerson) as error:
        pose_scene(ByColour(people=0), SPECS["pose_transfer"], PoseRequest(two_shirts, two_shirts))
    assert error.value.field == "pose_image"
