"""The mask of a photo before any garment: what `TryOn.mask` finds is what a try-on repaints."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from leffa.errors import BadParameter, NoPerson, UnknownGarmentType, UnknownModel
from leffa.images import decode
from leffa.tryon import MaskRequest, TryOn, TryOnRequest

OPTIONS = (
    {},
    {"garment_type": "lower_body", "length": "short"},
    {"garment_type": "dresses"},
    {"sleeves": "keep", "protect": ("hands", "hair")},
)


@pytest.fixture(scope="module")
def person(person_png: bytes) -> np.ndarray:
    return decode(person_png).on_white


@pytest.fixture(scope="module")
def garment(garment_png: bytes) -> np.ndarray:
    return decode(garment_png).on_white


@pytest.mark.parametrize("options", OPTIONS)
def test_it_is_the_mask_of_a_try_on_with_the_same_options(
    model: TryOn, person: np.ndarray, garment: np.ndarray, options: dict[str, Any]
) -> None:
    dressed = model(TryOnRequest(person, garment, inference_steps=1, **options))
    assert np.array_equal(model.mask(MaskRequest(person, **options)).mask, dressed.mask)


def test_sent_back_without_the_options_it_gives_the_same_picture(
    model: TryOn, person: np.ndarray, garment: np.ndarray
) -> None:
    """Exactly so here, as the photo is twice the model's size: a native pixel is a square of the mask."""
    asked = TryOnRequest(person, garment, inference_steps=1, sleeves="keep", protect=("hands",))
    mask = model.mask(MaskRequest(person, sleeves="keep", protect=("hands",))).mask
    once, again = model(asked), model(TryOnRequest(person, garment, inference_steps=1, mask=mask))
    assert np.array_equal(again.mask, mask)
    assert np.array_equal(again.image, once.image)


def test_of_any_size_the_mask_itself_comes_back_and_nothing_outside_it_changes(
    model: TryOn, person: np.ndarray, garment: np.ndarray
) -> None:
    photo = person[:401, :333]
    mask = model.mask(MaskRequest(photo)).mask
    again = model(TryOnRequest(photo, garment, inference_steps=1, mask=mask))
    assert np.array_equal(again.mask, mask)
    assert np.array_equal(again.image[mask == 0], photo[mask == 0])


def test_the_layers_lie_where_the_mask_goes_and_where_it_does_not(model: TryOn, person: np.ndarray) -> None:
    layers = model.mask(MaskRequest(person))
    for layer in vars(layers).values():
        assert layer.shape == person.shape[:2] and layer.dtype == np.uint8
        assert set(np.unique(layer)) <= {0, 255}
    repainted = {
        name: (layers.mask[layer > 0] > 0).mean() for name, layer in vars(layers).items() if layer.any()
    }
    assert repainted["cloth"] > 0.9 and repainted["arms"] > 0.8
    # The mask is found at 256x192: its outline may be off by a pixel of that grid.
    assert max(repainted[name] for name in ("hair", "face", "hands", "shoes") if name in repainted) < 0.15


@pytest.mark.parametrize("name", ["hair", "hands"])
def test_what_is_protected_leaves_the_mask(model: TryOn, person: np.ndarray, name: str) -> None:
    layers = model.mask(MaskRequest(person, protect=(name,)))
    protected = vars(layers)[name] > 0
    assert (layers.mask[protected] > 0).mean() < 0.1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"garment_type": "shoes"}, UnknownGarmentType),
        ({"model": "enormous"}, UnknownModel),
        ({"sleeves": "wide"}, BadParameter),
        ({"protect": ("feet",)}, BadParameter),
    ],
)
def test_bad_options_are_refused(
    model: TryOn, person: np.ndarray, change: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        model.mask(replace(MaskRequest(person), **change))


def test_nobody_has_no_mask(model: TryOn, garment: np.ndarray) -> None:
    with pytest.raises(NoPerson) as error:
        model.mask(MaskRequest(garment))
    assert error.value.field == "human_image"


def test_a_second_garment_finds_the_person_remembered_and_gives_the_same_bytes(
    person: np.ndarray, garment: np.ndarray
) -> None:
    other = garment[:, ::-1].copy()
    fresh, remembering = TryOn.load("mini"), TryOn.load("mini")
    remembering(TryOnRequest(person, garment, inference_steps=1))
    first, second = (model(TryOnRequest(person, other, inference_steps=1)) for model in (fresh, remembering))
    for name in ("image", "mask", "densepose", "parsing", "garment_mask", "flow"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


def test_changing_an_answer_changes_no_later_one(
    model: TryOn, person: np.ndarray, garment: np.ndarray
) -> None:
    request = TryOnRequest(person, garment, inference_steps=1)
    kept = model(request).parsing.copy()
    model(request).parsing[:] = 0
    assert np.array_equal(model(request).parsing, kept)
