"""In whatever order things happen, no job is lost, done twice, or ended by somebody who does not own it."""

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete

from leffa.errors import QueueFull, TooManyJobs
from leffa.jobs.job import Job
from leffa.jobs.store import LEASE_SECONDS, Bounds, Store

BOUNDS = Bounds(queue=6, lane=3)
RETENTION = 1000.0
WORKERS = st.sampled_from(["w1", "w2", "w3"])


def machine_for(database, clock, make_job) -> type[RuleBasedStateMachine]:
    """The machine over one database."""

    class Book(RuleBasedStateMachine):
        """The store beside a model of it: `states` is what must be true."""

        claims = Bundle("claims")

        def __init__(self) -> None:
            super().__init__()
            with database.execution_options(writes=True).begin() as connection:
                connection.execute(delete(Job))
            self.store = Store(database, RETENTION)
            self.states: dict[str, str] = {}
            self.lanes: dict[str, str] = {}
            self.leases: dict[str, tuple[str, int, float]] = {}  # job → worker, attempt, until when

        def waiting(self, lane: str | None = None) -> int:
            return sum(
                state == "queued" and lane in (None, self.lanes[job]) for job, state in self.states.items()
            )

        @rule(lane=st.sampled_from("ab"), priority=st.sampled_from(["interactive", "batch"]))
        def accept(self, lane: str, priority: str) -> None:
            job = make_job(lane, priority=priority)
            fits = self.waiting() < BOUNDS.queue and self.waiting(lane) < BOUNDS.lane
            try:
                self.store.accept([job], BOUNDS)
                assert fits
                self.states[job.id], self.lanes[job.id] = "queued", lane
            except (QueueFull, TooManyJobs):
                assert not fits

        @rule(target=claims, worker=WORKERS, batch_first=st.booleans())
        def claim(self, worker: str, batch_first: bool):
            job = self.store.claim(worker, batch_first)
            assert (job is None) == (self.waiting() == 0)
            if job is None:
                return multiple()
            assert self.states[job.id] == "queued"
            self.states[job.id] = "running"
            self.leases[job.id] = (worker, job.attempt, clock.now + LEASE_SECONDS)
            return job

        def owns(self, job: Job) -> bool:
            return self.leases.get(job.id, ())[:2] == (job.worker, job.attempt)

        @rule(job=claims)
        def renew(self, job: Job) -> None:
            lost = self.store.renew(job)
            if self.owns(job):
                self.leases[job.id] = (job.worker, job.attempt, clock.now + LEASE_SECONDS)
            else:
                assert lost

        @rule(job=consumes(claims), state=st.sampled_from(["succeeded", "failed", "cancelled"]))
        def finish(self, job: Job, state: str) -> None:
            owned = self.owns(job)
            assert self.store.finish(job, state, []) == owned
            if owned:
                self.states[job.id] = state
                del self.leases[job.id]

        @rule(job=consumes(claims), died=st.booleans())
        def give_up(self, job: Job, died: bool) -> None:
            owned = self.owns(job)
            self.store.give_up(job, died)
            if owned:
                self.states[job.id] = "queued"
                del self.leases[job.id]

        @rule(seconds=st.sampled_from([1.0, LEASE_SECONDS / 2, LEASE_SECONDS + 1]))
        def time_passes(self, seconds: float) -> None:
            clock.now += seconds

        @rule()
        def recover(self) -> None:
            late = [job for job, (_, _, until) in self.leases.items() if until < clock.now]
            assert self.store.recover(alone=False) == len(late)
            for job in late:
                self.states[job] = "queued"
                del self.leases[job]

        @rule(data=st.data())
        def cancel(self, data: st.DataObject) -> None:
            if self.states:
                job = data.draw(st.sampled_from(sorted(self.states)))
                self.store.cancel(job)
                if self.states[job] == "queued":
                    self.states[job] = "cancelled"

        @invariant()
        def the_book_is_as_it_must_be(self) -> None:
            assert {job: self.store.get(job).state for job in self.states} == self.states

    return Book


@pytest.mark.slow
def test_any_history_leaves_the_book_right(database, clock, tools) -> None:
    few = settings(
        max_examples=25,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine_for(database, clock, tools.job), settings=few)
