"""A full line tells how long to wait, and that is about true."""

import importlib.util
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

API = Path(__file__).parents[1] / "api" / "conftest.py"
SECONDS = 0.4  # a picture
QUEUE = 14
ROUNDS = 3


@pytest.mark.slow
def test_who_comes_back_when_told_is_served_at_once() -> None:
    spec = importlib.util.spec_from_file_location("api_conftest", API)
    api = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(api)

    def load(name: str) -> object:
        return api.Puppet(lambda *_: time.sleep(SECONDS), model=name)

    picture = api.encode(api.Image.new("RGB", (64, 64)))
    files = {"human_image": ("a.png", picture), "garment_image": ("b.png", picture)}
    with api.running(load, queue_size=QUEUE, queue_per_client=QUEUE) as client:
        for _ in range(3):  # it learns how fast it is
            assert client.post("/tryon", files=files).status_code == 200
        rounds = (what_is_told_is_true(client, files, api.until) for _ in range(ROUNDS))
        assert any(rounds), "a pause of the machine spoils one, a wrong figure all"


def what_is_told_is_true(client: httpx.Client, files: dict, until: Callable[..., None]) -> bool:
    """Fill the line, and see whether it takes as long to empty as it says."""
    while (answer := client.post("/jobs", files=files)).status_code == 202:
        pass
    refused = time.monotonic()
    assert answer.status_code == 503 and answer.json()["code"] == "queue_full"
    told = int(answer.headers["Retry-After"])
    until(lambda: client.get("/health").json()["queue_depth"] == 0)
    waited = time.monotonic() - refused
    fits = waited * 0.75 - 0.5 <= told <= waited * 1.25 + 0.5  # it is rounded to whole seconds
    return fits and served_at_once(client, files)


def served_at_once(client: httpx.Client, files: dict) -> bool:
    """Whether a picture takes not much longer than it must."""
    begun = time.monotonic()
    return client.post("/tryon", files=files).status_code == 200 and time.monotonic() - begun < 4 * SECONDS
