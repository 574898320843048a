"""Waiting times are learnt from what was done, from the exact kind of job to the rough one."""

import pytest

from leffa.engine.protocol import Progress
from leffa.jobs.speed import CHECK_SECONDS, UNKNOWN_SECONDS, Speed


def test_before_anything_was_done_it_guesses(tools) -> None:
    speed = Speed()
    assert speed.expect(tools.job(seeds=[1, 2])) == 2 * UNKNOWN_SECONDS
    assert speed.expect(tools.job(task="check")) == CHECK_SECONDS


def test_it_knows_what_earlier_jobs_took(tools) -> None:
    done = [tools.job(started=10.0, finished=14.0) for _ in range(3)]
    assert Speed(done).expect(tools.job(seeds=[1, 2])) == pytest.approx(8)


def test_jobs_of_other_models_and_steps_count_apart(tools) -> None:
    speed = Speed()
    speed.learn(tools.job(options={"inference_steps": 30}), 30)
    speed.learn(tools.job(options={"inference_steps": 5}), 5)
    assert speed.expect(tools.job(options={"inference_steps": 30})) == 30
    assert speed.expect(tools.job(options={"inference_steps": 5})) == 5
    assert 5 < speed.expect(tools.job(options={"inference_steps": 12})) < 30
    assert speed.expect(tools.job(model="viton_hd")) == UNKNOWN_SECONDS


def test_newer_jobs_count_more(tools) -> None:
    speed = Speed()
    for seconds in [10.0] * 20 + [2.0] * 20:
        speed.learn(tools.job(), seconds)
    assert speed.expect(tools.job()) == pytest.approx(2, rel=0.01)


def test_what_is_left_shrinks_with_the_progress_and_is_never_less_than_nothing(tools) -> None:
    speed, job = Speed(), tools.job()
    speed.learn(job, 10)
    steps = [Progress("preprocess", 0, 1), *(Progress("denoise", step, 8) for step in range(9))]
    left = [speed.left(job, step, 0.5 + index) for index, step in enumerate(steps)]
    assert left == sorted(left, reverse=True) and left[-1] >= 0
    assert speed.left(job, None, 3) == 7 and speed.left(job, None, 99) == 0


def test_a_line_takes_as_long_as_all_in_it(tools) -> None:
    speed = Speed()
    speed.learn(tools.job(), 2)
    assert speed.wait([tools.job(), tools.job(seeds=[1, 2, 3])]) == pytest.approx(8)
