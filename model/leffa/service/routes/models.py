"""GET /models: what can be asked for."""

from typing import get_args

from fastapi import APIRouter, Request

from leffa.errors import ModelFailed, ModelLoading
from leffa.service.problems import responses
from leffa.service.schemas import RANGES, GarmentType, ModelInfo

router = APIRouter(tags=["models"])


@router.get("/models", responses=responses(ModelLoading, ModelFailed))
async def models(request: Request) -> list[ModelInfo]:
    """The loaded model, with the limits of its parameters and of the pictures."""
    model = request.app.state.engine.model
    limits = request.app.state.settings.limits
    info = ModelInfo(
        id=model.model,
        weights=model.weights,
        demonstration=model.weights == "embedded",
        garment_types=list(get_args(GarmentType)),
        limits={**RANGES, "file_bytes": limits.file_bytes, "pixels": limits.pixels},
    )
    return [info]
