"""GET /health tells the truth at every moment, and the line in front of the model is kept."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import httpx
import pytest


def test_health_names_the_model(client) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "ready"
    assert (body["model"], body["weights"], body["demonstration"]) == ("mini", "embedded", True)
    assert (body["device"], body["queue_depth"]) == ("cpu", 0)
    assert body["dtype"].startswith(("float", "bfloat"))
    assert {"leffa", "torch", "diffusers"} <= set(body["versions"])
    assert body["uptime_seconds"] > 0
    assert client.get("/health/live").status_code == client.get("/health/ready").status_code == 200


def test_it_is_loading_until_it_is_ready(tools, send, small_png) -> None:
    loaded = threading.Event()

    def load(name):
        loaded.wait(20)
        return tools.Puppet()

    with tools.running(load, wait=False) as client:
        answer = client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "loading")
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503
        refused = send(client, small_png, small_png)
        assert (refused.status_code, refused.json()["code"]) == (503, "model_loading")
        assert int(refused.headers["retry-after"]) > 0
        loaded.set()
        tools.until(lambda: client.get("/health").status_code == 200)
        assert send(client, small_png, small_png).status_code == 200


def test_a_model_that_cannot_load_says_why(tools, send, small_png) -> None:
    def load(name):
        raise OSError("the weights are gone")

    with tools.running(load) as client:
        body = client.get("/health").json()
        assert body["status"] == "failed"
        assert "the weights are gone" in body["reason"]
        assert send(client, small_png, small_png).json()["code"] == "model_failed"


def test_requests_wait_in_line_and_a_full_line_says_so(tools, send, small_png, gate) -> None:
    with (
        tools.running(lambda name: tools.Puppet(gate), queue_size=2) as client,
        ThreadPoolExecutor(3) as pool,
    ):
        waiting = [pool.submit(send, client, small_png, small_png, seed=0)]
        assert gate.entered.wait(20)
        waiting += [pool.submit(send, client, small_png, small_png, seed=seed) for seed in (1, 2)]
        tools.until(lambda: client.get("/health").json()["queue_depth"] == 3)
        refused = send(client, small_png, small_png)
        assert (refused.status_code, refused.json()["code"]) == (503, "queue_full")
        assert int(refused.headers["retry-after"]) >= 1
        gate.open.set()
        assert [future.result().status_code for future in waiting] == [200] * 3
        assert client.get("/health").json()["queue_depth"] == 0


def test_health_answers_while_the_model_works(tools, send, small_png, gate) -> None:
    with tools.running(lambda name: tools.Puppet(gate)) as client, ThreadPoolExecutor(1) as pool:
        working = pool.submit(send, client, small_png, small_png)
        gate.entered.wait(20)
        begun = time.monotonic()
        assert client.get("/health").status_code == 200
        assert time.monotonic() - begun < 1
        gate.open.set()
        assert working.result().status_code == 200


def test_a_client_that_goes_away_stops_the_work(tools, send, small_png, gate) -> None:
    with tools.running(lambda name: tools.Puppet(gate)) as client:
        with pytest.raises(httpx.ReadTimeout), httpx.Client(base_url=client.base_url, timeout=1) as hasty:
            send(hasty, small_png, small_png)
        assert gate.stopped.wait(10)
        gate.open.set()
        assert send(client, small_png, small_png).status_code == 200


def test_a_client_that_goes_away_leaves_the_line(tools, send, small_png, gate) -> None:
    seeds: list[int] = []

    def act(request, cancelled) -> None:
        seeds.append(request.seed)
        gate(request, cancelled)

    with tools.running(lambda name: tools.Puppet(act)) as client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(send, client, small_png, small_png, seed=1)
        gate.entered.wait(20)
        with pytest.raises(httpx.ReadTimeout), httpx.Client(base_url=client.base_url, timeout=1) as hasty:
            send(hasty, small_png, small_png, seed=2)
        tools.until(lambda: 'leffa_cancelled_total{by="disconnect"} 1.0' in client.get("/metrics").text)
        gate.open.set()
        assert first.result().status_code == 200
        assert send(client, small_png, small_png, seed=3).status_code == 200
        assert seeds == [1, 3]


def test_stopping_the_service_ends_the_work(tools, send, small_png, gate) -> None:
    with ThreadPoolExecutor(1) as pool:
        with tools.running(lambda name: tools.Puppet(gate)) as client:
            working = pool.submit(send, client, small_png, small_png)
            gate.entered.wait(20)
        assert gate.stopped.is_set()
        assert working.exception(10) is not None or working.result().status_code >= 499


def test_a_body_announced_too_large_is_refused_before_it_is_parsed(puppet_client) -> None:
    answer = puppet_client.post("/tryon", content=bytes(70 * 1024**2), headers={"Content-Type": "image/png"})
    assert (answer.status_code, answer.json()["code"]) == (413, "image_too_large")


def test_a_body_without_a_length_is_counted(puppet_client) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="human_image"; filename="a"\r\n\r\n'
    chunks = (chunk for chunk in [head, *[bytes(1024**2)] * 70])
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = puppet_client.post("/tryon", content=chunks, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "image_too_large")


def test_a_connection_cut_in_the_upload_harms_nobody(puppet_client) -> None:
    url = puppet_client.base_url
    with socket.create_connection((url.host, url.port)) as cut:
        head = "POST /tryon HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        cut.sendall(f"{head}Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n".encode())
    assert puppet_client.get("/health").status_code == 200


def test_a_request_id_is_kept_if_it_is_a_plain_word(puppet_client) -> None:
    kept = puppet_client.get("/health", headers={"X-Request-ID": "order-66"})
    replaced = puppet_client.get("/health", headers={"X-Request-ID": "a b;c"})
    assert kept.headers["x-request-id"] == "order-66"
    assert len(replaced.headers["x-request-id"]) == 32


def test_the_home_page_leads_to_the_docs(puppet_client) -> None:
    assert puppet_client.get("/").headers["location"] == "/docs"
    assert "swagger" in puppet_client.get("/docs").text.lower()


def test_the_openapi_document_shows_every_field_and_every_problem(puppet_client) -> None:
    document = puppet_client.get("/openapi.json").json()
    for address, names in (
        ("/tryon", {"human_image", "garment_image", "mask_image", "sleeves", "protect", "upstream_faults"}),
        ("/pose-transfer", {"human_image", "pose_image", "seed", "num_images"}),
    ):
        call = document["paths"][address]["post"]
        fields = call["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
        assert names <= set(fields)
        problems = {
            code
            for status in ("400", "413", "415", "422", "500", "503")
            for code in call["responses"][status]["content"]["application/problem+json"]["examples"]
        }
        assert {"no_person", "image_too_large", "queue_full", "unknown_parameter"} <= problems
    assert "Problem" in document["components"]["schemas"]


def test_the_names_of_the_api_are_those_of_the_model() -> None:
    from leffa import images, tryon
    from leffa.preprocess import masks
    from leffa.service import fields

    assert get_args(fields.GarmentType) == tryon.GARMENT_TYPES
    assert get_args(fields.Preset) == tryon.PRESETS
    assert get_args(fields.OutputFormat) == tuple(images.WRITE_FORMATS)
    assert get_args(fields.Fit) == masks.REACHES
    assert get_args(fields.Protected) == masks.PROTECTABLE


def test_every_field_reaches_the_model() -> None:
    from leffa.service.fields import CALLS, NAMES
    from leffa.tryon import REQUESTS

    ours = {"output_format", "num_images", "mask_id"}
    for call in CALLS:
        sent = {*call.fields.model_fields, *(NAMES[name] for name in call.files)}
        assert sent - ours == set(REQUESTS[call.task].__dataclass_fields__)


def test_an_engine_can_be_stopped_before_it_began() -> None:
    from leffa.engine.local import LocalEngine
    from leffa.engine.pool import open_pool
    from leffa.settings import Settings

    LocalEngine(open_pool(Settings(_env_file=None))).stop()
