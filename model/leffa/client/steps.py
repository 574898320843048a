"""Calls without a network: a call is a generator of steps, and whoever drives it takes them.

So one text of each call, with its retries, serves a client that waits and one that is awaited.
"""

import random
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from math import ceil, inf
from time import monotonic
from typing import Any, TypeVar

import httpx2

from leffa.client.facts import read_problem
from leffa.errors import (
    EngineFailed,
    LeffaError,
    ModelFailed,
    OutOfMemory,
    Unavailable,
    Unreachable,
    UnsupportedWeights,
)

T = TypeVar("T")
REFUSED = (429, 503)  # by the service, which did nothing
TRANSIENT = (*REFUSED, 502, 504)
LASTING = (EngineFailed, ModelFailed, OutOfMemory, UnsupportedWeights)  # the same again would meet them again
LOST = (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError)
UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout)
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
LONGEST_RETRY_AFTER = 120


@dataclass(frozen=True)
class Send:
    """Send a request. The step's value is the answer, read to its end.

    repeatable: whether it may be sent again when nobody knows whether it arrived. hear: gets the body of a
    good answer piece by piece, and says when it has heard enough; a body that is cut short just ends.
    patience: seconds of silence that are borne, where the client's own do not fit.
    """

    method: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[tuple[str, tuple[str, bytes]]] = ()
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True
    hear: Callable[[bytes], bool] | None = None
    patience: float | None = None


@dataclass(frozen=True)
class Sleep:
    """Let time pass."""

    seconds: float


@dataclass(frozen=True)
class Abandon:
    """Send a last request while an interruption is under way; nobody waits long for its answer."""

    request: Send


Step = Send | Sleep | Abandon
Steps = Generator[Step, Any, T]


def ask(
    request: Send, retries: int, fine: Collection[int] = (), deadline: float = inf
) -> Steps[httpx2.Response]:
    """The answer to a request, sent again while that may help. fine: statuses that are answers too.

    Raises the error that the answer tells of, Unreachable, and TimeoutError at the deadline.
    """
    for attempt in count():
        try:
            response: httpx2.Response = yield request
        except httpx2.HTTPError as lost:
            again = isinstance(lost, LOST) and (request.repeatable or isinstance(lost, UNSENT))
            error: LeffaError = Unreachable(
                f"{lost or type(lost).__name__} ({request.method} {request.path})"
            )
            error.__cause__ = lost
            pause = backoff(attempt)
        else:
            if response.is_success or response.status_code in fine:
                return response
            error = error_of(response)
            again = response.status_code in (TRANSIENT if request.repeatable else REFUSED)
            again = again and not isinstance(error, LASTING)
            pause = backoff(attempt) if error.retry_after is None else error.retry_after
        if not again or attempt >= retries or pause > LONGEST_RETRY_AFTER:
            raise error
        yield from pass_time(pause, deadline)
    raise AssertionError


def pass_time(seconds: float, deadline: float) -> Steps[None]:
    """Wait so long; raises TimeoutError at the deadline."""
    left = deadline - monotonic()
    yield Sleep(max(0.0, min(seconds, left)))
    if left <= seconds:
        raise TimeoutError("The job is not over yet.")


def backoff(attempt: int) -> float:
    """Seconds before the next try; not quite regular, so that many clients do not come back together."""
    longest: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt)
    return longest * random.uniform(0.75, 1.0)


def error_of(response: httpx2.Response) -> LeffaError:
    """The error of an answer, whether the service gave it or something between."""
    wait = _retry_after(response.headers.get("retry-after", ""))
    try:
        problem = response.json()
        return read_problem(problem, wait)
    except (ValueError, KeyError, TypeError, AttributeError):
        kind = Unavailable if response.status_code in TRANSIENT else LeffaError
        return kind(f"The answer was {response.status_code} {response.reason_phrase}.", retry_after=wait)


def _retry_after(text: str) -> int | None:
    if text.isdecimal():
        return int(text)
    try:
        return max(0, ceil((parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()))
    except (ValueError, TypeError):
        return None
