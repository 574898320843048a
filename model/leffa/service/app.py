"""Builds the web application: settings and an engine in, an ASGI app out."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from anyio import CapacityLimiter
from fastapi import FastAPI
from starlette.responses import RedirectResponse

from leffa import __version__
from leffa.engine.local import LocalEngine
from leffa.engine.protocol import Model
from leffa.service import problems
from leffa.service.request_id import RequestId
from leffa.service.routes import health, models, tryon
from leffa.service.schemas import FILES
from leffa.service.uploads import UploadLimit
from leffa.settings import Settings

DESCRIPTION = "A photo of a person and a picture of a garment in, a photo of the person wearing it out."
FORM_BYTES = 1024**2


def create_app(settings: Settings, load: Callable[[], Model] | None = None) -> FastAPI:
    """The application; ``load`` makes the model (the one that the settings name when left out).

    The model loads in the background once the app starts; nothing heavy happens before.
    """
    app = FastAPI(
        title="Leffa Virtual Try-On",
        description=DESCRIPTION,
        version=__version__,
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.engine = LocalEngine(load or _loader(settings), settings.queue_size)
    app.state.decoders = CapacityLimiter(tryon.DECODERS)
    app.add_middleware(UploadLimit, limit=len(FILES) * settings.limits.file_bytes + FORM_BYTES)
    app.add_middleware(RequestId)
    problems.install(app)
    for router in (tryon.router, health.router, models.router):
        app.include_router(router)
    app.add_api_route("/", _home, include_in_schema=False, response_class=RedirectResponse)
    return app


def _loader(settings: Settings) -> Callable[[], Model]:
    def load() -> Model:
        # Imported by the engine's thread: torch takes seconds, and /health answers meanwhile.
        from leffa.tryon import TryOn

        return TryOn.load(settings.model, settings.device)

    return load


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.engine.start()
    yield
    app.state.engine.stop()


async def _home() -> RedirectResponse:
    return RedirectResponse("/docs")
