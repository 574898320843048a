"""Clients that vanish, dawdle, send too much or all at once: refused in time, and remembered nowhere."""

import io
import re
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from PIL import Image

MEGABYTE = 1024**2
MOST_GROWTH = 50 * MEGABYTE
SETTLE_SECONDS = 15
HEAD = b"POST /tryon HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"


@pytest.fixture(scope="module")
def service(start_shared):
    """One service for all of them, so that what one leaves behind harms the next."""
    return start_shared(LEFFA_UPLOAD_SECONDS=3, LEFFA_QUEUE_SIZE=100)


@pytest.fixture(autouse=True)
def unharmed(service):
    """After each attack the service answers, and its memory has not grown much."""
    service.post("/tryon")
    before = service.memory()
    yield
    assert service.post("/tryon").status_code == 200
    growth = settled_growth(service, before)
    print(f"\nmemory {before / MEGABYTE:.0f} MB, grown by {growth / MEGABYTE:.1f} MB")
    assert growth < MOST_GROWTH
    assert "Traceback" not in service.log, service.log


def settled_growth(service, before: float) -> float:
    """Bytes more than before, once what the last requests held is given back, which takes a while."""
    end = time.monotonic() + SETTLE_SECONDS
    while (growth := service.memory() - before) >= MOST_GROWTH and time.monotonic() < end:
        time.sleep(0.5)
        service.post("/tryon")
    return growth


def counted(service, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)", service.client.get("/metrics").text, re.M)
    return float(found[1]) if found else 0.0


def connect(service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=40)


def vanish(line: socket.socket) -> None:
    """Close as a crashed client does: with a reset."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


def rest_of(line: socket.socket) -> bytes:
    parts = []
    try:
        while part := line.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def test_a_client_gone_in_the_middle_of_an_upload_orders_nothing(service) -> None:
    before = len(service.rows())
    for size in (0, 1000, 200_000, 3_000_000):
        line = connect(service)
        line.sendall(HEAD + b"Content-Length: 5000000\r\n\r\n--b\r\n" + b"x" * size)
        time.sleep(0.05)
        vanish(line)
    service.post("/tryon")
    assert len(service.rows()) == before + 1


def test_a_client_gone_while_it_waits_stops_the_work_within_a_step(service, wait_until) -> None:
    name, steps = 'leffa_cancelled_total{by="disconnect"}', 'leffa_step_seconds_count{model="mini"}'
    before = counted(service, name)
    request = httpx.Request(
        "POST",
        f"http://127.0.0.1:{service.port}/tryon",
        files=service.two_pictures(),
        data={"seed": "1", "inference_steps": "100"},
    )
    line = connect(service)
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    line.sendall(f"POST /tryon HTTP/1.1\r\n{head}\r\n".encode() + request.read())
    wait_until(lambda: service.rows("select id from jobs where state = 'running'"))
    (job,) = service.rows("select id from jobs where state = 'running'")[0]
    wait_until(lambda: (service.job(job)["progress"] or {}).get("step", 0) >= 2)
    done = counted(service, steps)
    vanish(line)
    assert service.outcome(job)["state"] == "cancelled"
    assert counted(service, steps) - done < 60, "98 steps were left"
    assert counted(service, name) == before + 1


def test_a_head_that_trickles_is_cut_off(service) -> None:
    line = connect(service)
    line.sendall(b"POST /tryon HTTP/1.1\r\nX-Slow: ")
    begun = time.monotonic()
    with pytest.raises((BrokenPipeError, ConnectionResetError, TimeoutError)):
        while time.monotonic() - begun < 20:
            line.sendall(b"a")
            time.sleep(0.5)
        raise TimeoutError
    assert time.monotonic() - begun < 15


def test_a_body_that_trickles_is_answered_with_408(service) -> None:
    line = connect(service)
    part = b'--b\r\nContent-Disposition: form-data; name="human_image"; filename="a.png"\r\n\r\n'
    line.sendall(HEAD + b"Content-Length: 100000\r\n\r\n" + part)
    begun = time.monotonic()
    answer = b""
    line.settimeout(0.3)
    while not answer and time.monotonic() - begun < 30:
        line.sendall(b"x")
        try:
            answer = line.recv(65536)
        except TimeoutError:
            continue
    assert b"408" in answer.split(b"\r\n")[0], answer
    assert time.monotonic() - begun < 25


def test_a_hundred_megabytes_announced_are_refused(service) -> None:
    answer = service.client.post("/tryon", content=zeros(100), headers=headers(100 * MEGABYTE))
    assert (answer.status_code, answer.json()["code"]) == (413, "image_too_large")


def test_a_body_without_end_is_refused_at_the_limit(service) -> None:
    """Chunked: nobody knows before how much will come."""
    answer = service.client.post("/tryon", content=zeros(300), headers=headers())
    assert (answer.status_code, answer.json()["code"]) == (413, "image_too_large")


def headers(length: int | None = None) -> dict[str, str]:
    announced = {"Content-Length": str(length)} if length else {}
    return {"Content-Type": "multipart/form-data; boundary=b", **announced}


def zeros(megabytes: int) -> Iterator[bytes]:
    yield b'--b\r\nContent-Disposition: form-data; name="human_image"; filename="a.png"\r\n\r\n'.ljust(
        MEGABYTE
    )
    for _ in range(megabytes - 1):
        yield bytes(MEGABYTE)


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of that size in a few kilobytes: one bit a pixel, all of them black."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + width // 8)) for _ in range(height)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def many_frames() -> bytes:
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (2000, 2000), (i, 0, 0)) for i in range(30)]
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "bomb",
    [png_bomb(12_000, 12_000), png_bomb(65_000, 65_000), png_bomb(2_000_000_000, 8), many_frames()],
    ids=["144 megapixels", "4 gigapixels", "one long row", "many frames"],
)
def test_a_picture_that_swells_is_refused(service, bomb: bytes) -> None:
    assert len(bomb) < 2 * MEGABYTE
    for field in ("human_image", "garment_image"):
        answer = service.post("/tryon", files={**service.pictures, field: bomb})
        assert answer.status_code in (200, 400, 413, 415, 422), answer.text
        if answer.status_code != 200:
            assert answer.headers["content-type"] == "application/problem+json"


def test_fifty_posts_with_one_key_are_one_job(service) -> None:
    limits = httpx.Limits(max_connections=50)
    with (
        httpx.Client(base_url=service.client.base_url, timeout=60, limits=limits) as client,
        ThreadPoolExecutor(50) as pool,
    ):
        sent = [pool.submit(service.order, seed="random", key="the-same", client=client) for _ in range(50)]
        answers = [one.result() for one in sent]
    assert {answer.status_code for answer in answers} == {202}
    changing = ("state", "position", "seconds_left", "progress", "started", "finished", "expires", "attempt",
                "images", "parameters", "findings")  # fmt: skip
    same = [{name: x for name, x in answer.json().items() if name not in changing} for answer in answers]
    assert same == [same[0]] * 50
    rows = service.rows("select id from jobs where idempotency_key = 'the-same'")
    assert rows == [(same[0]["id"],)]


def test_another_request_under_a_used_key_is_refused(service) -> None:
    service.order(seed=1, key="mine")
    answer = service.order(seed=2, key="mine")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")


def test_a_hundred_idle_connections_keep_nobody_out(service) -> None:
    lines = [connect(service) for _ in range(100)]
    try:
        assert service.post("/tryon").status_code == 200
    finally:
        for line in lines:
            line.close()
