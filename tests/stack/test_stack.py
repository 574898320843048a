"""The API of a stack as its users meet it: nothing is known but its address."""

import json
import os
from collections.abc import Callable
from io import BytesIO

import httpx2
import numpy as np
import pytest
from PIL import Image

Pictures = Callable[[int], dict[str, bytes]]


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"))


def test_health_says_what_answers(api: httpx2.Client) -> None:
    health = api.get("/health").json()
    assert health["status"] == "ready"
    assert health["demonstration"] == (health["weights"] == "embedded")


def test_a_try_on_is_a_picture_that_says_what_made_it(api: httpx2.Client, pictures: Pictures) -> None:
    answer = api.post("/tryon", files=pictures(1), data={"seed": "7"})
    assert answer.status_code == 200, answer.text[:300]
    assert answer.headers["x-seed"] == "7"
    assert answer.headers["x-weights"] in ("embedded", "official")
    before = pixels(pictures(1)["human_image"])
    after = pixels(answer.content)
    assert after.shape == before.shape
    assert 0.02 < (after != before).any(-1).mean() < 0.9


def test_the_same_seed_gives_the_same_bytes(api: httpx2.Client, pictures: Pictures) -> None:
    first, second = (api.post("/tryon", files=pictures(2), data={"seed": "3"}).content for _ in range(2))
    assert first == second


def test_a_job_tells_its_progress_and_keeps_its_picture(api: httpx2.Client, pictures: Pictures) -> None:
    order = api.post("/jobs", files=pictures(1), data={"seed": "5", "inference_steps": "12"})
    assert order.status_code == 202
    job = order.json()["id"]
    with api.stream("GET", f"/jobs/{job}/events") as events:
        kinds = [line.removeprefix("event: ") for line in events.iter_lines() if line.startswith("event: ")]
    assert "progress" in kinds
    assert api.get(f"/jobs/{job}").json()["state"] == "succeeded"
    assert pixels(api.get(f"/jobs/{job}/image").content).ndim == 3


def test_a_file_that_is_no_picture_is_refused_with_what_to_do(api: httpx2.Client, pictures: Pictures) -> None:
    answer = api.post("/tryon", files=pictures(1) | {"human_image": b"This is not a picture."})
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["fix"]


def test_the_api_describes_itself(api: httpx2.Client) -> None:
    assert "/tryon" in json.loads(api.get("/openapi.json").content)["paths"]
    assert "leffa_ready 1.0" in api.get("/metrics").text


@pytest.mark.skipif("LEFFA_STACK_PAGE" not in os.environ, reason="no page is up")
def test_the_page_leads_to_the_same_api(api: httpx2.Client, pictures: Pictures) -> None:
    page = os.environ["LEFFA_STACK_PAGE"]
    assert "<html" in httpx2.get(page).text
    direct = api.post("/tryon", files=pictures(1), data={"seed": "7"})
    by_page = httpx2.post(f"{page}/api/tryon", files=pictures(1), data={"seed": "7"}, timeout=120)
    assert by_page.content == direct.content
