"""Webhooks reach who waits for them, signed, again and again; and nobody who did not ask for them."""

import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from standardwebhooks import Webhook

from leffa.errors import BadWebhook
from leffa.jobs import webhooks
from leffa.jobs.database import open_database
from leffa.jobs.job import Job
from leffa.jobs.store import Bounds, Store
from leffa.jobs.webhooks import Postman, check_webhook

SECRET = f"whsec_{b64encode(b'0123456789abcdef01234567').decode()}"
HOSTILE = [
    "http://example.com/",
    "http://127.0.0.1/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://127.0.0.1.:443/",
    "https://0/",
    "https://0.0.0.0/",
    "https://localhost/",
    "https://LOCALHOST:8000/",
    "https://localhost./",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://255.255.255.255/",
    "https://224.0.0.1/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://[64:ff9b:1::10.0.0.1]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25lo]/",
    "https://[fc00::1]/",
    "https://[fec0::1]/",
    "https://user:word@93.184.216.34/",
    "https://93.184.216.34@127.0.0.1/",
    "https://93.184.216.34\\@127.0.0.1/",
    "https://①②⑦.⓪.⓪.①/",
    "https://93.184.216.34:99999/",
    "https://93.184.216.34:x/",
    "https://[::1/",
    "https:///path",
    "https://",
    "https:example.com",
    "//93.184.216.34/",
    "",
    "file:///etc/passwd",
    "gopher://93.184.216.34/",
    "ftp://93.184.216.34/",
    "javascript:alert(1)",
    "data:text/plain,x",
    "https://no-such-host.invalid/",
    "https://exa mple.com/",
    f"https://{'a' * 300}.com/",
]  # fmt: skip


@pytest.mark.parametrize("url", HOSTILE)
def test_hostile_spellings_are_refused(url: str) -> None:
    with pytest.raises(BadWebhook):
        check_webhook(url, private=False)


@pytest.mark.parametrize("url", ["https://93.184.216.34/x", "https://[2606:2800:220:1::1]:8443/x?y=z"])
def test_public_addresses_are_called(url: str) -> None:
    assert check_webhook(url, private=False).url.geturl() == url


@pytest.mark.parametrize(
    "answers", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["2606:2800:220:1::1", "::1"]]
)
def test_a_name_of_which_any_address_is_private_is_refused(answers: list[str], monkeypatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answer, 443)) for answer in answers]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(BadWebhook):
        check_webhook("https://10-0-0-1.nip.example/", private=False)


def test_a_name_that_changes_its_mind_after_the_check_is_not_asked_again(receiver, monkeypatch) -> None:
    """The address that was checked is the one that is called."""
    answers = iter([("127.0.0.1", receiver.server_port), ("203.0.113.9", 1)])
    real = socket.getaddrinfo

    def fickle(host, *rest, **more):
        return (
            real(next(answers)[0], *rest, **more) if host == "fickle.example" else real(host, *rest, **more)
        )

    monkeypatch.setattr(socket, "getaddrinfo", fickle)
    store = store_with_a_job(f"http://fickle.example:{receiver.server_port}/x")
    deliver(store)
    assert receiver.got[0][1]["Host"] == f"fickle.example:{receiver.server_port}"
    assert store.webhooks(9) == []


