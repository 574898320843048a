"""Every way to ask wrongly gets its own problem document, and the service stays up."""

import io

import numpy as np
import pytest
from PIL import Image

from leffa.errors import LeffaError, NoPerson, catalogue


def check(answer, code: str, field: str | None = None) -> dict:
    """The answer is the problem ``code``, complete and of the status its error says."""
    assert answer.headers["content-type"] == "application/problem+json", answer.status_code
    body = answer.json()
    assert (body["code"], body.get("field")) == (code, field), body
    assert answer.status_code == body["status"] == catalogue()[code].status
    assert body["type"] == f"/docs/problems#{code}"
    assert body["title"] and body["detail"] and body["fix"]
    assert body["instance"] == answer.headers["x-request-id"]
    return body


@pytest.fixture(params=["human_image", "garment_image"])
def spoiled(request, puppet_client, send, small_png):
    """Send one bad picture, first as the person, then as the garment."""

    def post(data: bytes):
        pictures = [data, small_png] if request.param == "human_image" else [small_png, data]
        return send(puppet_client, *pictures)

    return request.param, post


def noise(*shape: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8))


def test_an_empty_file(spoiled) -> None:
    field, post = spoiled
    check(post(b""), "empty_file", field)


def test_not_an_image(spoiled) -> None:
    field, post = spoiled
    check(post(b"this is no picture"), "not_an_image", field)


