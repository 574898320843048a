"""/jobs: ordered now, looked at later, told of while it runs, cancelled, kept and deleted."""

import io
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from leffa.jobs.hub import NUMBERS_AN_ATTEMPT, News

BROWSER = {"X-Client-ID": "a-browser-of-somebody"}


@pytest.fixture
def order(small_png):
    """POST /jobs with two small pictures."""

    def post(client: httpx.Client, path: str = "/jobs", headers=None, **fields) -> httpx.Response:
        files = {"human_image": ("a.png", small_png), "garment_image": ("b.png", small_png)}
        data = {name: str(value) for name, value in fields.items()}
        return client.post(path, files=files, data=data, headers={**BROWSER, **(headers or {})})

    return post


def job_at(client: httpx.Client, job: dict) -> dict:
    return client.get(job["links"]["self"]).json()


def ended(tools, client: httpx.Client, job: dict) -> dict:
    tools.until(lambda: job_at(client, job)["state"] in ("succeeded", "failed", "cancelled"), 30)
    return job_at(client, job)


def events(client: httpx.Client, job: dict, last: str | bytes = "") -> Iterator[tuple[str, str, dict]]:
    """(event, id, data) of the job's stream, until it ends."""
    headers = {"Last-Event-ID": last} if last else {}
    with client.stream("GET", job["links"]["events"], headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        event: dict[str, str] = {}
        for line in stream.iter_lines():
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                event[name] = value
            elif event:
                yield event["event"], event.get("id", ""), json.loads(event["data"])
                event = {}


def test_a_job_is_accepted_done_and_fetched(puppet_client, tools, order, small_png) -> None:
    accepted = order(puppet_client, seed=5, num_images=2)
    job = accepted.json()
    assert (accepted.status_code, accepted.headers["location"]) == (202, f"/jobs/{job['id']}")
    assert (job["task"], job["seeds"], job["demonstration"]) == ("tryon", [5, 6], True)
    assert len(job["id"]) >= 24
    done = ended(tools, puppet_client, job)
    assert (done["state"], done["attempt"], done["error"]) == ("succeeded", 1, None)
    assert [image["seed"] for image in done["images"]] == [5, 6]
    assert done["created"] <= done["started"] <= done["finished"] < done["expires"]
    picture = puppet_client.get(done["images"][1]["links"]["image"])
    expected = 255 - np.asarray(Image.open(io.BytesIO(small_png)).convert("RGB"))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture.content))), expected)
    for part in ("mask", "densepose", "parsing", "flow"):
        answer = puppet_client.get(done["images"][0]["links"][part])
        assert answer.headers["content-type"] == "image/png"


def test_events_tell_the_states_in_order_and_end(tools, order, gate) -> None:
    with tools.running(lambda name: tools.Puppet(gate)) as client:
        job = order(client).json()
        gate.entered.wait(10)
        gate.open.set()
        told = list(events(client, job))
    states = [data["state"] for event, _, data in told if event == "state"]
    assert states == sorted(states, key=["queued", "running", "succeeded"].index)
    assert states[-1] == "succeeded"
    numbers = [int(number) for _, number, _ in told]
    assert numbers == sorted(numbers)


def test_progress_still_at_hand_is_not_told_after_the_end(puppet_client, tools, order) -> None:
    job = order(puppet_client).json()
    ended(tools, puppet_client, job)
    late = News(job["id"], NUMBERS_AN_ATTEMPT + 2, "progress", {"step": 1})
    puppet_client.app.state.desk.hub.publish(late)
    assert [event for event, _, _ in events(puppet_client, job)] == ["state"]


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 5000, "\u0661"])
def test_a_last_event_id_of_no_event_is_none(puppet_client, order, last: str) -> None:
    job = order(puppet_client).json()
    told = events(puppet_client, job, last.encode())
    assert [data["state"] for event, _, data in told if event == "state"][-1] == "succeeded"


def test_the_real_model_tells_every_step_with_previews(client, order, tools, person_png, garment_png) -> None:
    files = {"human_image": ("a.png", person_png), "garment_image": ("b.png", garment_png)}
    job = client.post("/jobs", files=files, data={"inference_steps": 4}).json()
    told = list(events(client, job))
    steps = [data for event, _, data in told if event == "progress" and data["stage"] == "denoise"]
    assert {data["step"] for data in steps} == {1, 2, 3, 4}
    previews = [data["preview"] for data in steps if data["preview"]]
    assert previews and all(preview.startswith("data:image/webp;base64,") for preview in previews)
    assert max(map(len, previews)) < 8000
    assert told[-1][2]["state"] == "succeeded"


