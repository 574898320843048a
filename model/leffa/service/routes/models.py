"""GET /models: what can be asked for, and what it takes to ask for the rest."""

from fastapi import APIRouter, Request

from leffa.service.listing import list_models
from leffa.service.schemas import ModelInfo

router = APIRouter(tags=["models"])


@router.get("/models")
async def models(request: Request) -> list[ModelInfo]:
    """Every known model, best first: whether it is here, where it runs, its limits and licences."""
    state = request.app.state
    return list_models(state.engine.models, state.engine.default.known.id, state.settings)
