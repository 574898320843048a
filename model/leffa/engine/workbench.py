"""One piece of work from encoded inputs to encoded answers: decode, ask the model, encode and sign."""

import io
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache
from time import monotonic
from typing import Any

import numpy as np
from PIL import Image

from leffa import drawings, images, provenance
from leffa.engine.protocol import CancelCheck, Facts, Made, Model, Progress, Watch, Work
from leffa.errors import Cancelled, Finding
from leffa.images import DEFAULT_LIMITS, Limits
from leffa.tryon import REQUESTS, MaskRequest

PREVIEW_SIDE = 160
PREVIEW_SECONDS = 0.25  # between two previews: a fast model would spend its time on them otherwise


def do(model: Model, work: Work, watch: Watch, cancelled: CancelCheck, limits: Limits) -> list[Made]:
    """What the model makes of the work, one entry a seed. Raises any LeffaError, Cancelled among them."""
    pictures, findings = open_pictures(work.inputs, limits)
    # JSON has no tuples.
    options: dict[str, Any] = {
        name: tuple(x) if isinstance(x, list) else x for name, x in work.options.items()
    }
    if work.task == "mask":
        request = MaskRequest(person=pictures["person"], **options, model=work.model)
        return [_pack_mask(model.mask(request))]
    told = _Told(watch)
    made = []
    for seed in work.seeds:
        if cancelled():
            raise Cancelled()
        asked = REQUESTS[work.task](**pictures, **options, model=work.model, seed=seed)
        result = model(asked, progress=told.progress, cancelled=cancelled, preview=told.preview)
        made.append(_pack(model, work, result, findings))
    return made


def check(work: Work, limits: Limits) -> list[Made]:
    """The pre-flight report on the work's pictures; needs no model."""
    from leffa import preflight

    pictures, findings = open_pictures(work.inputs, limits)
    detector, parser = _eyes()
    report = preflight.check(
        pictures.get("person"), pictures.get("garment"), work.options.get("garment_type"), detector, parser
    )
    return [Made({}, asdict(report))]


@cache
def _eyes() -> tuple[Any, Any]:
    from leffa.mini.landmarks import LandmarkDetector
    from leffa.mini.parser import WEIGHTS, Parser

    return LandmarkDetector(), Parser.load(WEIGHTS)


def open_pictures(
    inputs: Mapping[str, bytes], limits: Limits = DEFAULT_LIMITS, names: Mapping[str, str] | None = None
) -> tuple[dict[str, np.ndarray], list[Finding]]:
    """Decode input files: uint8 [H, W, 3] RGB by name, the garment perhaps RGBA, a mask [H, W].

    ``names`` are what messages call the inputs. Raises what leffa.images raises. It is slow.
    """
    called = names or {}
    arrays: dict[str, np.ndarray] = {}
    findings: list[Finding] = []
    for name in ("person", "garment", "pose"):
        if name in inputs:
            picture = images.decode(inputs[name], limits, called.get(name, name))
            arrays[name] = picture.pixels if name == "garment" else picture.on_white
            findings += picture.findings
    if "mask" in inputs:
        size = arrays["person"].shape[:2]
        arrays["mask"] = images.decode_mask(inputs["mask"], size, limits, called.get("mask", "mask"))
    return arrays, findings


class _Told:
    """Passes a model's progress on, with a preview now and then."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._last_preview = -PREVIEW_SECONDS
        self._now = Progress("preprocess", 0, 1)

    def progress(self, stage: str, step: int, total: int) -> None:
        self._now = Progress(stage, step, total)
        self._watch(self._now)

    def preview(self, draw: Callable[[], np.ndarray]) -> None:
        if monotonic() - self._last_preview < PREVIEW_SECONDS:
            return
        self._last_preview = monotonic()
        self._watch(Progress(self._now.stage, self._now.step, self._now.total, _small(draw())))


def _small(picture: np.ndarray) -> bytes:
    image = Image.fromarray(picture)
    image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=60, method=0)
    return buffer.getvalue()


def _pack_mask(layers: Any) -> Made:
    height, width = layers.mask.shape
    parts = {name: images.encode(layer) for name, layer in vars(layers).items()}
    return Made(parts, {"height": height, "width": width})


def _pack(model: Model, work: Work, result: Any, findings: list[Finding]) -> Made:
    record = provenance.record(Facts.of(model), result, work.inputs)
    image = (
        provenance.sign(result.image, work.output_format, record)
        if work.marked
        else images.encode(result.image, work.output_format)
    )
    facts = {
        "seed": result.seed,
        "model": result.model,
        "weights": model.weights,
        "parameters": result.parameters,
        "findings": [asdict(finding) for finding in [*findings, *result.findings]],
        "timings": result.timings,
        "provenance": asdict(record),
    }
    return Made({"image": image, **drawings.draw_maps(result)}, facts)
