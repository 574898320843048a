"""The client that is awaited, on asyncio."""

from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import anyio
import httpx2

from leffa.client import calls
from leffa.client.core import Core, Driven, JobHandle, MaskHandle
from leffa.client.steps import Abandon, Send, Sleep, Step, Steps

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D", bound=Driven)
ABANDON_SECONDS = 5.0


def awaiting(
    call: Callable[Concatenate[D, P], Steps[T]],
) -> Callable[Concatenate[D, P], Coroutine[Any, Any, T]]:
    """A call as a method to await."""

    @wraps(call)
    async def method(self: D, /, *args: P.args, **kwargs: P.kwargs) -> T:
        value: T = await self.drive(call(self, *args, **kwargs))
        return value

    return method


class AsyncJob(JobHandle):
    """A job of the service."""

    refresh = awaiting(calls.refresh)
    wait = awaiting(calls.wait)
    image = awaiting(calls.image)
    part = awaiting(calls.part)
    cancel = awaiting(calls.cancel)
    delete = awaiting(calls.delete)


class AsyncMask(MaskHandle):
    """A mask that the service keeps."""

    layer = awaiting(calls.layer)
    edit = awaiting(calls.edit)


class AsyncClient(Core[AsyncJob, AsyncMask]):
    """A client whose methods are awaited; many may be under way at once. Its arguments are Core's."""

    job_kind, mask_kind = AsyncJob, AsyncMask

    tryon = awaiting(calls.tryon)
    pose_transfer = awaiting(calls.pose_transfer)
    submit = awaiting(calls.submit)
    submit_pose = awaiting(calls.submit_pose)
    batch = awaiting(calls.batch)
    check = awaiting(calls.check)
    mask = awaiting(calls.mask)
    job = awaiting(calls.job)
    history = awaiting(calls.history)
    models = awaiting(calls.models)
    health = awaiting(calls.health)

    def _open(self, **options: Any) -> None:
        self._http = httpx2.AsyncClient(**options)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def drive(self, steps: Steps[T]) -> T:
        """The value of a call."""
        try:
            step = next(steps)
            while True:
                try:
                    value = await self._take(step)
                except BaseException as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(value)
        except StopIteration as end:
            answer: T = end.value
            return answer

    async def _take(self, step: Step) -> httpx2.Response | None:
        if isinstance(step, Sleep):
            await anyio.sleep(step.seconds)
            return None
        if isinstance(step, Abandon):
            with anyio.move_on_after(ABANDON_SECONDS, shield=True), suppress(httpx2.HTTPError):
                await self._send(step.request)
            return None
        return await self._send(step)

    async def _send(self, request: Send) -> httpx2.Response:
        async with self._http.stream(**self._arguments(request)) as response:
            if request.hear is None or not response.is_success:
                await response.aread()
                return response
            with suppress(httpx2.TransportError):
                async for piece in response.aiter_bytes():
                    if request.hear(piece):
                        break
        return response
