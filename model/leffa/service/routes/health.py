"""GET /health with its two short forms, and GET /metrics: answered from memory."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from leffa import provenance
from leffa.engine.protocol import Engine
from leffa.jobs.desk import Desk
from leffa.service.schemas import Health
from leffa.settings import Settings

router = APIRouter(tags=["health"])
UNAVAILABLE = 503
NOT_READY: dict[int | str, dict[str, object]] = {
    UNAVAILABLE: {"model": Health, "description": "loading or failed"}
}


@router.get("/health", responses=NOT_READY)
async def health(request: Request, response: Response) -> Health:
    """200 when the service can serve; 503 while its default model loads or after that failed to."""
    answer = describe(request.app.state.engine, request.app.state.desk, request.app.state.settings)
    if answer.status != "ready":
        response.status_code = UNAVAILABLE
    response.headers["Cache-Control"] = "no-store"
    return answer


def describe(engine: Engine, desk: Desk, settings: Settings) -> Health:
    """The state of an engine and of its default model, loaded or not."""
    status, default = engine.status, engine.default
    answer = Health(
        status=status.state,
        reason=status.reason,
        model=default.known.id,
        device=settings.device,
        versions=provenance.versions(),
        queue_depth=desk.depth,
        uptime_seconds=round(status.uptime_seconds, 3),
    )
    place = default.facts or default.placement
    if status.state != "ready" or place is None:
        return answer
    facts = {
        "weights": default.known.weights,
        "demonstration": default.known.weights == "embedded",
        "device": place.device,
        "dtype": place.dtype,
    }
    return answer.model_copy(update=facts)


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request) -> Response:
    """Everything that is measured, for Prometheus."""
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)


@router.get("/health/live")
async def live() -> dict[str, str]:
    """200 as long as the process answers."""
    return {"status": "alive"}


@router.get("/health/ready", responses=NOT_READY)
async def ready(request: Request, response: Response) -> Health:
    """The same as /health, under the name that orchestrators expect."""
    return await health(request, response)
