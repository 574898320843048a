"""The client that waits."""

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from time import sleep
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx2

from leffa.client import calls
from leffa.client.core import Core, Driven, JobHandle, MaskHandle
from leffa.client.steps import Abandon, Send, Sleep, Step, Steps

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D", bound=Driven)


def blocking(call: Callable[Concatenate[D, P], Steps[T]]) -> Callable[Concatenate[D, P], T]:
    """A call as a method that returns its value."""

    @wraps(call)
    def method(self: D, /, *args: P.args, **kwargs: P.kwargs) -> T:
        value: T = self.drive(call(self, *args, **kwargs))
        return value

    return method


class Job(JobHandle):
    """A job of the service."""

    refresh = blocking(calls.refresh)
    wait = blocking(calls.wait)
    image = blocking(calls.image)
    part = blocking(calls.part)
    cancel = blocking(calls.cancel)
    delete = blocking(calls.delete)


class Mask(MaskHandle):
    """A mask that the service keeps."""

    layer = blocking(calls.layer)
    edit = blocking(calls.edit)


class Client(Core[Job, Mask]):
    """A client whose methods return when they are done; any thread may use it. Its arguments are Core's."""

    job_kind, mask_kind = Job, Mask

    tryon = blocking(calls.tryon)
    pose_transfer = blocking(calls.pose_transfer)
    submit = blocking(calls.submit)
    submit_pose = blocking(calls.submit_pose)
    batch = blocking(calls.batch)
    check = blocking(calls.check)
    mask = blocking(calls.mask)
    job = blocking(calls.job)
    history = blocking(calls.history)
    models = blocking(calls.models)
    health = blocking(calls.health)

    def _open(self, **options: Any) -> None:
        self._http = httpx2.Client(**options)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def drive(self, steps: Steps[T]) -> T:
        """The value of a call."""
        try:
            step = next(steps)
            while True:
                try:
                    value = self._take(step)
                except BaseException as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(value)
        except StopIteration as end:
            answer: T = end.value
            return answer

    def _take(self, step: Step) -> httpx2.Response | None:
        if isinstance(step, Sleep):
            sleep(step.seconds)
            return None
        if isinstance(step, Abandon):
            with suppress(httpx2.HTTPError):
                self._send(step.request)
            return None
        return self._send(step)

    def _send(self, request: Send) -> httpx2.Response:
        with self._http.stream(**self._arguments(request)) as response:
            if request.hear is None or not response.is_success:
                response.read()
                return response
            with suppress(httpx2.TransportError):
                for piece in response.iter_bytes():
                    if request.hear(piece):
                        break
        return response
