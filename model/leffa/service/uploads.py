"""ASGI middleware that stops a request body that is too large, before anything parses it."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leffa.errors import ImageTooLarge
from leffa.service.problems import problem

# A client that is still sending does not read. So what is left of the body is thrown away before the answer,
# as long as it is not absurdly much.
MOST_DISCARDED_BYTES = 512 * 1024**2


class UploadLimit:
    """Refuses bodies of more than ``limit`` bytes, by the Content-Length and by counting what arrives."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413 at once where the length is announced, else pass on a counting ``receive``."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdigit() and int(announced) > self.limit:
            await _discard(receive)
            await problem(self._error(), scope)(scope, receive, send)
            return
        await self.app(scope, self._counting(receive), send)

    def _counting(self, receive: Receive) -> Receive:
        count = 0

        async def counted() -> Message:
            nonlocal count
            message = await receive()
            count += len(message.get("body", b""))
            if count > self.limit:
                await _discard(receive)
                raise self._error()
            return message

        return counted

    def _error(self) -> ImageTooLarge:
        return ImageTooLarge(f"The request has more than {self.limit / 1024**2:.0f} MB.", allowed=self.limit)


async def _discard(receive: Receive) -> None:
    count = 0
    while count < MOST_DISCARDED_BYTES:
        message = await receive()
        count += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return
