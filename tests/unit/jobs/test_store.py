"""The book of jobs, on SQLite and on Postgres: the line, whose turn it is, who may write down an end."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from leffa.errors import BadParameter, IdempotencyMismatch, QueueFull, TooManyJobs
from leffa.jobs.store import LEASE_SECONDS, WEBHOOK_SECONDS, Bounds, Store

CROWD = 16


def accept(store: Store, tools, *lanes: str, bounds: Bounds | None = None, **members):
    """Jobs that were accepted one after another, one a lane."""
    return [store.accept([tools.job(lane, **members)], bounds or tools.PLENTY)[0] for lane in lanes]


def order_of(store: Store, count: int, batch_first: bool = False) -> list[str]:
    """Ids in the order in which they are claimed."""
    claimed = [store.claim("w", batch_first) for _ in range(count)]
    return [job.id for job in claimed if job]


# In line


def test_a_job_that_was_accepted_is_there(store, tools, clock) -> None:
    options = {"garment_type": "dresses", "protect": ["hands"]}
    (job,) = accept(store, tools, "a", options=options, seeds=[7, 8])
    found = store.get(job.id)
    assert found.state == "queued" and found.created == clock.now
    assert found.options == options and found.seeds == [7, 8]


def test_ids_that_are_none_are_not_found(store) -> None:
    assert [store.get(word) for word in ("", "nothing", "\0", "ä" * 1000)] == [None] * 4


def test_the_line_has_an_end(store, tools) -> None:
    bounds = Bounds(queue=3, lane=10)
    accept(store, tools, "a", "b", "c", bounds=bounds)
    with pytest.raises(QueueFull):
        accept(store, tools, "d", bounds=bounds)
    store.claim("w", False)  # who runs waits no more
    accept(store, tools, "d", bounds=bounds)


def test_one_lane_cannot_take_all_of_it(store, tools) -> None:
    bounds = Bounds(queue=10, lane=2)
    accept(store, tools, "a", "a", "b", bounds=bounds)
    with pytest.raises(TooManyJobs):
        accept(store, tools, "a", bounds=bounds)
    accept(store, tools, "b", bounds=bounds)


def test_several_are_accepted_all_or_none(store, tools) -> None:
    with pytest.raises(TooManyJobs):
        store.accept([tools.job() for _ in range(3)], Bounds(queue=10, lane=2))
    assert store.unfinished() == []


def test_a_crowd_does_not_get_past_the_bounds(store, tools) -> None:
    def order(number: int) -> bool:
        try:
            return bool(accept(store, tools, f"lane {number}", bounds=Bounds(queue=5, lane=2)))
        except QueueFull:
            return False

    with ThreadPoolExecutor(CROWD) as crowd:
        assert sum(crowd.map(order, range(CROWD * 2))) == 5


# The same request again


def test_a_repeated_request_finds_its_job(store, tools) -> None:
    first, again = (accept(store, tools, "a", idempotency_key="k", fingerprint="f")[0] for _ in range(2))
    assert again.id == first.id
    assert len(store.unfinished()) == 1


def test_keys_of_different_lanes_are_different(store, tools) -> None:
    ours, theirs = accept(store, tools, "a", "b", idempotency_key="k", fingerprint="f")
    assert ours.id != theirs.id


def test_another_request_under_the_same_key_is_refused(store, tools) -> None:
    accept(store, tools, "a", idempotency_key="k", fingerprint="f")
    with pytest.raises(IdempotencyMismatch):
        accept(store, tools, "a", idempotency_key="k", fingerprint="other")


def test_a_repeated_batch_finds_all_its_jobs_in_their_order(store, tools) -> None:
    def batch():
        keys = ["k", None, None]
        return [tools.job(batch="b", idempotency_key=key, fingerprint="f") for key in keys]

    first, again = store.accept(batch(), tools.PLENTY), store.accept(batch(), tools.PLENTY)
    assert [job.id for job in again] == [job.id for job in first]


def test_a_repeated_request_is_found_even_where_the_line_is_full(store, tools) -> None:
    bounds = Bounds(queue=1, lane=1)
    (first,) = accept(store, tools, "a", bounds=bounds, idempotency_key="k")
    assert accept(store, tools, "a", bounds=bounds, idempotency_key="k")[0].id == first.id


def test_the_same_request_from_a_crowd_makes_one_job(store, tools) -> None:
    def order(number: int) -> str:
        return accept(store, tools, "a", idempotency_key="k", fingerprint="f")[0].id

    with ThreadPoolExecutor(CROWD) as crowd:
        assert len(set(crowd.map(order, range(CROWD * 2)))) == 1


# Turns


def test_in_a_lane_the_oldest_goes_first(store, tools, clock) -> None:
    jobs = []
    for _ in range(3):
        jobs += accept(store, tools, "a")
        clock.now += 1
    assert order_of(store, 3) == [job.id for job in jobs]


def test_lanes_take_turns(store, tools, clock) -> None:
    for lane in "aaaabbc":
        accept(store, tools, lane)
        clock.now += 1
    lanes = []
    while job := store.claim("w", False):
        lanes.append(job.lane)
        clock.now += 1
    assert "".join(lanes) == "abcabaa"


def test_interactive_jobs_go_before_the_batch_unless_it_is_its_turn(store, tools) -> None:
    (batch,) = accept(store, tools, "a", priority="batch")
    first, second = accept(store, tools, "b", "b")
    assert order_of(store, 1) == [first.id]
    assert order_of(store, 1, batch_first=True) == [batch.id]
    assert order_of(store, 1, batch_first=True) == [second.id]


def test_nobody_gets_a_job_where_nothing_waits(store) -> None:
    assert store.claim("w", False) is None


def test_a_claim_is_written_down(store, tools, clock) -> None:
    accept(store, tools, "a")
    job = store.claim("w", False)
    assert (job.state, job.worker, job.attempt, job.started) == ("running", "w", 1, clock.now)
    assert store.get(job.id).lease == clock.now + LEASE_SECONDS


def test_workers_never_get_the_same_job(store, database, tools) -> None:
    for number in range(60):
        accept(store, tools, f"lane {number % 7}")

    def work(name: int) -> list[str]:
        mine, ids = Store(database, 60), []
        while job := mine.claim(str(name), False):
            ids.append(job.id)
        return ids

    with ThreadPoolExecutor(6) as workers:
        ids = [id for some in workers.map(work, range(6)) for id in some]
    while job := store.claim("last", False):  # a worker may find all that is left in others' hands
        ids.append(job.id)
    assert Counter(ids).most_common(1)[0][1] == 1 and len(ids) == 60


# The end


def test_an_end_is_written_down_with_its_results(store, tools, clock) -> None:
    accept(store, tools, "a")
    job = store.claim("w", False)
    assert store.finish(job, "succeeded", [{"seed": 1, "parts": {"image": "1-0-image"}}])
    done = store.get(job.id)
    assert done.over and done.results[0]["parts"] == {"image": "1-0-image"}
    assert (done.finished, done.expires) == (clock.now, clock.now + tools.RETENTION)
    assert done.worker is None and done.lease is None


def test_a_worker_that_was_given_up_writes_nothing_any_more(store, tools, clock) -> None:
    accept(store, tools, "a")
    first = store.claim("slow", False)
    clock.now += LEASE_SECONDS + 1
    assert store.recover(alone=False) == 1
    second = store.claim("other", False)
    assert second.id == first.id and second.attempt == 2
    assert not store.finish(first, "failed", [])
    assert store.renew(first)  # it shall stop
    store.give_up(first, died=True)
    now = store.get(first.id)
    assert (now.state, now.worker, now.deaths) == ("running", "other", 0)
    assert store.finish(second, "succeeded", [])
    assert not store.finish(second, "failed", [])


def test_even_the_same_worker_is_fenced_off_from_its_earlier_claim(store, tools) -> None:
    accept(store, tools, "a")
    first = store.claim("w", False)
    store.release("w")
    second = store.claim("w", False)
    assert not store.finish(first, "failed", [])
    assert store.finish(second, "succeeded", [])


def test_who_renews_keeps_the_job(store, tools, clock) -> None:
    accept(store, tools, "a")
    job = store.claim("w", False)
    for _ in range(5):
        clock.now += LEASE_SECONDS - 1
        assert not store.renew(job)
        assert store.recover(alone=False) == 0


def test_a_service_that_is_alone_takes_all_jobs_back_at_once(store, tools) -> None:
    accept(store, tools, "a", "a")
    store.claim("dead", False)
    assert store.recover(alone=True) == 1
    assert [job.state for job in store.unfinished()] == ["queued", "queued"]


def test_what_only_a_lost_client_waited_for_is_not_done_again(store, tools) -> None:
    (waited,) = accept(store, tools, "a", waited_for=True)
    (keyed,) = accept(store, tools, "a", waited_for=True, idempotency_key="k")
    store.claim("dead", False)
    store.recover(alone=True)
    assert store.get(waited.id).state == "cancelled"
    assert store.get(keyed.id).state == "queued"


def test_what_a_client_of_another_service_waits_for_is_done_again(store, tools, clock) -> None:
    (job,) = accept(store, tools, "a", waited_for=True)
    store.give_up(store.claim("stopping", False), died=False)
    assert store.get(job.id).state == "queued"
    store.claim("dead", False)
    clock.now += LEASE_SECONDS + 1
    assert store.recover(alone=False) == 1
    assert store.get(job.id).state == "queued"


def test_a_job_of_a_dead_engine_is_done_again_and_counted(store, tools) -> None:
    accept(store, tools, "a", waited_for=True)
    store.give_up(store.claim("w", False), died=True)
    job = store.claim("w", False)
    assert (job.deaths, job.attempt) == (1, 2)


# Cancelling, deleting


def test_a_job_that_waits_is_cancelled_at_once(store, tools, clock) -> None:
    (job,) = accept(store, tools, "a", webhook_url="https://example.org")
    now = store.cancel(job.id)
    assert now.state == "cancelled" and now.expires == clock.now + tools.RETENTION
    assert store.claim("w", False) is None
    assert [told.id for told in store.webhooks(9)] == [job.id]


def test_a_job_that_runs_is_asked_to_stop(store, tools) -> None:
    accept(store, tools, "a")
    job = store.claim("w", False)
    assert store.cancel(job.id).state == "running"
    assert store.renew(job)


def test_a_job_that_is_over_stays_as_it_is(store, tools) -> None:
    accept(store, tools, "a")
    job = store.claim("w", False)
    store.finish(job, "succeeded", [])
    assert store.cancel(job.id).state == "succeeded"
    assert store.cancel("nothing") is None


def test_a_job_expires_only_after_its_end(store, tools, clock) -> None:
    both = accept(store, tools, "a", "a")
    job = store.claim("w", False)
    (other,) = (one for one in both if one.id != job.id)
    store.finish(job, "failed", [], {"code": "no_person", "detail": "", "fix": ""})
    clock.now += tools.RETENTION + 1
    assert store.expired() == [job.id]
    store.remove(job.id)
    assert store.get(job.id) is None and store.ids() == {other.id}


# Webhooks


def test_one_of_several_services_tells_of_a_job_and_another_where_that_one_dies(store, tools, clock) -> None:
    (job,) = accept(store, tools, "a", webhook_url="https://example.org")
    store.cancel(job.id)
    (seen,), (seen_by_another,) = store.webhooks(9), store.webhooks(9)
    assert store.claim_webhook(seen) and not store.claim_webhook(seen_by_another)
    assert store.webhooks(9) == []
    clock.now += WEBHOOK_SECONDS
    (again,) = store.webhooks(9)
    assert store.claim_webhook(again)
    store.note_webhook(again, None)
    clock.now += WEBHOOK_SECONDS
    assert store.webhooks(9) == []


# History


def test_pages_go_through_a_history_once(store, tools, clock) -> None:
    mine = []
    for number in range(25):
        mine += accept(store, tools, "a", owner="me", task=("tryon", "pose")[number % 2])
        accept(store, tools, "a", owner="other")
        accept(store, tools, "a", owner="me", task="mask")  # makes no picture
        clock.now += number % 3  # some at the same instant
    seen, cursor = [], None
    while True:
        page = store.page("me", 7, cursor)
        seen += page.jobs
        accept(store, tools, "a", owner="me")  # what comes meanwhile moves nothing
        if (cursor := page.cursor) is None:
            break
    assert {job.id for job in seen} == {job.id for job in mine} and len(seen) == 25
    assert [job.created for job in seen] == sorted((job.created for job in mine), reverse=True)


@pytest.mark.parametrize("cursor", ["", "nothing", "_", "x_y"])
def test_a_cursor_of_no_page_is_refused(store, cursor: str) -> None:
    with pytest.raises(BadParameter):
        store.page("me", 5, cursor)