def test_a_truncated_image(spoiled, tools) -> None:
    field, post = spoiled
    data = tools.encode(noise(200, 200), "JPEG")
    check(post(data[: len(data) // 2]), "truncated_image", field)


def test_an_unsupported_format(spoiled, tools) -> None:
    field, post = spoiled
    body = check(post(tools.encode(noise(64, 64), "TIFF")), "unsupported_format", field)
    assert body["received"] == "TIFF" and "JPEG" in body["allowed"]


def test_too_many_bytes(spoiled) -> None:
    field, post = spoiled
    check(post(b"\xff\xd8\xff" + bytes(20 * 1024**2)), "image_too_large", field)


def test_too_many_pixels(spoiled, tools) -> None:
    field, post = spoiled
    body = check(post(tools.encode(Image.new("1", (8000, 5001)))), "too_many_pixels", field)
    assert body["allowed"] == 40_000_000 and body["received"] == 8000 * 5001


def test_a_header_that_lies(spoiled, small_png) -> None:
    field, post = spoiled
    promising = small_png[:16] + (3000).to_bytes(4) + (3000).to_bytes(4) + small_png[24:]
    check(post(promising), "truncated_image", field)


def test_a_picture_too_small(spoiled, tools) -> None:
    field, post = spoiled
    check(post(tools.encode(noise(4, 4))), "image_too_small", field)


@pytest.mark.parametrize("missing", ["human_image", "garment_image"])
def test_a_missing_file(puppet_client, small_png, missing: str) -> None:
    files = {name: ("a.png", small_png) for name in ("human_image", "garment_image") if name != missing}
    check(puppet_client.post("/tryon", files=files), "missing_field", missing)


def test_a_file_sent_as_text(puppet_client, small_png) -> None:
    files = {"human_image": (None, "me.png"), "garment_image": ("a.png", small_png)}
    check(puppet_client.post("/tryon", files=files), "missing_field", "human_image")


@pytest.mark.parametrize("charset", ["undefined", "unicode_escape", "latin-1"])
@pytest.mark.parametrize("path", ["/tryon", "/v1/images/edits"])
def test_a_form_in_another_charset(puppet_client, charset: str, path: str) -> None:
    headers = {"Content-Type": f"multipart/form-data; charset={charset}; boundary=x"}
    text = b'--x\r\nContent-Disposition: form-data; name="seed"\r\n\r\n\\ud800\r\n--x--\r\n'
    answer = puppet_client.post(path, content=text, headers=headers)
    assert answer.status_code == 422 and "charset" in answer.text


def test_no_form_at_all(puppet_client) -> None:
    check(puppet_client.post("/tryon"), "missing_field", "human_image")
    check(puppet_client.post("/tryon", json={"human_image": "x"}), "missing_field", "human_image")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("guidance_scale", "-0.1", "parameter_out_of_range"),
        ("guidance_scale", "20.1", "parameter_out_of_range"),
        ("guidance_scale", "nan", "parameter_out_of_range"),
        ("guidance_scale", "much", "parameter_out_of_range"),
        ("inference_steps", "0", "parameter_out_of_range"),
        ("inference_steps", "101", "parameter_out_of_range"),
        ("inference_steps", "2.5", "parameter_out_of_range"),
        ("seed", "-1", "parameter_out_of_range"),
        ("seed", str(2**32), "parameter_out_of_range"),
        ("seed", "tuesday", "parameter_out_of_range"),
        ("num_images", "5", "parameter_out_of_range"),
        ("num_images", "2", "parameter_out_of_range"),
        ("sleeves", "wide", "parameter_out_of_range"),
        ("length", "Long", "parameter_out_of_range"),
        ("protect", "hands, feet", "parameter_out_of_range"),
        ("preprocess_garment", "maybe", "parameter_out_of_range"),
        ("upstream_faults", "2", "parameter_out_of_range"),
        ("ref_acceleration", "perhaps", "parameter_out_of_range"),
        ("garment_type", "shoes", "unknown_garment_type"),
        ("preset", "instant", "unknown_preset"),
        ("output_format", "gif", "unknown_output_format"),
        ("model", "best", "unknown_model"),
        ("guidence_scale", "2.5", "unknown_parameter"),
    ],
)
def test_bad_parameters(puppet_client, send, small_png, field: str, value: str, code: str) -> None:
    body = check(send(puppet_client, small_png, small_png, **{field: value}), code, field)
    assert body["allowed"]


@pytest.mark.parametrize("value", ["0", "20", " 3 "])
def test_the_ends_of_a_range_are_inside(puppet_client, send, small_png, value: str) -> None:
    assert send(puppet_client, small_png, small_png, guidance_scale=value).status_code == 200


def test_an_empty_field_counts_as_left_out(puppet_client, send, small_png) -> None:
    assert send(puppet_client, small_png, small_png, seed="", inference_steps="").status_code == 200


def test_a_field_sent_twice(puppet_client, small_png) -> None:
    files = [
        ("human_image", ("a.png", small_png)),
        ("human_image", ("b.png", small_png)),
        ("garment_image", ("c.png", small_png)),
    ]
    check(puppet_client.post("/tryon", files=files), "parameter_out_of_range", "human_image")


def test_a_text_field_sent_as_a_file(puppet_client, small_png) -> None:
    files = {"seed": ("seed.txt", b"1"), "human_image": ("a.png", small_png)}
    check(puppet_client.post("/tryon", files=files), "parameter_out_of_range", "seed")


def test_masks_that_do_not_fit(puppet_client, send, tools, small_png) -> None:
    def post(mask: bytes):
        return send(puppet_client, small_png, small_png, mask=mask)

    black, white = Image.new("L", (64, 64), 0), Image.new("L", (64, 64), 255)
    check(post(tools.encode(Image.new("L", (64, 63), 255))), "mask_wrong_size", "mask_image")
    check(post(tools.encode(black)), "empty_mask", "mask_image")
    check(post(tools.encode(white)), "bad_mask", "mask_image")
    check(post(b"no mask"), "not_an_image", "mask_image")


def test_a_photo_of_nobody(client, send, tools, garment_png) -> None:
    plain = tools.encode(Image.new("RGB", (384, 512), (90, 120, 140)))
    check(send(client, plain, garment_png), "no_person", "human_image")


def test_a_garment_picture_of_nothing(client, send, tools, person_png) -> None:
    white = tools.encode(Image.new("RGB", (384, 512), "white"))
    check(send(client, person_png, white), "no_garment", "garment_image")


def test_trousers_need_legs(client, send, tools, person_png, garment_png) -> None:
    photo = Image.open(io.BytesIO(person_png)).convert("RGB")
    bust = photo.crop((0, 0, photo.width, photo.height // 3))
    answer = send(client, tools.encode(bust), garment_png, garment_type="lower_body")
    check(answer, "person_cut_off", "human_image")


def test_a_small_person(client, send, tools, person_png, garment_png) -> None:
    photo = Image.open(io.BytesIO(person_png)).convert("RGB")
    canvas = Image.new("RGB", (photo.width * 4, photo.height * 4), photo.getpixel((0, 0)))
    canvas.paste(photo.resize((photo.width // 10, photo.height // 10)), (photo.width * 2, photo.height * 2))
    answer = send(client, tools.encode(canvas), garment_png)
    assert answer.json()["code"] in ("person_too_small", "no_person")


def test_unknown_addresses_and_methods(puppet_client) -> None:
    for answer, code in (
        (puppet_client.get("/nowhere"), "not_found"),
        (puppet_client.get("/tryon"), "method_not_allowed"),
    ):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == code
        assert answer.headers["x-request-id"]


def test_what_the_model_says_is_passed_on(tools, send, small_png) -> None:
    def nobody(request, cancelled) -> None:
        raise NoPerson(field="human_image")

    with tools.running(lambda name: tools.Puppet(nobody)) as client:
        check(send(client, small_png, small_png), "no_person", "human_image")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("something nobody thought of"), "internal_error"),
        (MemoryError(), "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out_of_memory"),
        (RuntimeError("CUDA out of memory"), "out_of_memory"),
    ],
)
def test_a_model_that_breaks_does_not_take_the_service_along(
    tools, send, small_png, error, code: str
) -> None:
    faults: list[Exception] = [error]

    def act(request, cancelled) -> None:
        if faults:
            raise faults.pop()

    with tools.running(lambda name: tools.Puppet(act)) as client:
        body = check(send(client, small_png, small_png), code)
        assert "nobody thought of" not in str(body)
        assert send(client, small_png, small_png).status_code == 200


def test_every_code_is_explained(puppet_client) -> None:
    page = puppet_client.get("/docs/problems").text
    for code, error in catalogue().items():
        assert f'id="{code}"' in page
        assert error.title != LeffaError.title or error is LeffaError
