"""The three official models on small networks: what goes in, what comes out, what is refused."""

from collections.abc import Callable

import numpy as np
import pytest

from leffa.errors import BadParameter, Cancelled, NoGarment, UnknownModel
from leffa.tryon import PoseRequest, TryOn, TryOnRequest, TryOnResult

Official = Callable[[str], TryOn]


@pytest.fixture(scope="module")
def result(load: Official, person: np.ndarray, garment: np.ndarray) -> TryOnResult:
    """A try-on of one step."""
    return load("viton_hd")(TryOnRequest(person, garment, seed=5, inference_steps=1, repaint=True))


def test_the_answer_has_the_photos_size(result: TryOnResult, person: np.ndarray) -> None:
    for picture in (result.image, result.densepose):
        assert picture.shape == person.shape and picture.dtype == np.uint8
    for picture in (result.mask, result.garment_mask, result.parsing):
        assert picture.shape == person.shape[:2] and picture.dtype == np.uint8
    assert set(np.unique(result.mask)) == {0, 255}
    assert result.flow.shape == (32, 24, 2) and np.isfinite(result.flow).all()


def test_repaint_keeps_the_photo_outside_the_mask(result: TryOnResult, person: np.ndarray) -> None:
    far = np.s_[450:, :50]  # the corner at the feet
    assert not result.mask[far].any()
    assert (result.image[far] == person[far]).all()
    changed = result.image[result.mask > 0].astype(int) - person[result.mask > 0]
    assert np.abs(changed).mean() > 10


def test_the_model_says_what_it_did(result: TryOnResult) -> None:
    assert (result.model, result.seed) == ("viton_hd", 5)
    assert result.parameters["inference_steps"] == 1
    assert result.parameters["guidance_scale"] == 2.5
    assert set(result.timings) == {"preprocess", "generate", "restore"}


def test_the_same_seed_gives_the_same_bytes(
    load: Official, person: np.ndarray, garment: np.ndarray, result: TryOnResult
) -> None:
    again = load("viton_hd")(TryOnRequest(person, garment, seed=5, inference_steps=1, repaint=True))
    assert (again.image == result.image).all()


def test_a_mask_that_is_given_is_obeyed(load: Official, person: np.ndarray, garment: np.ndarray) -> None:
    mask = np.zeros(person.shape[:2], np.uint8)
    mask[100:300, 50:250] = 255
    request = TryOnRequest(
        person, garment, garment_type="dresses", inference_steps=1, guidance_scale=0.0, mask=mask
    )
    obeyed = load("dress_code")(request).mask
    assert (obeyed != mask).mean() < 0.01


def test_upstreams_faults_come_back_on_request(
    load: Official, person: np.ndarray, garment: np.ndarray, result: TryOnResult
) -> None:
    request = TryOnRequest(person, garment, inference_steps=1, guidance_scale=0.0, upstream_faults=True)
    faulty = load("viton_hd")(request)
    assert faulty.parameters["upstream_faults"] and not result.parameters["upstream_faults"]
    assert (faulty.mask != result.mask).any()


def test_a_pose_is_taken_over_whole(load: Official, person: np.ndarray) -> None:
    pose = np.ascontiguousarray(person[:, ::-1][:400])
    request = PoseRequest(person, pose, seed=1, inference_steps=1, guidance_scale=0.0)
    result = load("pose_transfer")(request)
    assert result.image.shape == pose.shape
    assert (result.mask == 255).all()


def test_work_stops_before_the_next_step(load: Official, person: np.ndarray, garment: np.ndarray) -> None:
    with pytest.raises(Cancelled):
        load("dress_code")(TryOnRequest(person, garment), cancelled=lambda: True)


def test_an_empty_cut_out_is_no_garment(load: Official, person: np.ndarray, garment: np.ndarray) -> None:
    clear = np.dstack([garment, np.zeros(garment.shape[:2], np.uint8)])
    with pytest.raises(NoGarment):
        load("viton_hd")(TryOnRequest(person, clear))


def test_centring_needs_a_cut_out(load: Official, person: np.ndarray, garment: np.ndarray) -> None:
    with pytest.raises(BadParameter, match="cut out") as error:
        load("viton_hd")(TryOnRequest(person, garment, preprocess_garment=True))
    assert error.value.field == "preprocess_garment"


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(UnknownModel) as error:
        TryOn.load("enormous")
    assert {"mini", "viton_hd", "dress_code", "pose_transfer"} <= set(error.value.allowed)
