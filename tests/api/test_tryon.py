"""POST /tryon with the real model: the picture, its headers, the JSON answer, and the same again."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image, ImageOps

from leffa import provenance


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.fixture(scope="module")
def answer(client, send, person_png, garment_png):
    return send(client, person_png, garment_png, seed=7)


def test_the_answer_is_a_picture_of_the_photo_s_size(answer, person_png) -> None:
    assert answer.status_code == 200, answer.text[:500]
    assert answer.headers["content-type"] == "image/png"
    assert pixels(answer.content).shape == pixels(person_png).shape
    assert not np.array_equal(pixels(answer.content), pixels(person_png))


def test_headers_tell_what_made_it(answer) -> None:
    assert answer.headers["x-seed"] == "7"
    assert answer.headers["x-model"] == "mini"
    assert answer.headers["x-weights"] == "embedded"
    assert "demonstration" in answer.headers["x-model-note"]
    assert len(answer.headers["x-request-id"]) == 32
    assert isinstance(json.loads(answer.headers["x-findings"]), list)
    stages = [entry.split(";")[0] for entry in answer.headers["server-timing"].split(", ")]
    assert {"receive", "queue", "generate"} <= set(stages)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    answer, client, send, person_png, garment_png
) -> None:
    again = send(client, person_png, garment_png, seed=7)
    other = send(client, person_png, garment_png, seed=8)
    assert again.content == answer.content
    assert not np.array_equal(pixels(other.content), pixels(answer.content))


def test_without_a_seed_one_is_drawn_and_told(client, send, person_png, garment_png) -> None:
    drawn = {send(client, person_png, garment_png, inference_steps=1).headers["x-seed"] for _ in range(2)}
    assert len(drawn) == 2


def test_the_picture_carries_what_it_takes_to_make_it_again(answer, client, person_png, garment_png) -> None:
    record = provenance.read(answer.content)
    assert record.ai_generated
    assert record.seed == 7
    assert record.model == "mini"
    assert record.weights_sha256 == client.app.state.engine.default.facts.weights_hash
    assert record.inputs == {
        "person": provenance.sha256(person_png),
        "garment": provenance.sha256(garment_png),
    }
    assert {"leffa", "torch", "diffusers"} <= set(record.versions)
    assert provenance.SOURCE_TYPE in Image.open(io.BytesIO(answer.content)).info["XML:com.adobe.xmp"]


def test_pixels_outside_the_mask_are_the_photo_s_own(client, send, person_png, garment_png) -> None:
    headers = {"Accept": "application/json"}
    body = send(client, person_png, garment_png, seed=7, headers=headers).json()
    kept = pixels(base64.b64decode(body["mask"]))[..., 0] == 0
    result = pixels(base64.b64decode(body["image"]))
    assert 0.1 < kept.mean() < 0.99
    assert np.array_equal(result[kept], pixels(person_png)[kept])


def test_the_json_answer_has_every_map_and_the_same_facts(
    answer, client, send, person_png, garment_png
) -> None:
    headers = {"Accept": "application/json"}
    body = send(client, person_png, garment_png, seed=7, headers=headers).json()
    assert base64.b64decode(body["image"]) == answer.content
    size = pixels(person_png).shape[:2]
    for name in ("mask", "densepose", "parsing"):
        assert pixels(base64.b64decode(body[name])).shape[:2] == size, name
    assert Image.open(io.BytesIO(base64.b64decode(body["flow"]))).format == "PNG"
    assert np.asarray(Image.open(io.BytesIO(base64.b64decode(body["parsing"])))).max() <= 17
    assert (body["seed"], body["model"], body["weights"], body["demonstration"]) == (
        7,
        "mini",
        "embedded",
        True,
    )
    assert body["provenance"]["seed"] == 7
    assert body["parameters"]["garment_type"] == "upper_body"
    assert body["timings"]["generate"] > 0
    assert body["variations"] == []


def test_several_pictures_have_seeds_in_a_row(client, send, person_png, garment_png) -> None:
    headers = {"Accept": "application/json"}
    options = {"inference_steps": 1, "seed": 2**32 - 1, "num_images": 3}
    body = send(client, person_png, garment_png, headers=headers, **options).json()
    assert [body["seed"], *(other["seed"] for other in body["variations"])] == [2**32 - 1, 0, 1]
    pictures = {body["image"], *(other["image"] for other in body["variations"])}
    assert len(pictures) == 3
    assert body["variations"][1]["provenance"]["seed"] == 1


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_other_formats(client, send, person_png, garment_png, kind: str) -> None:
    answer = send(client, person_png, garment_png, output_format=kind, inference_steps=1)
    assert answer.headers["content-type"] == f"image/{kind}"
    assert Image.open(io.BytesIO(answer.content)).format == kind.upper()
    assert provenance.read(answer.content).ai_generated


def test_explicit_parameters_are_obeyed(client, send, person_png, garment_png) -> None:
    options = {"inference_steps": 2, "guidance_scale": 1.5, "repaint": "true", "ref_acceleration": "true"}
    answer = send(client, person_png, garment_png, garment_type="dresses", **options)
    parameters = provenance.read(answer.content).parameters
    assert parameters["inference_steps"] == 2
    assert parameters["guidance_scale"] == 1.5
    assert parameters["repaint"] and parameters["ref_acceleration"]
    assert parameters["garment_type"] == "dresses"


def test_a_mask_of_one_s_own_decides_what_is_repainted(client, send, tools, person_png, garment_png) -> None:
    photo = pixels(person_png)
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[photo.shape[0] // 3 : photo.shape[0] // 2, photo.shape[1] // 3 : -photo.shape[1] // 3] = 255
    answer = send(
        client, person_png, garment_png, mask=tools.encode(Image.fromarray(mask)), inference_steps=1
    )
    assert answer.status_code == 200, answer.text[:500]
    assert np.array_equal(pixels(answer.content)[mask == 0], photo[mask == 0])


@pytest.mark.parametrize("kind", ["rotated", "cmyk", "palette", "sixteen bits", "animated", "grey"])
def test_unusual_photos_work(client, send, tools, person_png, garment_png, kind: str) -> None:
    photo = Image.open(io.BytesIO(person_png)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    data = {
        "rotated": lambda: tools.encode(photo.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif),
        "cmyk": lambda: tools.encode(photo.convert("CMYK"), "JPEG", quality=95),
        "palette": lambda: tools.encode(photo.quantize(256)),
        "sixteen bits": lambda: tools.encode(
            Image.fromarray(np.asarray(photo.convert("L")).astype("u2") * 257)
        ),
        "animated": lambda: tools.encode(
            photo, "WEBP", save_all=True, append_images=[ImageOps.invert(photo)]
        ),
        "grey": lambda: tools.encode(photo.convert("L")),
    }[kind]()
    answer = send(client, data, garment_png, inference_steps=1)
    assert answer.status_code == 200, answer.text[:500]
    assert pixels(answer.content).shape == pixels(person_png).shape
    assert ("animated" in json.loads(answer.headers["x-findings"])) == (kind == "animated")


def test_a_transparent_garment_and_person_work(client, send, tools, person_png, garment_png) -> None:
    garment = Image.open(io.BytesIO(garment_png)).convert("RGBA")
    near_white = np.asarray(garment.convert("RGB")).min(axis=2) > 240
    garment.putalpha(Image.fromarray(np.where(near_white, 0, 255).astype(np.uint8)))
    person = Image.open(io.BytesIO(person_png)).convert("RGBA")
    person.putpixel((0, 0), (9, 9, 9, 0))
    answer = send(client, tools.encode(person), tools.encode(garment), inference_steps=1)
    assert answer.status_code == 200, answer.text[:500]
    assert pixels(answer.content)[0, 0].tolist() == [255, 255, 255]