def test_who_comes_back_gets_what_was_missed(tools, order, gate) -> None:
    with tools.running(lambda name: tools.Puppet(gate)) as client:
        job = order(client).json()
        gate.entered.wait(10)
        first = next(number for event, number, _ in events(client, job) if event == "progress")
        gate.open.set()
        told = list(events(client, job, last=first))
    assert all(int(number) > int(first) for event, number, _ in told if event == "progress")
    assert told[-1][2]["state"] == "succeeded"


def test_those_in_line_are_told_when_it_moves(tools, order) -> None:
    entered, turns = threading.Event(), threading.Semaphore(0)

    def act(request, cancelled) -> None:
        entered.set()
        turns.acquire(timeout=30)

    with tools.running(lambda name: tools.Puppet(act)) as client:
        order(client)
        entered.wait(10)
        order(client)
        third = order(client).json()
        assert third["position"] == 1 and third["seconds_left"] > 0
        stream = events(client, third)
        assert next(stream)[2]["position"] == 1
        turns.release()
        assert next((event, data["position"]) for event, _, data in stream if event == "queue") == (
            "queue",
            0,
        )
        turns.release(2)
        assert list(stream)[-1][2]["state"] == "succeeded"


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_within_a_step(tools, order, gate) -> None:
    with tools.running(lambda name: tools.Puppet(gate)) as client:
        running = order(client).json()
        gate.entered.wait(10)
        waiting = order(client).json()
        answer = client.delete(waiting["links"]["self"])
        assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
        assert client.delete(running["links"]["self"]).status_code == 202
        assert gate.stopped.wait(5)
        assert ended(tools, client, running)["state"] == "cancelled"
        refused = client.get(f"{running['links']['self']}/image")
        assert (refused.status_code, refused.json()["code"]) == (409, "job_cancelled")
        assert 'leffa_cancelled_total{by="request"} 2.0' in client.get("/metrics").text


def test_a_deleted_job_leaves_nothing(tools, order, tmp_path) -> None:
    settings = {"data_path": tmp_path, "retention_hours": 1}
    with tools.running(lambda name: tools.Puppet(), **settings) as client:
        job = ended(tools, client, order(client).json())
        assert list((tmp_path / "files" / job["id"]).iterdir())
        assert client.delete(job["links"]["self"]).status_code == 204
        assert not (tmp_path / "files" / job["id"]).exists()
        assert client.get(job["links"]["self"]).json()["code"] == "job_not_found"


