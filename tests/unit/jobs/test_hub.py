"""News reach who listens, in order, also who comes back, and nobody waits for who does not read."""

import asyncio
from threading import Thread

from leffa.jobs.hub import KEPT, LONGEST_LINE, Hub, News


def progress(number: int, job: str = "j") -> News:
    return News(job, number, "progress", {"step": number})


async def heard(listener, count: int) -> list[int]:
    return [(await listener.next(5)).number for _ in range(count)]


def test_news_from_other_threads_reach_those_who_listen_to_the_job() -> None:
    async def main() -> None:
        hub = Hub()
        with hub.listen("j") as first, hub.listen("j") as second, hub.listen("other") as other:
            thread = Thread(target=lambda: [hub.publish(progress(number)) for number in range(3)])
            thread.start()
            assert await heard(first, 3) == await heard(second, 3) == [0, 1, 2]
            assert await other.next(0.01) is None
            thread.join()

    asyncio.run(main())


def test_who_comes_back_gets_the_progress_that_was_missed() -> None:
    hub = Hub()
    for number in range(1, 4):
        hub.publish(progress(number))
    hub.publish(News("j", 4, "state", {}))
    assert [news.number for news in hub.since("j", 1)] == [2, 3]
    hub.forget("j")
    assert hub.since("j", 0) == []


def test_only_so_much_is_kept() -> None:
    hub = Hub()
    for number in range(KEPT * 2):
        hub.publish(progress(number))
    assert len(hub.since("j", -1)) == KEPT


def test_who_does_not_read_misses_the_oldest() -> None:
    async def main() -> None:
        hub = Hub()
        with hub.listen("j") as listener:
            for number in range(LONGEST_LINE + 10):
                hub.publish(progress(number))
            await asyncio.sleep(0.05)
            assert await heard(listener, 1) == [10]

    asyncio.run(main())


def test_everybody_is_told_of_the_line_and_of_the_end() -> None:
    async def main() -> None:
        hub = Hub()
        with hub.listen("a") as listener:
            hub.stir()
            hub.stop()
            assert [(await listener.next(5)).kind for _ in range(2)] == ["queue", "stop"]
        with hub.listen("b") as late:
            assert (await late.next(5)).kind == "stop"

    asyncio.run(main())


def test_a_loop_that_has_ended_disturbs_nobody() -> None:
    hub = Hub()

    async def main() -> None:
        listening = hub.listen("j")
        listening.__enter__()

    asyncio.run(main())
    hub.publish(progress(1))
