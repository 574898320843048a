"""ASGI middleware that notes every request: one line in the log, two metrics. FastAPI itself traces it."""

from time import perf_counter

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leffa.service.metrics import Metrics

logger = structlog.get_logger("leffa.requests")
QUIET = ("/health", "/metrics")  # asked all the time, so their usual answers are no news
NO_ANSWER = 499  # the client went away
# All others are one to the metrics: they can be any word, and each would be kept for ever.
METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}


class Observer:
    """Measures from the first byte of the request to the last one of the answer."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note how it ended."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, begun = NO_ANSWER, perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        request_id = scope.get("state", {}).get("request_id", "")
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, noting)
            finally:
                self._note(scope, _route(scope), status, perf_counter() - begun)

    def _note(self, scope: Scope, route: str, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.requests.labels(method, route, status).inc()
        self._metrics.request_seconds.labels(route).observe(seconds)
        if route.startswith(QUIET) and status in (200, 503):
            return
        logger.info(
            "request",
            method=method,
            path=scope["path"],
            status=status,
            milliseconds=round(seconds * 1000, 1),
        )


def _route(scope: Scope) -> str:
    """The route's pattern, so that ids make no new label."""
    route = scope.get("route")
    return str(getattr(route, "path", "other"))