def test_where_nothing_is_kept_nothing_is_written(tools, order, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with tools.running(lambda name: tools.Puppet(), data_path=Path("data"), retention_hours=0) as client:
        answer = order(client, "/tryon")
        assert answer.status_code == 200
        assert client.get(f"/jobs/{answer.headers['x-job']}").status_code == 404
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_is_kept_a_failure_leaves_nothing_either(tools, order) -> None:
    def fail(request, cancelled) -> None:
        raise ValueError

    with tools.running(lambda name: tools.Puppet(fail), retention_hours=0) as client:
        assert order(client, "/tryon").status_code == 500
        assert client.app.state.desk.store.ids() == set()


def test_a_failed_job_says_why(tools, order) -> None:
    def fail(request, cancelled) -> None:
        raise ValueError("secret of the inside")

    with tools.running(lambda name: tools.Puppet(fail)) as client:
        job = ended(tools, client, order(client).json())
        assert (job["state"], job["error"]["code"], job["images"]) == ("failed", "internal_error", [])
        assert "secret" not in json.dumps(job)
        assert client.get(f"{job['links']['self']}/image").status_code == 500


def test_pictures_are_refused_until_they_are_there(tools, order, gate) -> None:
    with tools.running(lambda name: tools.Puppet(gate)) as client:
        job = order(client).json()
        answer = client.get(f"{job['links']['self']}/image")
        assert (answer.status_code, answer.json()["code"]) == (409, "job_not_finished")
        assert int(answer.headers["retry-after"]) >= 1
        gate.open.set()
        done = ended(tools, client, job)
        assert client.get(f"{done['links']['self']}/image?number=1").json()["code"] == "part_not_found"


def test_the_same_key_finds_the_same_job(puppet_client, order) -> None:
    key = {"Idempotency-Key": "order-66"}
    first, second = (order(puppet_client, headers=key, seed=1).json()["id"] for _ in range(2))
    assert first == second
    other = order(puppet_client, headers=key, seed=2)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    made = order(puppet_client, "/tryon", headers=key, seed=1)
    assert (made.status_code, made.json()["code"]) == (422, "idempotency_mismatch")


def test_a_picture_that_is_sent_for_twice_is_made_once(puppet_client, order) -> None:
    key = {"Idempotency-Key": "picture-66"}
    first, second = (order(puppet_client, "/tryon", headers=key) for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert (first.headers["x-job"], first.content) == (second.headers["x-job"], second.content)


def test_a_client_may_rather_have_a_job(puppet_client, tools, order) -> None:
    answer = order(puppet_client, "/tryon", headers={"Prefer": "respond-async"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "respond-async")
    assert ended(tools, puppet_client, answer.json())["state"] == "succeeded"


def test_one_person_in_several_garments(puppet_client, tools, small_png) -> None:
    files = [
        ("human_image", ("a.png", small_png)),
        *(("garment_image", (f"{i}.png", small_png)) for i in range(3)),
    ]
    answer = puppet_client.post("/jobs/batch", files=files, data={"seed": "1"}, headers=BROWSER)
    batch = answer.json()
    assert answer.status_code == 202 and len(batch["jobs"]) == 3
    done = [ended(tools, puppet_client, job) for job in batch["jobs"]]
    assert {(job["state"], job["batch"]) for job in done} == {("succeeded", batch["batch"])}
    too_many = [files[0], *(("garment_image", (f"{i}.png", small_png)) for i in range(17))]
    refused = puppet_client.post("/jobs/batch", files=too_many)
    assert (refused.status_code, refused.json()["allowed"]) == (422, 16)


def test_a_history_belongs_to_one_browser_and_comes_in_pages(tools, order) -> None:
    with tools.running(lambda name: tools.Puppet()) as client:
        ids = [order(client).json()["id"] for _ in range(3)]
        page = client.get("/jobs?limit=2", headers=BROWSER).json()
        rest = client.get(f"/jobs?limit=2&cursor={page['next']}", headers=BROWSER).json()
        assert [job["id"] for job in page["jobs"] + rest["jobs"]] == ids[::-1]
        assert rest["next"] is None
        stranger = {"X-Client-ID": "the-browser-of-another"}
        assert client.get("/jobs", headers=stranger).json()["jobs"] == []
        assert client.get("/jobs").status_code == 401
        assert client.get("/jobs?cursor=nonsense", headers=BROWSER).status_code == 422


def test_a_full_line_says_when_to_come_again(tools, order, gate) -> None:
    settings = {"queue_size": 2, "queue_per_client": 2}
    with tools.running(lambda name: tools.Puppet(gate), **settings) as client:
        order(client)
        gate.entered.wait(10)
        for _ in range(2):
            assert order(client).status_code == 202
        refused = order(client)
        assert (refused.status_code, refused.json()["code"]) == (503, "queue_full")
        assert int(refused.headers["retry-after"]) >= 1


def test_one_client_cannot_fill_the_line(tools, order, gate) -> None:
    with tools.running(lambda name: tools.Puppet(gate), queue_per_client=1) as client:
        order(client)
        gate.entered.wait(10)
        assert order(client).status_code == 202
        refused = order(client)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_jobs")
        assert int(refused.headers["retry-after"]) >= 1


def test_interactive_jobs_go_before_batch_ones(tools, order, gate) -> None:
    seeds: list[int] = []

    def act(request, cancelled) -> None:
        seeds.append(request.seed)
        gate(request, cancelled)

    with tools.running(lambda name: tools.Puppet(act)) as client:
        order(client, seed=0)
        gate.entered.wait(10)
        jobs = [order(client, seed=1, priority="batch").json(), order(client, seed=2).json()]
        gate.open.set()
        for job in jobs:
            ended(tools, client, job)
    assert seeds == [0, 2, 1]


def test_a_pose_transfer_is_a_job_too(tools, tmp_path, small_png) -> None:
    (tmp_path / "pose_transfer.pth").touch()
    with tools.running(lambda name: tools.Puppet(model=name), model_path=tmp_path) as client:
        files = {"human_image": ("a.png", small_png), "pose_image": ("b.png", small_png)}
        job = client.post("/jobs", files=files, data={"task": "pose"}).json()
        assert ended(tools, client, job)["task"] == "pose"
        refused = client.post("/jobs", files=files, data={"task": "dance"})
        assert (refused.status_code, refused.json()["field"]) == (422, "pose_image")


def test_what_was_done_is_there_after_a_restart(tools, order, tmp_path) -> None:
    settings = {"data_path": tmp_path, "retention_hours": 1}
    with tools.running(lambda name: tools.Puppet(), **settings) as client:
        job = ended(tools, client, order(client, seed=3).json())
        before = client.get(job["images"][0]["links"]["image"]).content
    with tools.running(lambda name: tools.Puppet(), **settings) as client:
        assert job_at(client, job)["state"] == "succeeded"
        assert client.get(job["images"][0]["links"]["image"]).content == before


def test_expired_jobs_are_deleted(tools, order, tmp_path) -> None:
    settings = {"data_path": tmp_path, "retention_hours": 1 / 3600}
    with tools.running(lambda name: tools.Puppet(), **settings) as client:
        job = ended(tools, client, order(client).json())
        time.sleep(1.1)
        client.app.state.desk.tidy()
        assert client.get(job["links"]["self"]).status_code == 404
        assert list((tmp_path / "files").iterdir()) == []
