"""How long jobs take, learnt from those that were done: for honest waiting times."""

from collections.abc import Iterable
from threading import Lock

from leffa.engine.protocol import Progress
from leffa.jobs.job import Job

MEMORY = 0.7  # share of the past in the running mean
UNKNOWN_SECONDS = 10.0
CHECK_SECONDS = 1.0
# About where in a job a stage lies, as shares of the whole, until its end.
SHARES = {"load": (0.0, 0.02), "preprocess": (0.02, 0.2), "generate": (0.2, 0.9), "denoise": (0.2, 0.9)}
REST = (0.9, 1.0)


class Speed:
    """Running means of the seconds a picture, by task, model and number of steps. Any thread may use it."""

    def __init__(self, done: Iterable[Job] = ()) -> None:
        self._means: dict[tuple[str, str, int | None], float] = {}
        self._lock = Lock()
        for job in done:
            if job.started is not None and job.finished is not None:
                self.learn(job, job.finished - job.started)

    def learn(self, job: Job, seconds: float) -> None:
        """Take a finished job into the means."""
        each = seconds / max(1, len(job.seeds))
        with self._lock:
            for key in _keys(job):
                self._means[key] = MEMORY * self._means.get(key, each) + (1 - MEMORY) * each

    def expect(self, job: Job) -> float:
        """The seconds that a job will take once it runs."""
        with self._lock:
            known = [self._means[key] for key in _keys(job) if key in self._means]
        unknown = UNKNOWN_SECONDS if job.task in ("tryon", "pose") else CHECK_SECONDS
        return (known[0] if known else unknown) * len(job.seeds)

    def left(self, job: Job, progress: Progress | None, running: float) -> float:
        """The seconds that a job still takes after `running` seconds, where its progress is known."""
        expected = self.expect(job)
        if progress is not None:
            expected = max(expected, running)
            return max(0.0, min(expected - running, expected * (1 - _share(progress))))
        return max(0.0, expected - running)

    def wait(self, jobs: Iterable[Job]) -> float:
        """The seconds until all these jobs are done, one after another."""
        return sum(self.expect(job) for job in jobs)


def _keys(job: Job) -> list[tuple[str, str, int | None]]:
    """From the exact kind of job to the rough one."""
    return [(job.task, job.model, job.options.get("inference_steps")), (job.task, job.model, -1)]


def _share(progress: Progress) -> float:
    """How much of a job is done."""
    begin, end = SHARES.get(progress.stage, REST)
    return begin + (end - begin) * progress.step / max(1, progress.total)
