"""SIGTERM: everybody gets an answer, the process is gone in time, and nothing that was accepted is lost."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx

STREAMS = 20
GRACE_SECONDS = 10  # beyond what the job at work may take; generous, for a busy machine


def test_open_streams_and_a_long_job_do_not_keep_the_service(start_service, wait_until) -> None:
    service = start_service(LEFFA_STOP_SECONDS=1)
    calm = service.outcome(service.order(seed=9, steps=1).json()["id"])["id"]
    # Made before the job begins: each takes a while on a slow machine.
    clients = [httpx.Client(base_url=service.client.base_url, timeout=60) for _ in range(STREAMS)]
    job = service.order(seed=9, steps=100, num_images="2").json()["id"]
    waiting = service.order(seed=8, steps=1).json()["id"]
    opened, endings = threading.Semaphore(0), []

    def listen(client: httpx.Client) -> None:
        with client, client.stream("GET", f"/jobs/{job}/events") as stream:
            opened.release()
            for _ in stream.iter_lines():
                pass
            endings.append("whole")

    listeners = [threading.Thread(target=listen, args=[client], daemon=True) for client in clients]
    for listener in listeners:
        listener.start()
    for _ in listeners:
        assert opened.acquire(timeout=60)
    wait_until(lambda: (service.job(job)["progress"] or {}).get("step", 0) >= 10)
    seconds = service.end()
    for listener in listeners:
        listener.join(10)
    print(
        f"\nSIGTERM with {STREAMS} streams and a job of 10 s at work, LEFFA_STOP_SECONDS=1: {seconds:.1f} s"
    )
    assert seconds < 1 + GRACE_SECONDS
    assert endings == ["whole"] * STREAMS, "no stream is cut, each is ended"
    assert "Traceback" not in service.log, service.log

    service.start()
    again = service.outcome(job)
    assert (again["state"], again["attempt"]) == ("succeeded", 2)
    assert service.pixels(job) == service.pixels(calm)
    assert service.outcome(waiting)["state"] == "succeeded"


def test_a_stream_that_nobody_reads_does_not_keep_the_service(start_service) -> None:
    service = start_service(LEFFA_STOP_SECONDS=1)
    job = service.order(steps=100).json()["id"]
    with service.client.stream("GET", f"/jobs/{job}/events"):
        assert service.end() < 1 + GRACE_SECONDS


def test_who_waits_for_a_picture_gets_it_or_is_told_to_come_back(start_service, wait_until) -> None:
    service = start_service(LEFFA_STOP_SECONDS=20)
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(wait_for_picture, service, seed) for seed in range(8)]
        wait_until(lambda: len(service.rows("select id from jobs")) == 8)
        wait_until(lambda: service.rows("select id from jobs where state = 'running'"))
        seconds = service.end()
        answers = [one.result() for one in waiting]
    assert seconds < 20 + GRACE_SECONDS
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert answers[0].status_code, "nobody was cut off"
    for answer in answers:
        if answer.status_code == 503:
            assert answer.json()["code"] == "stopping"
            assert int(answer.headers["Retry-After"]) > 0
    assert any(answer.status_code == 200 for answer in answers), "the one at work was finished"
    assert "Traceback" not in service.log, service.log
    service.start()
    unfinished = service.rows("select id from jobs where state in ('queued', 'running')")
    assert unfinished == [], "whose client was told to come back is not done behind its back"


def wait_for_picture(service, seed: int) -> httpx.Response:
    with httpx.Client(base_url=service.client.base_url, timeout=60) as client:
        return service.post("/tryon", seed, 40, client=client)


def test_a_signal_that_finds_the_event_loop_inside_the_hub_does_not_block_it() -> None:
    """The handler runs on the loop's own thread, which may hold the hub's lock just then."""
    from types import SimpleNamespace

    from leffa.jobs.hub import Hub
    from leffa.service.server import make_server
    from leffa.settings import Settings

    hub = Hub()
    app = SimpleNamespace(state=SimpleNamespace(desk=SimpleNamespace(begin_stop=hub.stop)))
    server = make_server(app, Settings(_env_file=None), "127.0.0.1", 0)
    done = threading.Event()

    async def interrupted() -> None:
        import asyncio

        server._loop = asyncio.get_running_loop()
        with hub._lock:
            server.handle_exit(15, None)
        await asyncio.sleep(0)
        done.set()

    def serve() -> None:
        import asyncio

        asyncio.run(interrupted())

    threading.Thread(target=serve, daemon=True).start()
    assert done.wait(10)
