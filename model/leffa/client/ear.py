"""Listens to a job's server-sent events, over as many connections as it takes."""

import json
import re
from collections.abc import Callable, Iterator
from math import inf
from time import monotonic
from typing import Any, NamedTuple

from leffa.client.facts import JobFacts, Progress

HEARTBEAT_SECONDS = 15.0  # the service says something at least that often
QUIET_SECONDS = 45.0  # a connection that is silent for so long is dead
BLOCK_END = re.compile(rb"\r?\n\r?\n")


class Event(NamedTuple):
    """An event; one without a name was only a sign of life."""

    name: str
    number: int
    data: Any


class Ear:
    """What was heard of a job so far. progress: called with each news of it."""

    def __init__(
        self, facts: JobFacts, progress: Callable[[Progress], object] | None, deadline: float = inf
    ) -> None:
        self.facts = facts
        self.last = 0
        self._progress = progress
        self._deadline = deadline
        self._rest = b""

    @property
    def patience(self) -> float:
        """Seconds of silence to bear."""
        return min(QUIET_SECONDS, max(0.01, self._deadline - monotonic()))

    def begin(self) -> Callable[[bytes], bool]:
        """`hear` for another connection: half an event of the last one is nothing."""
        self._rest = b""
        return self.hear

    def hear(self, piece: bytes) -> bool:
        """Take in a piece of a stream; whether to listen no further on this connection."""
        for event in self._events(piece):
            left = self._deadline - monotonic()
            # Before the next sign of life it may be too late: come back with less patience.
            if left <= 0 or (not event.name and left < HEARTBEAT_SECONDS):
                return True
            self._note(event)
        return self.facts.over

    def _events(self, piece: bytes) -> Iterator[Event]:
        *blocks, self._rest = BLOCK_END.split(self._rest + piece)
        for block in blocks:
            lines = [line.rstrip("\r").partition(":") for line in block.decode().split("\n")]
            members = {name: value.removeprefix(" ") for name, _, value in lines if name}
            data = json.loads(members["data"]) if "data" in members else None
            number = members.get("id", "")
            yield Event(members.get("event", ""), int(number) if number.isdecimal() else 0, data)

    def _note(self, event: Event) -> None:
        if event.name == "state":
            self.facts = JobFacts.read(event.data)
        waits = event.name == "queue" or (event.name == "state" and self.facts.state == "queued")
        if waits or (event.name == "progress" and event.number > self.last):
            self._tell(event.data)
        self.last = max(self.last, event.number)

    def _tell(self, data: dict[str, Any]) -> None:
        if self._progress is not None:
            self._progress(Progress.read(data))
