"""ASGI middleware before everything that costs something: who calls, and how often."""

import re
from collections.abc import Mapping
from math import ceil
from time import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leffa.errors import LeffaError, TooManyRequests
from leffa.service.callers import identify
from leffa.service.problems import problem

# What anybody may see, as often as they like: the page, its texts, and what orchestrators ask for.
GUARDED = ("/tryon", "/pose-transfer", "/jobs", "/check", "/masks", "/v1/")
COUNTED = ("POST", "PUT")
PAGE_PREFIX = re.compile(r"^(/api)+(?=/)")  # where the page finds the same calls, however often it is said


class Gate:
    """Answers 401 and 429; notes the caller in ``scope["state"]``, and the limit in the answer.

    ``keys`` are names by SHA-256; ``rate`` is as "120/minute", empty for none.
    """

    def __init__(self, app: ASGIApp, keys: Mapping[str, str], rate: str) -> None:
        self.app = app
        self._keys = keys
        self._rate: RateLimitItem | None = parse(rate) if rate else None
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass guarded requests on only for callers who may send them now."""
        path = PAGE_PREFIX.sub("", scope.get("path", ""))
        if scope["type"] != "http" or not path.startswith(GUARDED) or scope["method"] == "OPTIONS":
            await self.app(scope, receive, send)
            return
        try:
            caller = identify(scope, self._keys)
            scope.setdefault("state", {})["caller"] = caller
            limits = self._count(caller.lane) if scope["method"] in COUNTED else {}
        except LeffaError as error:
            await problem(error, scope)(scope, receive, send)
            return

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(limits)
            await send(message)

        await self.app(scope, receive, send_with_limits)

    def _count(self, lane: str) -> dict[str, str]:
        """Count a request; the headers of the draft on rate limits. Raises TooManyRequests."""
        if self._rate is None:
            return {}
        allowed = self._limiter.hit(self._rate, lane)
        reset, remaining = self._limiter.get_window_stats(self._rate, lane)
        seconds = max(1, ceil(reset - time()))
        if not allowed:
            raise TooManyRequests(f"{self._rate} are allowed.", retry_after=seconds)
        return {
            "RateLimit-Policy": f'"default";q={self._rate.amount};w={self._rate.get_expiry()}',
            "RateLimit": f'"default";r={remaining};t={seconds}',
        }
