"""POST /check before anything is made, and masks that are looked at, edited and used."""

import io

import numpy as np
import pytest
from PIL import Image


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.fixture(scope="module")
def mask(client, person_png):
    return client.post("/masks", files={"human_image": ("p.png", person_png)}).json()


def test_good_pictures_have_nothing_to_report(client, person_png, garment_png) -> None:
    files = {"human_image": ("p.png", person_png), "garment_image": ("g.png", garment_png)}
    report = client.post("/check", files=files).json()
    assert report["ok"] and report["findings"] == []
    assert report["person"]["found"] and report["person"]["count"] == 1
    assert report["garment"]["garment_type"] == "upper_body"


def test_errors_are_those_of_a_try_on(client, send, small_png, garment_png) -> None:
    report = client.post("/check", files={"human_image": ("p.png", small_png)}).json()
    tried = send(client, small_png, garment_png)
    assert not report["ok"]
    assert [(f["code"], f["severity"]) for f in report["findings"] if f["severity"] == "error"] == [
        (tried.json()["code"], "error")
    ]


def test_a_garment_alone_can_be_checked(client, garment_png) -> None:
    files = {"garment_image": ("g.png", garment_png)}
    report = client.post("/check", files=files, data={"garment_type": "lower_body"}).json()
    assert report["person"] is None
    assert "garment_type_mismatch" in {finding["code"] for finding in report["findings"]}


def test_a_check_needs_a_picture(client) -> None:
    answer = client.post("/check", data={"garment_type": "dresses"}, files={"x": b""})
    assert (answer.status_code, answer.json()["field"]) == (422, "x")
    empty = client.post("/check", files={"human_image": ("", b"")})
    assert empty.status_code == 422 and "fix" in empty.json()


def test_a_check_leaves_nothing(client, person_png) -> None:
    before = client.app.state.desk.store.counts()
    client.post("/check", files={"human_image": ("p.png", person_png)})
    assert client.app.state.desk.store.counts() == before


def test_a_mask_has_layers_of_the_photo_s_size(client, mask, person_png) -> None:
    height, width = pixels(person_png).shape[:2]
    assert (mask["height"], mask["width"], mask["garment_type"]) == (height, width, "upper_body")
    assert {"mask", "cloth", "arms", "hands", "face", "hair"} <= set(mask["layers"])
    for address in mask["layers"].values():
        layer = pixels(client.get(address).content)
        assert layer.shape == (height, width) and set(np.unique(layer)) <= {0, 255}


def test_a_mask_s_id_stands_for_the_mask(client, send, mask, person_png, garment_png) -> None:
    picture = client.get(mask["layers"]["mask"]).content
    by_id = send(client, person_png, garment_png, seed=1, mask_id=mask["id"])
    by_file = send(client, person_png, garment_png, mask=picture, seed=1)
    assert by_id.status_code == 200
    assert np.array_equal(pixels(by_id.content), pixels(by_file.content))


def test_an_edited_mask_changes_the_picture(client, send, mask, tools, person_png, garment_png) -> None:
    edited = pixels(client.get(mask["layers"]["mask"]).content).copy()
    edited[: edited.shape[0] // 2] = 0
    answer = client.put(f"/masks/{mask['id']}", content=tools.encode(Image.fromarray(edited)))
    assert answer.status_code == 200
    assert np.array_equal(pixels(client.get(mask["layers"]["mask"]).content), edited)
    made = pixels(send(client, person_png, garment_png, seed=1, mask_id=mask["id"]).content)
    photo = pixels(person_png)[..., :3]
    upper = np.abs(made.astype(int) - photo)[: edited.shape[0] // 4]
    assert np.median(upper) == 0


def test_a_mask_is_a_job_without_pictures_and_can_be_deleted(client, person_png) -> None:
    made = client.post("/masks", files={"human_image": ("p.png", person_png)}).json()
    job = client.get(f"/jobs/{made['id']}")
    assert job.status_code == 200
    assert (job.json()["task"], job.json()["state"], job.json()["images"]) == ("mask", "succeeded", [])
    assert "succeeded" in client.get(f"/jobs/{made['id']}/events").text
    assert client.delete(f"/jobs/{made['id']}").status_code == 204
    assert client.get(f"/masks/{made['id']}").status_code == 404


def test_a_mask_of_another_size_or_no_picture_is_refused(client, mask, small_png) -> None:
    for data, code in ((small_png, "mask_wrong_size"), (b"nothing", "not_an_image")):
        answer = client.put(f"/masks/{mask['id']}", content=data)
        assert answer.json()["code"] == code


def test_a_mask_that_is_none_is_refused(client, send, mask, person_png, garment_png) -> None:
    answer = send(client, person_png, garment_png, mask_id="nothing")
    assert (answer.status_code, answer.json()["field"]) == (422, "mask_id")
    both = send(client, person_png, garment_png, mask=person_png, mask_id=mask["id"])
    assert (both.status_code, both.json()["field"]) == (422, "mask_id")
    assert client.get("/masks/nothing").status_code == 404
