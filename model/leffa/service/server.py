"""The web server around the app: it stops with open event streams, and closes on whoever sends no request."""

import asyncio
import socket
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from leffa.settings import Settings

HEAD_SECONDS = 20.0
GRACE_SECONDS = 5.0  # beyond what the job at work may take


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection whose request line and headers do not arrive in time."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start the clock."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Stop the clock while a request is under way, keep it running while one is still arriving."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_watching()
        elif self._timer is None:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_watching()
        super().connection_lost(exc)

    def _watch(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_watching(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Server(uvicorn.Server):
    """Uvicorn that tells the app of a signal at once: open event streams would keep it waiting for ever."""

    _loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Go the usual way, and remember on which loop."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop taking orders, end the streams, then go the usual way."""
        stop = self.config.loaded_app_state.desk.begin_stop  # type: ignore[attr-defined]
        # A signal interrupts the loop wherever it is, perhaps holding the very lock that is needed here.
        if self._loop is not None:
            self._loop.call_soon_threadsafe(stop)
        super().handle_exit(sig, frame)


def make_server(app: FastAPI, settings: Settings, host: str, port: int) -> Server:
    """A server for the app, not started yet."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=PatientProtocol,
        lifespan="on",  # what goes wrong at the start ends the start
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=round(settings.stop_seconds + GRACE_SECONDS),
    )
    config.loaded_app_state = app.state  # type: ignore[attr-defined]
    return Server(config)


def serve(app: FastAPI, settings: Settings, host: str, port: int) -> None:
    """Serve until a signal says otherwise."""
    make_server(app, settings, host, port).run()
