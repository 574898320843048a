"""Builds the web application: settings and an engine in, an ASGI app out."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from anyio import CapacityLimiter
from fastapi import FastAPI
from starlette.responses import RedirectResponse

from leffa import __version__
from leffa.engine.local import LocalEngine
from leffa.engine.pool import open_pool
from leffa.engine.protocol import Model
from leffa.service import problems
from leffa.service.fields import CALLS
from leffa.service.pictures import DECODERS
from leffa.service.request_id import RequestId
from leffa.service.routes import health, models, pictures
from leffa.service.uploads import UploadLimit
from leffa.settings import Settings

DESCRIPTION = "A photo of a person and a picture of a garment in, a photo of the person wearing it out."
FORM_BYTES = 1024**2
MOST_FILES = max(len(call.files) for call in CALLS)


def create_app(settings: Settings, load: Callable[[str], Model] | None = None) -> FastAPI:
    """The application; ``load`` makes the model of an id (as leffa.tryon does when left out).

    Models load in the background once the app starts; nothing heavy happens before. Raises UnknownModel where
    the settings name a model that does not exist.
    """
    app = FastAPI(
        title="Leffa Virtual Try-On",
        description=DESCRIPTION,
        version=__version__,
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.engine = LocalEngine(open_pool(settings, load), settings.queue_size)
    app.state.decoders = CapacityLimiter(DECODERS)
    app.add_middleware(UploadLimit, limit=MOST_FILES * settings.limits.file_bytes + FORM_BYTES)
    app.add_middleware(RequestId)
    problems.install(app)
    for router in (pictures.router, health.router, models.router):
        app.include_router(router)
    app.add_api_route("/", _home, include_in_schema=False, response_class=RedirectResponse)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.engine.start()
    yield
    app.state.engine.stop()


async def _home() -> RedirectResponse:
    return RedirectResponse("/docs")
