"""Whatever is uploaded, the answer is a picture or a problem document of the 4xx kind: never a 5xx."""

import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

FUZZ = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
KINDS = {"PNG": {}, "JPEG": {"quality": 60}, "WEBP": {}, "GIF": {}, "BMP": {}}


def sample(kind: str) -> bytes:
    buffer = io.BytesIO()
    picture = Image.effect_mandelbrot((48, 40), (-2, -1.5, 1, 1.5), 30).convert("RGB")
    picture.save(buffer, kind, **KINDS[kind])
    return buffer.getvalue()


SAMPLES = {kind: sample(kind) for kind in KINDS}


def check(answer) -> None:
    """A picture, or a complete 4xx problem."""
    if answer.status_code == 200:
        assert answer.headers["content-type"].startswith("image/")
        return
    assert 400 <= answer.status_code < 500, answer.text[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] and answer.json()["fix"]


@st.composite
def mutated(draw, kind: str) -> bytes:
    """A picture with bytes overwritten, mostly in the header, and perhaps cut or lengthened."""
    data = bytearray(SAMPLES[kind])
    header = min(len(data), 80) - 1
    places = st.one_of(st.integers(0, header), st.integers(0, len(data) - 1))
    for place, value in draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        data[place] = value
    data += draw(st.binary(max_size=40))
    return bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data)


@pytest.mark.parametrize("kind", list(KINDS))
def test_mutated_pictures(puppet_client, send, small_png, kind: str) -> None:
    @FUZZ
    @given(data=mutated(kind))
    def fuzz(data: bytes) -> None:
        check(send(puppet_client, data, small_png))
        check(send(puppet_client, small_png, data))

    fuzz()


@FUZZ
@given(data=st.binary(max_size=400))
def test_random_bytes_as_a_picture(puppet_client, send, small_png, data: bytes) -> None:
    check(send(puppet_client, data, small_png, mask=data))


@FUZZ
@given(body=st.binary(max_size=400), boundary=st.sampled_from(["x", "", "--", '"']))
def test_random_bytes_as_a_form(puppet_client, body: bytes, boundary: str) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    check(puppet_client.post("/tryon", content=body, headers=headers))
    check(puppet_client.post("/tryon", content=b"--x\r\n" + body + b"\r\n--x--\r\n", headers=headers))


@FUZZ
@given(
    name=st.one_of(
        st.sampled_from(["seed", "preset", "model", "guidance_scale"]), st.text(min_size=1, max_size=20)
    ),
    value=st.text(max_size=30),
)
def test_random_fields(puppet_client, send, small_png, name: str, value: str) -> None:
    files = {"human_image": ("a.png", small_png), "garment_image": ("b.png", small_png)}
    check(puppet_client.post("/tryon", files=files, data={name: value}))


def test_mutated_pictures_reach_the_real_model_unharmed(client, send, garment_png) -> None:
    @settings(FUZZ, max_examples=10)
    @given(data=mutated("PNG"))
    def fuzz(data: bytes) -> None:
        check(send(client, data, garment_png, inference_steps=1))

    fuzz()
