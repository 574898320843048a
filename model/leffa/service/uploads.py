"""ASGI middleware that bounds what arrives, before anything parses it: bytes, time, and how many at once."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leffa.errors import ImageTooLarge, LeffaError, SlowUpload, TooManyRequests
from leffa.service.problems import problem

# A client that is still sending does not read. So what is left of the body is thrown away before the answer,
# as long as it is not absurdly much and does not take absurdly long.
MOST_DISCARDED_BYTES = 512 * 1024**2
MOST_DISCARDING_SECONDS = 10.0
MOST_AT_ONCE = 64  # of all clients together
RETRY_SECONDS = 1


class UploadLimit:
    """Refuses bodies that are too large or too slow, and clients that send too many at once.

    ``most_bytes`` gives the limit by path; ``seconds`` is how long a body may take; ``per_client`` how many
    of a client may be arriving.
    """

    def __init__(
        self, app: ASGIApp, most_bytes: Callable[[str], int], seconds: float, per_client: int
    ) -> None:
        self.app = app
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._per_client = per_client
        self._arriving: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at once where it is known before, else pass on a counting ``receive``."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS", "DELETE"):
            await self.app(scope, receive, send)
            return
        upload = _Upload(receive, self._most_bytes(scope["path"]), self._seconds)
        try:
            upload.check_announced(Headers(scope=scope))
            self._enter(scope)
        except LeffaError as error:
            await upload.discard()
            await problem(error, scope)(scope, receive, send)
            return
        upload.on_end = lambda: self._leave(scope)
        try:
            await self.app(scope, upload.receive, send)
        finally:
            upload.end()

    def _enter(self, scope: Scope) -> None:
        lane = _lane(scope)
        if self._arriving[lane] >= self._per_client or self._arriving.total() >= MOST_AT_ONCE:
            raise TooManyRequests("Too many requests are arriving at once.", retry_after=RETRY_SECONDS)
        self._arriving[lane] += 1

    def _leave(self, scope: Scope) -> None:
        lane = _lane(scope)
        self._arriving[lane] -= 1
        if not self._arriving[lane]:
            del self._arriving[lane]


class _Upload:
    """One body as it arrives."""

    def __init__(self, receive: Receive, most_bytes: int, seconds: float) -> None:
        self._receive = receive
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._deadline = monotonic() + seconds
        self._count = 0
        self._complete = False
        self._ended = False
        self.on_end: Callable[[], None] = lambda: None

    def check_announced(self, headers: Headers) -> None:
        announced = headers.get("content-length", "")
        if announced.isdigit() and int(announced) > self._most_bytes:
            raise self._too_large()

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout(max(0.0, self._deadline - monotonic())):
                message = await self._receive()
        except TimeoutError:
            self.end()
            raise SlowUpload(f"It took more than {self._seconds:g} seconds.") from None
        self._count += len(message.get("body", b""))
        if self._count > self._most_bytes:
            await self.discard()
            raise self._too_large()
        if not message.get("more_body", False):
            self.end()
        return message

    async def discard(self) -> None:
        """Read to the end of the body, within reason."""
        count = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(MOST_DISCARDING_SECONDS):
                while count < MOST_DISCARDED_BYTES:
                    message = await self._receive()
                    count += len(message.get("body", b""))
                    if message["type"] == "http.disconnect" or not message.get("more_body", False):
                        return

    def end(self) -> None:
        """Nothing more of the body is awaited."""
        self._complete = True
        if not self._ended:
            self._ended = True
            self.on_end()

    def _too_large(self) -> ImageTooLarge:
        megabytes = self._most_bytes / 1024**2
        return ImageTooLarge(f"The request has more than {megabytes:.0f} MB.", allowed=self._most_bytes)


def _lane(scope: Scope) -> str:
    caller = scope.get("state", {}).get("caller")
    return caller.lane if caller is not None else ""
