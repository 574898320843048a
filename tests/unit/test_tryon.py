"""One try-on with the real embedded model."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from leffa.errors import BadParameter, Cancelled, EmptyMask, MaskWrongSize, UnknownGarmentType, UnknownModel
from leffa.images import Limits, decode
from leffa.tryon import TryOn, TryOnRequest, TryOnResult

LIMITS = Limits(file_bytes=10_000_000, pixels=10_000_000)


@pytest.fixture(scope="module")
def request_(person_png: bytes, garment_png: bytes) -> TryOnRequest:
    person, garment = (decode(data, LIMITS).on_white for data in (person_png, garment_png))
    return TryOnRequest(person=person, garment=garment, seed=3, inference_steps=2)


@pytest.fixture(scope="module")
def result(model: TryOn, request_: TryOnRequest) -> TryOnResult:
    return model(request_)


def test_the_answer_has_the_photos_size_and_changes_only_the_mask(
    request_: TryOnRequest, result: TryOnResult
) -> None:
    assert result.image.shape == request_.person.shape
    kept = result.mask == 0
    assert np.array_equal(result.image[kept], request_.person[kept])
    assert not np.array_equal(result.image, request_.person)


def test_the_garment_lies_inside_the_mask(result: TryOnResult) -> None:
    assert result.garment_mask.any()
    assert not (result.garment_mask > 0)[result.mask == 0].any()


def test_hair_hat_and_shoes_are_not_repainted(result: TryOnResult) -> None:
    protected = np.isin(result.parsing, (1, 2, 3, 9, 10))
    # The mask is found at 256x192: its outline may be off by a pixel of that grid.
    assert protected.any() and (result.mask[protected] > 0).mean() < 0.05


def test_the_same_seed_gives_the_same_bytes_another_does_not(
    model: TryOn, request_: TryOnRequest, result: TryOnResult
) -> None:
    assert np.array_equal(model(request_).image, result.image)
    assert not np.array_equal(model(replace(request_, seed=4)).image, result.image)


def test_omitted_options_take_the_models_defaults(model: TryOn, request_: TryOnRequest) -> None:
    parameters = model.resolve(replace(request_, inference_steps=None))
    assert (parameters.inference_steps, parameters.guidance_scale) == (8, 1.0)


def test_a_given_mask_is_obeyed(model: TryOn, request_: TryOnRequest) -> None:
    mask = np.zeros(request_.person.shape[:2], np.uint8)
    mask[150:260, 120:260] = 255
    result = model(replace(request_, mask=mask))
    assert np.array_equal(result.mask, mask)
    assert np.array_equal(result.image[mask == 0], request_.person[mask == 0])


def test_the_mask_can_be_steered(model: TryOn, request_: TryOnRequest, result: TryOnResult) -> None:
    kept = model(replace(request_, sleeves="keep"))
    assert 0 < (kept.mask > 0).sum() < (result.mask > 0).sum()
    short = model(replace(request_, garment_type="dresses", length="short"))
    long = model(replace(request_, garment_type="dresses", length="long"))
    rows = [np.flatnonzero(answer.mask.any(axis=1)).max() for answer in (short, long)]
    assert rows[0] <= rows[1]


def test_what_is_protected_is_spared_even_by_a_given_mask(model: TryOn, request_: TryOnRequest) -> None:
    everything = np.full(request_.person.shape[:2], 255, np.uint8)
    spared = model(replace(request_, mask=everything, protect=("hair", "shoes")))
    assert (spared.mask[np.isin(spared.parsing, (2, 9, 10))] == 0).all()
    assert (spared.mask > 0).any()


def test_the_answer_tells_every_option(request_: TryOnRequest, result: TryOnResult) -> None:
    ours = {"person", "garment", "mask", "model", "seed"}
    assert set(result.parameters) == set(vars(request_)) - ours
    assert (result.parameters["sleeves"], result.parameters["protect"]) == ("auto", ())
    assert (result.parameters["preset"], result.parameters["inference_steps"]) == ("exact", 2)


def test_the_garments_colour_arrives(request_: TryOnRequest, result: TryOnResult) -> None:
    worn = result.image[result.garment_mask > 0].mean(0)
    flat = request_.garment[150:300, 100:280].reshape(-1, 3).mean(0)
    before = request_.person[result.garment_mask > 0].mean(0)
    assert np.abs(worn - flat).mean() < np.abs(before - flat).mean()


def test_a_transparent_garment_is_read_by_its_alpha(model: TryOn, request_: TryOnRequest) -> None:
    alpha = np.zeros(request_.garment.shape[:2], np.uint8)
    alpha[100:400, 80:300] = 255
    assert model(replace(request_, garment=np.dstack([request_.garment, alpha]))).garment_mask.any()


def test_progress_tells_every_stage_and_step(model: TryOn, request_: TryOnRequest) -> None:
    told: list[tuple[str, int, int]] = []
    model(request_, progress=lambda *event: told.append(event))
    assert [stage for stage, step, _ in told if step == 0] == ["preprocess", "generate", "restore"]
    assert ("denoise", 1, 2) in told and ("denoise", 2, 2) in told


def test_cancelling_stops_before_the_next_step(model: TryOn, request_: TryOnRequest) -> None:
    steps: list[int] = []

    def progress(stage: str, step: int, total: int) -> None:
        if stage == "denoise":
            steps.append(step)

    with pytest.raises(Cancelled):
        model(replace(request_, inference_steps=5), progress, lambda: len(steps) >= 2)
    assert steps == [1, 2]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"garment_type": "shoes"}, UnknownGarmentType),
        ({"model": "enormous"}, UnknownModel),
        ({"inference_steps": 0}, BadParameter),
        ({"guidance_scale": 21.0}, BadParameter),
        ({"seed": -1}, BadParameter),
        ({"sleeves": "wide"}, BadParameter),
        ({"protect": ("feet",)}, BadParameter),
        ({"mask": np.zeros((3, 3), np.uint8)}, MaskWrongSize),
    ],
)
def test_bad_options_are_refused(
    model: TryOn, request_: TryOnRequest, change: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        model(replace(request_, **change))


def test_an_empty_mask_is_refused(model: TryOn, request_: TryOnRequest) -> None:
    with pytest.raises(EmptyMask):
        model(replace(request_, mask=np.zeros(request_.person.shape[:2], np.uint8)))


def test_an_unknown_model_is_not_loaded() -> None:
    with pytest.raises(UnknownModel):
        TryOn.load("enormous")


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadParameter):
        TryOn.load("mini", "tpu")
