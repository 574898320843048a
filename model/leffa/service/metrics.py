"""Every metric of the service, declared once; GET /metrics shows them to Prometheus."""

from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from leffa.engine.protocol import Engine
from leffa.jobs.desk import Desk
from leffa.jobs.job import Job, State

SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)
STEP_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)


class Metrics:
    """The counters and histograms of one app, in a registry of their own."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.registry = registry
        self.requests = Counter(
            "leffa_requests", "Answers by route and status", ["method", "route", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "leffa_request_seconds", "Time to the answer's end", ["route"], buckets=SECONDS, registry=registry
        )
        self.jobs = Counter(
            "leffa_jobs", "Jobs that are over", ["task", "model", "outcome"], registry=registry
        )
        self.images = Counter("leffa_images", "Pictures made", ["model"], registry=registry)
        self.queue_wait = Histogram(
            "leffa_queue_wait_seconds", "Time in line", ["priority"], buckets=SECONDS, registry=registry
        )
        self.stage_seconds = Histogram(
            "leffa_stage_seconds", "Time a stage", ["model", "stage"], buckets=SECONDS, registry=registry
        )
        self.step_seconds = Histogram(
            "leffa_step_seconds", "Time a denoising step", ["model"], buckets=STEP_SECONDS, registry=registry
        )
        self.cancelled = Counter(
            "leffa_cancelled", "Cancellations by request or by disconnect", ["by"], registry=registry
        )

    def step(self, model: str, seconds: float) -> None:
        """A denoising step was done."""
        self.step_seconds.labels(model).observe(seconds)

    def ended(self, job: Job, state: State, results: Iterable[dict[str, Any]]) -> None:
        """A job is over."""
        self.jobs.labels(job.task, job.model, state).inc()
        if job.started is not None:
            self.queue_wait.labels(job.priority).observe(max(0.0, job.started - job.created))
        for result in results:
            if job.task in ("tryon", "pose"):
                self.images.labels(job.model).inc()
            for stage, seconds in result.get("timings", {}).items():
                self.stage_seconds.labels(job.model, stage).observe(seconds)

    def watch(self, engine: Engine, desk: Desk) -> None:
        """Show the state of the engine and of the line as well."""
        self.registry.register(_Now(engine, desk))


class _Now(Collector):
    """What is read when somebody asks."""

    def __init__(self, engine: Engine, desk: Desk) -> None:
        self._engine = engine
        self._desk = desk

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        status = self._engine.status
        yield GaugeMetricFamily("leffa_queue_depth", "Jobs running and waiting", self._desk.depth)
        yield GaugeMetricFamily("leffa_ready", "1 when it can serve", int(status.state == "ready"))
        memory = GaugeMetricFamily("leffa_memory_bytes", "Memory of the engine", labels=["kind"])
        for kind, size in status.memory.items():
            memory.add_metric([kind], size)
        yield memory
        restarts = GaugeMetricFamily("leffa_engine_restarts", "Engines started again", labels=["reason"])
        for reason, number in status.restarts.items():
            restarts.add_metric([reason], number)
        yield restarts