class Receiver(ThreadingHTTPServer):
    """Notes what arrives, and answers as it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.statuses: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        status = self.server.statuses.pop(0) if self.server.statuses else 204
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        if status == 200:  # as much as anybody reads
            try:
                while True:
                    self.wfile.write(b"x" * 65536)
            except OSError:
                pass

    do_GET = do_POST

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def store_with_a_job(url: str) -> Store:
    store = Store(open_database("sqlite://"), 3600)
    job = Job(task="tryon", model="mini", options={}, seeds=[0], inputs={}, webhook_url=url)
    store.accept([job], Bounds(9, 9))
    claimed = store.claim("me", False)
    store.finish(claimed, "succeeded", [])
    return store


def deliver(store: Store) -> None:
    """One look at what is due, as the thread does it."""
    postman = Postman(store, SECRET, private=True)
    for job in store.webhooks(9):
        postman._deliver(job)


def test_the_signature_is_what_standard_webhooks_verifies(start_service, receiver, wait_until) -> None:
    service = start_service(LEFFA_WEBHOOK_SECRET=SECRET, LEFFA_WEBHOOK_PRIVATE="true")
    job = service.order(webhook_url=receiver.url).json()["id"]
    wait_until(lambda: receiver.got)
    _, headers, body = receiver.got[0]
    told = Webhook(SECRET).verify(body, {name.lower(): value for name, value in headers.items()})
    assert told["type"] == "job.succeeded"
    assert (told["data"]["id"], headers["webhook-id"]) == (job, job)
    assert httpx.URL(receiver.url).path == "/hook"


def test_a_service_refuses_a_private_address_at_the_door(start_service) -> None:
    service = start_service(LEFFA_WEBHOOK_SECRET=SECRET)
    answer = service.order(webhook_url="https://127.0.0.1/")
    assert (answer.status_code, answer.json()["code"]) == (422, "webhook_refused")


def test_failed_deliveries_are_tried_again_with_growing_pauses_and_given_up(receiver, monkeypatch) -> None:
    store = store_with_a_job(receiver.url)
    now = [1_000_000_000.0]
    monkeypatch.setattr("leffa.jobs.store.time.time", lambda: now[0])
    receiver.statuses = [500, 404, 302, 500, 500, 500, 500]
    with store._write() as session:
        session.query(Job).update({"webhook_due": now[0]})
    monkeypatch.setattr(webhooks, "datetime", Clock(now))
    pauses = []
    for _ in webhooks.PAUSES:
        deliver(store)
        due = store.get(store.counts() and all_jobs(store)[0]).webhook_due
        pauses.append(due - now[0])
        now[0] = due
    assert tuple(pauses) == webhooks.PAUSES
    deliver(store)
    assert store.get(all_jobs(store)[0]).webhook_due is None
    assert len(receiver.got) == len(webhooks.PAUSES) + 1
    assert {path for path, *_ in receiver.got} == {"/hook"}, "a redirect is not followed"


class Clock:
    """A datetime whose now a test sets."""

    def __init__(self, now: list[float]) -> None:
        self._now = now

    def now(self, zone):
        from datetime import datetime

        return datetime.fromtimestamp(self._now[0], zone)


def all_jobs(store: Store) -> list[str]:
    return [job.id for job in store.recent(9)]


def test_an_answer_without_end_is_not_read(receiver) -> None:
    store = store_with_a_job(receiver.url)
    receiver.statuses = [200]
    deliver(store)
    assert store.webhooks(9) == [] and len(receiver.got) == 1


def test_an_answer_that_drips_is_given_up_in_time(monkeypatch) -> None:
    monkeypatch.setattr(webhooks, "TIMEOUT_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drip, args=[server], daemon=True).start()
        store = store_with_a_job(f"http://127.0.0.1:{server.getsockname()[1]}/")
        begun = time.monotonic()
        deliver(store)
        assert time.monotonic() - begun < 3.0
    (job,) = all_jobs(store)
    assert store.get(job).webhook_tries == 1 and store.get(job).webhook_due is not None


def drip(server: socket.socket) -> None:
    """A byte of an answer's head now and then, for ever."""
    connection, _ = server.accept()
    with connection, suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            connection.sendall(b"x")
            time.sleep(0.2)


def test_an_address_that_no_client_understands_does_not_end_the_deliveries(monkeypatch) -> None:
    store = store_with_a_job("http://127.0.0.1:1/\x00")
    deliver(store)
    assert store.webhooks(9) == [], "it is tried again later"
