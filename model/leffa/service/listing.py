"""What is told of the models that the program knows."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import get_args

from leffa.engine.protocol import ModelStatus
from leffa.engine.shelf import Shelf
from leffa.service.fields import CALLS, RANGES, GarmentType
from leffa.service.schemas import Licence, ModelInfo
from leffa.settings import AUTO, Settings
from leffa.weights.licences import bill


def list_models(statuses: Sequence[ModelStatus], default: str, settings: Settings) -> list[ModelInfo]:
    """Every known model, best first, with its limits and licences."""
    firsts = _first_choices(statuses, default, settings)
    return [_describe(status, default, settings, firsts[status.known.id]) for status in statuses]


def _first_choices(
    statuses: Sequence[ModelStatus], default: str, settings: Settings
) -> dict[str, list[GarmentType]]:
    """By model the garment types that it answers where a request names no model."""
    shelf = Shelf({status.known.id: status.known for status in statuses}, default, settings.model == AUTO)
    failed = {status.known.id for status in statuses if status.state == "failed"}
    firsts: dict[str, list[GarmentType]] = {model: [] for model in shelf.models}
    for garment_type in get_args(GarmentType):
        chosen = shelf.choose("tryon", garment_type, avoid=failed)
        if chosen.usable:  # the model that the settings name may not be here
            firsts[chosen.id].append(garment_type)
    return firsts


def _describe(
    status: ModelStatus, default: str, settings: Settings, firsts: Sequence[GarmentType]
) -> ModelInfo:
    known, facts, place = status.known, status.facts, status.placement
    entries = bill(known.id, settings.parser, settings.keypoints)
    return ModelInfo(
        id=known.id,
        task=known.task,
        weights=known.weights,
        weights_hash=facts.weights_hash if facts else None,
        demonstration=known.weights == "embedded",
        default=known.id == default,
        present=known.present,
        missing=list(known.missing),
        command=known.command,
        loaded=status.state == "loaded",
        state=status.state,
        reason=status.reason,
        device=facts.device if facts else place.device if place else None,
        dtype=facts.dtype if facts else place.dtype if place else None,
        memory=place.networks if place else None,
        memory_bytes=place.size if place else None,
        garment_types=list(get_args(GarmentType)) if known.task == "tryon" else [],
        first_choice_for=list(firsts),
        limits=_limits(known.task, settings),
        defaults={"inference_steps": known.default_steps, "guidance_scale": known.default_guidance},
        licences=[Licence(**asdict(entry)) for entry in entries],
        non_commercial=any(entry.non_commercial for entry in entries),
        refused=bool(known.refused),
    )


def _limits(task: str, settings: Settings) -> dict[str, object]:
    (call,) = (call for call in CALLS if call.task == task)
    ranges = {name: RANGES[name] for name in call.fields.model_fields if name in RANGES}
    return {**ranges, "file_bytes": settings.limits.file_bytes, "pixels": settings.limits.pixels}
