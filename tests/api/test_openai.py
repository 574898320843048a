"""POST /v1/images/edits through OpenAI's own package, unchanged."""

import hashlib
import io
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace

import httpx
import numpy as np
import openai
import pytest
from PIL import Image

from leffa import images
from leffa.service.orders import DECODERS

KEY = "a-long-random-word"


@pytest.fixture(scope="module")
def shop(tools: SimpleNamespace) -> Iterator[httpx.Client]:
    """A service that wants a key."""
    keys = f"shop:{hashlib.sha256(KEY.encode()).hexdigest()}"
    with tools.running(lambda name: tools.Puppet(model=name), api_keys=keys) as client:
        yield client


@pytest.fixture(scope="module")
def sdk(shop: httpx.Client) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{shop.base_url}/v1", api_key=KEY, max_retries=0) as sdk:
        yield sdk


def pixels(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


def test_two_images_make_one_picture(sdk, shop, small_png) -> None:
    before = shop.app.state.desk.store.ids()
    answer = sdk.images.edit(image=[small_png, small_png], prompt="")
    assert answer.output_format == "png" and answer.created > 1_700_000_000
    (picture,) = answer.data
    assert np.array_equal(pixels(b64decode(picture.b64_json)), 255 - pixels(small_png))
    assert shop.app.state.desk.store.ids() == before, "nothing is kept here"


def test_the_picture_can_be_an_address(sdk, shop, small_png) -> None:
    answer = sdk.images.edit(image=[small_png, small_png], prompt="", response_format="url")
    (picture,) = answer.data
    assert picture.b64_json is None
    found = shop.get(picture.url, headers={"Authorization": f"Bearer {KEY}"})
    assert np.array_equal(pixels(found.content), 255 - pixels(small_png))
    assert shop.get(picture.url).status_code == 401


@pytest.mark.parametrize(("prefix", "path"), [("/api", "/api/jobs/"), ("//evil.example", "/jobs/")])
def test_the_address_has_the_prefix_under_which_a_proxy_has_the_service(
    sdk, small_png, prefix: str, path: str
) -> None:
    options = {"response_format": "url", "extra_headers": {"X-Forwarded-Prefix": prefix}}
    (picture,) = sdk.images.edit(image=[small_png, small_png], prompt="", **options).data
    assert httpx.URL(picture.url).path.startswith(path) and httpx.URL(picture.url).host == "127.0.0.1"


def test_the_embedded_model_answers_without_a_key_too(client, person_png, garment_png) -> None:
    with openai.OpenAI(base_url=f"{client.base_url}/v1", api_key="none needed") as sdk:
        options = {"seed": "7", "num_inference_steps": "1"}
        answer = sdk.images.edit(image=[person_png, garment_png], prompt="", extra_body=options)
    assert pixels(b64decode(answer.data[0].b64_json)).shape == pixels(person_png).shape


def test_what_the_package_can_say_is_taken(sdk, small_png) -> None:
    answer = sdk.images.edit(
        image=[("person.png", small_png), ("garment.png", io.BytesIO(small_png))],
        prompt="as she stands",
        model="gpt-image-1",
        n=2,
        size="1024x1024",
        quality="high",
        background="opaque",
        input_fidelity="high",
        output_format="webp",
        user="somebody",
        safety_identifier="somebody",
    )
    assert [Image.open(io.BytesIO(b64decode(one.b64_json))).format for one in answer.data] == ["WEBP"] * 2


def test_a_mask_is_transparent_where_to_repaint(sdk, small_png, tools) -> None:
    mask = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 32, 64))
    answer = sdk.images.edit(image=[small_png, small_png], mask=tools.encode(mask), prompt="")
    assert len(answer.data) == 1
    mask.putalpha(255)
    with pytest.raises(openai.APIStatusError) as nothing:
        sdk.images.edit(image=[small_png, small_png], mask=tools.encode(mask), prompt="")
    assert nothing.value.code == "empty_mask"


def test_masks_are_decoded_two_at_a_time_as_all_pictures(sdk, small_png, tools, monkeypatch) -> None:
    lock, now, most = threading.Lock(), 0, 0
    decode = images.decode

    def counted(*args):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.05)
        with lock:
            now -= 1
        return decode(*args)

    monkeypatch.setattr(images, "decode", counted)
    mask = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 32, 64))
    send = partial(sdk.images.edit, image=[small_png, small_png], mask=tools.encode(mask), prompt="")
    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(send) for _ in range(6)]:
            assert done.result().data
    assert most <= DECODERS + 1, "one more is the model's own"


def test_errors_are_the_package_s_own(sdk, shop, small_png) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as one_image:
        sdk.images.edit(image=small_png, prompt="")
    assert (one_image.value.code, one_image.value.param) == ("missing_field", "image")
    with pytest.raises(openai.BadRequestError) as no_image:
        sdk.images.edit(image=[small_png, b"text"], prompt="")
    assert no_image.value.code == "not_an_image"
    stranger = openai.OpenAI(base_url=f"{shop.base_url}/v1", api_key="guessed", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError):
        stranger.images.edit(image=[small_png, small_png], prompt="")


def test_a_stream_is_refused(sdk, small_png) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        sdk.images.edit(image=[small_png, small_png], prompt="", stream=True)
    assert refused.value.param == "stream"


def test_what_is_no_form_is_refused_in_openais_shape(puppet_client) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = puppet_client.post("/v1/images/edits", content=b"--x\r\nnothing", headers=headers)
    assert answer.status_code == 422 and answer.json()["error"]["type"] == "invalid_request_error"
