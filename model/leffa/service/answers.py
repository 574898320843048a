"""From finished results to HTTP answers: the picture with its headers, or everything as JSON."""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from starlette.responses import Response

from leffa import drawings, images, provenance
from leffa.engine.protocol import Facts
from leffa.errors import Finding
from leffa.service.schemas import FindingOut, PictureAnswer, Variation

DEMONSTRATION_NOTE = "small demonstration model, trained on synthetic pictures only"


@dataclass(frozen=True)
class Outcome:
    """All that an answer is made of; ``results`` are TryOnResults, ``inputs`` the files' bytes by name."""

    made_by: Facts
    results: list[Any]
    inputs: Mapping[str, bytes]
    findings: list[Finding]
    seconds: Mapping[str, float]
    output_format: str
    request_id: str

    @property
    def all_findings(self) -> list[Finding]:
        """What decoding and the model found, in this order."""
        return [*self.findings, *self.results[0].findings]

    @property
    def timings(self) -> dict[str, float]:
        """Seconds by stage: ours around the model's, summed over all pictures."""
        summed = dict(self.seconds)
        for result in self.results:
            for stage, seconds in result.timings.items():
                summed[stage] = summed.get(stage, 0.0) + seconds
        return summed


def picture_answer(outcome: Outcome) -> Response:
    """The first result as picture bytes."""
    content = _sign(outcome, outcome.results[0])
    return Response(
        content, headers=_headers(outcome), media_type=images.WRITE_FORMATS[outcome.output_format]
    )


def json_answer(outcome: Outcome) -> Response:
    """Everything as JSON with base64 pictures."""
    answer = _to_answer(outcome)
    return Response(answer.model_dump_json(), headers=_headers(outcome), media_type="application/json")


def _to_answer(outcome: Outcome) -> PictureAnswer:
    first, *others = outcome.results
    return PictureAnswer(
        image=_base64(_sign(outcome, first)),
        image_type=images.WRITE_FORMATS[outcome.output_format],
        **{name: _base64(data) for name, data in drawings.draw_maps(first).items()},
        seed=first.seed,
        model=first.model,
        weights=outcome.made_by.weights,
        demonstration=outcome.made_by.weights == "embedded",
        request_id=outcome.request_id,
        parameters=first.parameters,
        findings=[FindingOut(**asdict(finding)) for finding in outcome.all_findings],
        timings=outcome.timings,
        provenance=asdict(_record(outcome, first)),
        variations=[_variation(outcome, other) for other in others],
    )


def _variation(outcome: Outcome, result: Any) -> Variation:
    record = asdict(_record(outcome, result))
    return Variation(seed=result.seed, image=_base64(_sign(outcome, result)), provenance=record)


def _record(outcome: Outcome, result: Any) -> provenance.Record:
    return provenance.record(outcome.made_by, result, outcome.inputs)


def _sign(outcome: Outcome, result: Any) -> bytes:
    return provenance.sign(result.image, outcome.output_format, _record(outcome, result))


def _headers(outcome: Outcome) -> dict[str, str]:
    result = outcome.results[0]
    headers = {
        "X-Seed": str(result.seed),
        "X-Model": result.model,
        "X-Weights": outcome.made_by.weights,
        "X-Findings": json.dumps([finding.code for finding in outcome.all_findings]),
        "Server-Timing": _server_timing(outcome.timings),
        "Cache-Control": "no-store",
        "Vary": "Accept",
    }
    if outcome.made_by.weights == "embedded":
        headers["X-Model-Note"] = DEMONSTRATION_NOTE
    return headers


def _server_timing(timings: Mapping[str, float]) -> str:
    return ", ".join(
        f"{stage.replace(' ', '_')};dur={seconds * 1000:.1f}" for stage, seconds in timings.items()
    )


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")
