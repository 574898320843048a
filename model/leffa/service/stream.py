"""What is told of a job as it happens: its state first, then whatever changes, until it is over."""

from collections.abc import AsyncIterator

from anyio import to_thread
from fastapi.sse import ServerSentEvent

from leffa.jobs.desk import Desk
from leffa.jobs.hub import FINAL_NUMBER, LOOK_SECONDS, NUMBERS_AN_ATTEMPT, Listener, News
from leffa.jobs.job import FINAL
from leffa.service.schemas import JobOut
from leffa.service.standing import to_job_out


async def tell_of(desk: Desk, job: str, seen: int) -> AsyncIterator[ServerSentEvent]:
    """The events of a job, for one who has seen up to the number `seen`; ends with the job or the service."""
    told: JobOut | None = None
    with desk.hub.listen(job) as listener:
        while (now := await to_thread.run_sync(_describe, desk, job)) is not None:
            seen = max(seen, _number(now))
            if told is None or (now.state, now.attempt) != (told.state, told.attempt):
                yield ServerSentEvent(event="state", id=str(seen), data=now)
            elif now.position != told.position:
                place = {"position": now.position, "seconds_left": now.seconds_left}
                yield ServerSentEvent(event="queue", data=place)
            if told is None and now.state == "running":  # else the listener hears of its beginning first
                for missed in desk.hub.since(job, seen):
                    if missed.number // NUMBERS_AN_ATTEMPT == now.attempt:
                        seen = missed.number
                        yield _progress(missed)
            told = now
            if now.state in FINAL or desk.stopping:
                return
            async for event in _progress_until_a_change(listener, seen):
                yield event


def _describe(desk: Desk, job: str) -> JobOut | None:
    found = desk.store.get(job)
    return None if found is None else to_job_out(desk, found)


async def _progress_until_a_change(listener: Listener, seen: int) -> AsyncIterator[ServerSentEvent]:
    """What the job tells of itself beyond `seen`, until something else happens, or nothing for a while."""
    while (news := await listener.next(LOOK_SECONDS)) is not None and news.kind == "progress":
        if news.number > seen:
            yield _progress(news)


def _number(job: JobOut) -> int:
    back_in_line = FINAL_NUMBER - 1 if job.attempt else 0  # after what was told of that attempt
    step = {"queued": back_in_line, "running": 1}.get(job.state, FINAL_NUMBER)
    return job.attempt * NUMBERS_AN_ATTEMPT + step


def _progress(news: News) -> ServerSentEvent:
    return ServerSentEvent(event="progress", id=str(news.number), data=news.data)
