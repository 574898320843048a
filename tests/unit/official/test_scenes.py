"""What the models are shown, with drawn maps in the place of what looks at the photo."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from leffa.errors import NoPerson, PersonCutOff, UnknownModel
from leffa.official import SPECS
from leffa.official.scenes import pose_scene, tryon_layers, tryon_scene
from leffa.official.sight import Sight
from leffa.preprocess.densepose import BodyMap
from leffa.preprocess.label_merge import merge
from leffa.preprocess.parsing import ParsedPerson
from leffa.preprocess.recall import LastAnswer
from leffa.tryon import MaskRequest, PoseRequest, TryOn, TryOnRequest

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


@pytest.fixture
def shirt() -> np.ndarray:
    """A photo of the native size with a red shirt."""
    photo = np.full((1024, 768, 3), 255, np.uint8)
    photo[250:600, 120:330] = (220, 30, 30)
    return photo


@pytest.mark.parametrize("model", ["viton_hd", "dress_code"])
@pytest.mark.parametrize("options", [{}, {"sleeves": "keep"}, {"upstream_faults": True}])
def test_the_layers_mask_is_the_try_ons(model: str, options: dict, shirt: np.ndarray) -> None:
    layers = tryon_layers(sight(people=1), SPECS[model], MaskRequest(shirt, **options))
    scene = tryon_scene(sight(people=1), SPECS[model], TryOnRequest(shirt, GARMENT, **options))
    assert layers.mask.any() and np.array_equal(layers.mask, scene.mask)
    assert {layer.shape for layer in vars(layers).values()} == {(1024, 768)}


def test_the_cloth_is_the_shirt(shirt: np.ndarray) -> None:
    cloth = tryon_layers(sight(people=1), SPECS["viton_hd"], MaskRequest(shirt)).cloth > 0
    truth = shirt[..., 1] < 100
    assert (cloth & truth).sum() / (cloth | truth).sum() > 0.95


@pytest.mark.parametrize("model", ["viton_hd", "dress_code"])
def test_sent_back_at_the_native_size_it_conditions_the_model_alike(model: str, shirt: np.ndarray) -> None:
    mask = tryon_layers(sight(people=1), SPECS[model], MaskRequest(shirt)).mask
    once, again = (
        tryon_scene(sight(people=1), SPECS[model], TryOnRequest(shirt, GARMENT, mask=given))
        for given in (None, mask)
    )
    assert np.array_equal(again.mask, once.mask)
    assert np.array_equal(again.conditions.inputs.mask, once.conditions.inputs.mask)


def test_a_mask_of_nothing_is_refused() -> None:
    with pytest.raises(PersonCutOff):
        tryon_layers(sight(people=1), SPECS["viton_hd"], MaskRequest(np.full((1024, 768, 3), 255, np.uint8)))


def test_a_pose_transfer_has_no_layers(load: Callable[[str], TryOn], person: np.ndarray) -> None:
    with pytest.raises(UnknownModel) as error:
        load("pose_transfer").mask(MaskRequest(person))
    assert error.value.allowed == ["mini", "viton_hd", "dress_code"]


def test_one_person_is_looked_at_once_for_any_garment_and_model(shirt: np.ndarray) -> None:
    looks: list[str] = []
    eyes = ByColour()

    def parse(photo: np.ndarray, exact: bool) -> ParsedPerson:
        looks.append("clothes")
        return eyes.parse(photo, exact)

    def detect(photo: np.ndarray, exact: bool) -> BodyMap:
        looks.append("body")
        return eyes.detect(photo, exact)

    remembering = Sight(LastAnswer(parse), NoKeypoints(), LastAnswer(detect))
    for model in ("viton_hd", "dress_code"):
        for garment in (GARMENT, GARMENT // 2):
            tryon_scene(remembering, SPECS[model], TryOnRequest(shirt, garment))
    tryon_layers(remembering, SPECS["viton_hd"], MaskRequest(shirt, garment_type="dresses"))
    assert sorted(looks) == ["body", "clothes"]
