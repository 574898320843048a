"""POST /pose-transfer: the same answers, headers and errors as /tryon, from a model of its own."""

import base64
import io

import httpx
import numpy as np
import pytest
from PIL import Image

from leffa import provenance
from leffa.errors import catalogue


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def post(client: httpx.Client, person: bytes, pose: bytes, headers=None, **fields) -> httpx.Response:
    files = {"human_image": ("person.png", person), "pose_image": ("pose.png", pose)}
    data = {name: str(value) for name, value in fields.items()}
    return client.post("/pose-transfer", files=files, data=data, headers=headers)


@pytest.fixture(scope="module")
def poser(tools, tmp_path_factory):
    """A client of a service that has the model for pose transfer, and the embedded one."""
    folder = tmp_path_factory.mktemp("weights")
    (folder / "pose_transfer.pth").touch()
    with tools.running(lambda name: tools.Puppet(model=name), model_path=folder) as client:
        yield client


def test_the_answer_is_a_picture_that_says_what_made_it(poser, small_png) -> None:
    answer = post(poser, small_png, small_png, seed=5, inference_steps=3, guidance_scale=1.5)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert (answer.headers["x-seed"], answer.headers["x-model"]) == ("5", "pose_transfer")
    assert answer.headers["x-weights"] == "official" and "x-model-note" not in answer.headers
    assert np.array_equal(pixels(answer.content), 255 - pixels(small_png))
    record = provenance.read(answer.content)
    assert (record.model, record.parameters["inference_steps"]) == ("pose_transfer", 3)
    assert set(record.inputs) == {"person", "pose"}
    assert "garment_type" not in record.parameters


def test_several_pictures_as_json(poser, small_png) -> None:
    options = {"num_images": 3, "seed": 1, "ref_acceleration": "true", "preset": "fast"}
    body = post(poser, small_png, small_png, {"Accept": "application/json"}, **options).json()
    assert [body["seed"], *(other["seed"] for other in body["variations"])] == [1, 2, 3]
    assert body["demonstration"] is False and body["parameters"]["ref_acceleration"] is True
    for name in ("image", "mask", "densepose", "parsing", "flow"):
        assert Image.open(io.BytesIO(base64.b64decode(body[name]))).format == "PNG"


def test_another_format(poser, small_png) -> None:
    answer = post(poser, small_png, small_png, output_format="webp")
    assert Image.open(io.BytesIO(answer.content)).format == "WEBP"


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"garment_type": "dresses"}, "unknown_parameter", "garment_type"),
        ({"sleeves": "long"}, "unknown_parameter", "sleeves"),
        ({"inference_steps": 0}, "parameter_out_of_range", "inference_steps"),
        ({"num_images": 2}, "parameter_out_of_range", "num_images"),
        ({"preset": "instant"}, "unknown_preset", "preset"),
        ({"model": "mini"}, "unknown_model", "model"),
        ({"model": "viton_hd"}, "unknown_model", "model"),
    ],
)
def test_bad_fields(poser, small_png, fields: dict, code: str, field: str) -> None:
    answer = post(poser, small_png, small_png, **fields)
    assert (answer.json()["code"], answer.json()["field"]) == (code, field)
    assert answer.status_code == catalogue()[code].status


def test_both_pictures_are_needed(poser, small_png) -> None:
    answer = poser.post("/pose-transfer", files={"human_image": ("a.png", small_png)})
    assert (answer.json()["code"], answer.json()["field"]) == ("missing_field", "pose_image")
    assert "human_image and pose_image" in answer.json()["fix"]
    assert post(poser, small_png, b"no picture").json()["field"] == "pose_image"


def test_without_its_weights_the_answer_says_how_to_get_them(puppet_client, small_png) -> None:
    answer = post(puppet_client, small_png, small_png)
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_model")
    assert "leffa weights pull pose_transfer" in answer.json()["fix"]
    assert "received" not in answer.json()


def test_a_try_on_cannot_be_made_by_the_pose_model(poser, send, small_png) -> None:
    body = send(poser, small_png, small_png, model="pose_transfer").json()
    assert (body["code"], body["allowed"]) == ("unknown_model", ["mini"])
