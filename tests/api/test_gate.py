"""Who may call, how often, and how much may arrive at once and how slowly."""

import hashlib
import socket
import threading
import time

import httpx
import pytest

KEYS = {name: f"leffa_{name}_key" for name in ("anna", "bert")}
ENTRIES = ",".join(f"{name}:{hashlib.sha256(key.encode()).hexdigest()}" for name, key in KEYS.items())


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[name]}"}


@pytest.fixture(scope="module")
def keyed(tools):
    """A client of a service that wants keys."""
    with tools.running(lambda name: tools.Puppet(), api_keys=ENTRIES) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/tryon"),
        ("POST", "/pose-transfer"),
        ("POST", "/jobs"),
        ("POST", "/jobs/batch"),
        ("GET", "/jobs"),
        ("GET", "/jobs/x"),
        ("GET", "/jobs/x/events"),
        ("GET", "/jobs/x/image"),
        ("DELETE", "/jobs/x"),
        ("POST", "/check"),
        ("POST", "/masks"),
        ("GET", "/masks/x/mask"),
        ("PUT", "/masks/x"),
        ("POST", "/v1/images/edits"),
    ],
)
def test_without_a_key_nothing_that_costs_is_answered(keyed, method: str, path: str) -> None:
    missing = keyed.request(method, path)
    assert (missing.status_code, missing.json()["code"]) == (401, "key_required")
    wrong = keyed.request(method, path, headers={"Authorization": "Bearer leffa_nobody"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_key")


def test_what_orchestrators_and_readers_need_is_open(keyed) -> None:
    for path in ("/health", "/health/live", "/health/ready", "/models", "/docs", "/openapi.json", "/metrics"):
        assert keyed.get(path).status_code == 200, path


def test_a_key_is_taken_in_either_header(keyed, send, small_png) -> None:
    for headers in (bearer("anna"), {"X-API-Key": KEYS["anna"]}):
        assert send(keyed, small_png, small_png, headers=headers).status_code == 200


def test_nobody_gets_at_another_key_s_jobs(keyed, tools, small_png) -> None:
    files = {"human_image": ("a.png", small_png), "garment_image": ("b.png", small_png)}
    job = keyed.post("/jobs", files=files, headers=bearer("anna")).json()
    own, events = job["links"]["self"], job["links"]["events"]
    tools.until(lambda: keyed.get(own, headers=bearer("anna")).json()["state"] == "succeeded")
    for method, path in (("GET", own), ("GET", events), ("GET", f"{own}/image"), ("DELETE", own)):
        answer = keyed.request(method, path, headers=bearer("bert"))
        assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    assert keyed.get("/jobs", headers=bearer("bert")).json()["jobs"] == []
    assert [entry["id"] for entry in keyed.get("/jobs", headers=bearer("anna")).json()["jobs"]] == [job["id"]]


def test_the_same_idempotency_key_of_two_clients_makes_two_jobs(keyed, small_png) -> None:
    files = {"human_image": ("a.png", small_png), "garment_image": ("b.png", small_png)}
    ids = {
        keyed.post("/jobs", files=files, headers={**bearer(name), "Idempotency-Key": "one"}).json()["id"]
        for name in KEYS
    }
    assert len(ids) == 2


def test_more_requests_than_allowed_are_told_to_wait(tools, send, small_png) -> None:
    with tools.running(lambda name: tools.Puppet(), rate_limit="2/second") as client:
        answers = [send(client, small_png, small_png) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].headers["ratelimit-policy"] == '"default";q=2;w=1'
        tools.until(lambda: send(client, small_png, small_png).status_code == 429)
        refused = next(
            answer
            for answer in iter(lambda: send(client, small_png, small_png), None)
            if answer.status_code == 429
        )
        assert refused.json()["code"] == "rate_limited"
        time.sleep(int(refused.headers["retry-after"]))
        assert send(client, small_png, small_png).status_code == 200
        assert client.get("/health").status_code == 200


def test_other_pages_may_call_only_where_that_is_set(tools, puppet_client) -> None:
    headers = {"Origin": "https://shop.example"}
    assert "access-control-allow-origin" not in puppet_client.get("/health", headers=headers).headers
    with tools.running(lambda name: tools.Puppet(), cors_origins="https://shop.example") as client:
        allowed = client.get("/health", headers=headers).headers["access-control-allow-origin"]
        assert allowed == "https://shop.example"
        other = client.get("/health", headers={"Origin": "https://other.example"})
        assert "access-control-allow-origin" not in other.headers


def dribble(url: httpx.URL, head: str, stop: threading.Event) -> bytes:
    """Send a request whose body comes a byte at a time; what was answered."""
    with socket.create_connection((url.host, url.port)) as line:
        line.sendall(head.encode())
        line.settimeout(0.05)
        answer = b""
        while not stop.is_set():
            try:
                line.sendall(b"x")
                answer += line.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                break
            if b"\r\n\r\n" in answer:
                break
        return answer


FORM = {"Content-Type": "multipart/form-data; boundary=x"}
UPLOAD = (
    "POST /tryon HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
    f"Content-Type: {FORM['Content-Type']}\r\n\r\n"
    '--x\r\nContent-Disposition: form-data; name="human_image"; filename="a"\r\n\r\n'
)


def test_a_body_that_dribbles_in_is_given_up(tools) -> None:
    with tools.running(lambda name: tools.Puppet(), upload_seconds=1) as client:
        answer = dribble(client.base_url, UPLOAD, threading.Event())
        assert b" 408 " in answer.splitlines()[0]


def test_one_client_has_only_so_many_uploads_under_way(tools, send, small_png) -> None:
    stop = threading.Event()
    with tools.running(lambda name: tools.Puppet(), uploads_per_client=2) as client:
        threads = [threading.Thread(target=dribble, args=(client.base_url, UPLOAD, stop)) for _ in range(2)]
        for thread in threads:
            thread.start()
        tools.until(lambda: send(client, small_png, small_png).status_code == 429)
        stop.set()
        for thread in threads:
            thread.join(10)
        tools.until(lambda: send(client, small_png, small_png).status_code == 200)


def test_a_batch_may_be_larger_than_a_try_on(tools, small_png) -> None:
    with tools.running(lambda name: tools.Puppet(), max_upload_mb=1) as client:
        big = bytes(5 * 1024**2)
        refused = client.post("/tryon", content=big, headers=FORM)
        assert refused.status_code == 413
        taken = client.post("/jobs/batch", content=big, headers=FORM)
        assert taken.status_code != 413


def test_no_other_spelling_of_an_address_gets_past_the_gate(tools, tmp_path) -> None:
    (tmp_path / "index.html").write_text("<title>Leffa</title>")
    with tools.running(lambda name: tools.Puppet(), api_keys=ENTRIES, page=tmp_path) as client:
        for prefix in ("/api", "/api/api", "/api/api/api"):
            assert client.post(f"{prefix}/tryon").status_code == 401, prefix
            assert client.get(f"{prefix}/jobs").status_code == 401, prefix
        for odd in ("//tryon", "/TRYON", "/tryon/", "/./tryon", "/api//jobs", "/%74ryon"):
            assert client.post(odd).status_code in (307, 401, 404, 405), odd
