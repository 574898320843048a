"""Builds the web application: settings and an engine in, an ASGI app out."""

import ctypes
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import RedirectResponse

from leffa import __version__
from leffa.engine.local import LocalEngine
from leffa.engine.pool import open_pool
from leffa.engine.process import ProcessEngine
from leffa.engine.protocol import Engine, Model
from leffa.jobs.desk import Desk
from leffa.provenance import versions
from leffa.service import document, problems
from leffa.service.fields import CALLS, MOST_GARMENTS
from leffa.service.gate import Gate
from leffa.service.metrics import Metrics
from leffa.service.observer import Observer
from leffa.service.orders import DECODERS
from leffa.service.request_id import RequestId
from leffa.service.routes import checks, health, jobs, models, openai, pictures
from leffa.service.uploads import UploadLimit
from leffa.settings import Settings

DESCRIPTION = "A photo of a person and a picture of a garment in, a photo of the person wearing it out."
FORM_BYTES = 1024**2
M_MMAP_THRESHOLD, LARGE_BLOCK = -3, 1024**2  # the first is glibc's, from malloc.h
MOST_FILES = max(len(call.files) for call in CALLS)
EXPOSED = ["X-Seed", "X-Model", "X-Weights", "X-Job", "X-Findings", "X-Request-ID", "Retry-After", "Location"]


def create_app(settings: Settings, load: Callable[[str], Model] | None = None) -> FastAPI:
    """The application; ``load`` makes the model of an id, in this process (else as the settings say).

    Models load in the background once the app starts; nothing heavy happens before. Raises UnknownModel where
    the settings name a model that does not exist, and StorageFailed where jobs cannot be kept.
    """
    app = FastAPI(
        title="Leffa Virtual Try-On",
        description=DESCRIPTION,
        version=__version__,
        generate_unique_id_function=lambda route: route.name,
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.metrics = Metrics()
    app.state.engine = _engine(settings, load)
    app.state.desk = Desk(settings, app.state.engine, app.state.metrics)
    app.state.metrics.watch(app.state.engine, app.state.desk)
    app.state.decoders = CapacityLimiter(DECODERS)
    _add_middleware(app, settings)
    problems.install(app)
    for module in (pictures, jobs, checks, openai, health, models):
        app.include_router(module.router)
    document.install(app)
    _add_page(app, settings.page)
    return app


def _add_page(app: FastAPI, folder: Path) -> None:
    """The built page at /, where there is one, and the same calls once more under /api, where it looks."""
    if (folder / "index.html").is_file():
        app.mount("/api", app.router)
        app.frontend("/", directory=folder, fallback="index.html")
    else:
        app.add_api_route("/", _home, include_in_schema=False, response_class=RedirectResponse)


def _engine(settings: Settings, load: Callable[[str], Model] | None) -> Engine:
    if load is None and settings.engine == "process":
        return ProcessEngine(settings)
    return LocalEngine(open_pool(settings, load), settings.limits, settings.warm_up and load is None)


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """The last one added sees a request first."""
    picture = settings.limits.file_bytes

    def most_bytes(path: str) -> int:
        files = 1 + MOST_GARMENTS if path.endswith("/jobs/batch") else MOST_FILES
        return files * picture + FORM_BYTES

    app.add_middleware(
        UploadLimit,
        most_bytes=most_bytes,
        seconds=settings.upload_seconds,
        per_client=settings.uploads_per_client,
    )
    app.add_middleware(Gate, keys=settings.keys, rate=settings.rate_limit)
    app.add_middleware(problems.Unexpected)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[origin.strip() for origin in settings.cors_origins.split(",")],
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["*"],
            expose_headers=EXPOSED,
        )
    app.add_middleware(Observer, metrics=app.state.metrics)
    app.add_middleware(RequestId)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    if app.state.settings.engine == "process":  # networks in this process would be slowed down
        _return_large_blocks()
    app.state.engine.start()
    await to_thread.run_sync(versions)  # reads the disk once, which /health shall not
    await to_thread.run_sync(app.state.desk.start)
    yield
    await to_thread.run_sync(app.state.desk.finish_job)
    await to_thread.run_sync(app.state.engine.stop)
    await to_thread.run_sync(app.state.desk.stop)


def _return_large_blocks() -> None:
    """Have memory for pictures go back to the system as soon as they are done with, see mallopt(3).

    Otherwise glibc, once it has seen blocks of 16 MB, keeps up to 64 MB for every thread that decoded one.
    Other C libraries know no such call and are left alone.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)


async def _home() -> RedirectResponse:
    return RedirectResponse("/docs")
