"""From finished jobs to HTTP answers: the picture with its headers, or everything as JSON."""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from leffa import images
from leffa.engine.protocol import Made
from leffa.jobs.job import Job
from leffa.service.schemas import FindingOut, PictureAnswer, Variation

DEMONSTRATION_NOTE = "small demonstration model, trained on synthetic pictures only"
MAPS = ("mask", "densepose", "parsing", "flow")


@dataclass(frozen=True)
class Outcome:
    """All that an answer is made of: the job, what was made, the seconds of stages before it."""

    job: Job
    made: list[Made]
    seconds: Mapping[str, float]
    request_id: str

    @property
    def first(self) -> dict[str, Any]:
        """The facts of the first picture."""
        return self.made[0].facts

    @property
    def timings(self) -> dict[str, float]:
        """Seconds by stage: ours around the model's, summed over all pictures."""
        summed = dict(self.seconds)
        if self.job.started is not None:
            summed["queue"] = max(0.0, self.job.started - self.job.created)
        for made in self.made:
            for stage, seconds in made.facts["timings"].items():
                summed[stage] = summed.get(stage, 0.0) + seconds
        return summed


def picture_answer(outcome: Outcome) -> Response:
    """The first result as picture bytes."""
    kind = images.WRITE_FORMATS[outcome.job.output_format]
    return Response(outcome.made[0].parts["image"], headers=_headers(outcome), media_type=kind)


def json_answer(outcome: Outcome) -> Response:
    """Everything as JSON with base64 pictures."""
    answer = _to_answer(outcome)
    return Response(answer.model_dump_json(), headers=_headers(outcome), media_type="application/json")


def _to_answer(outcome: Outcome) -> PictureAnswer:
    first, *others = outcome.made
    facts = first.facts
    return PictureAnswer(
        image=_base64(first.parts["image"]),
        image_type=images.WRITE_FORMATS[outcome.job.output_format],
        **{name: _base64(first.parts[name]) for name in MAPS},
        seed=facts["seed"],
        model=facts["model"],
        weights=facts["weights"],
        demonstration=facts["weights"] == "embedded",
        request_id=outcome.request_id,
        job=outcome.job.id,
        parameters=facts["parameters"],
        findings=[FindingOut(**finding) for finding in facts["findings"]],
        timings=outcome.timings,
        provenance=facts["provenance"],
        variations=[_variation(other) for other in others],
    )


def _variation(made: Made) -> Variation:
    facts = made.facts
    image = _base64(made.parts["image"])
    return Variation(seed=facts["seed"], image=image, provenance=facts["provenance"])


def _headers(outcome: Outcome) -> dict[str, str]:
    facts = outcome.first
    headers = {
        "X-Seed": str(facts["seed"]),
        "X-Model": facts["model"],
        "X-Weights": facts["weights"],
        "X-Job": outcome.job.id,
        "X-Findings": json.dumps([finding["code"] for finding in facts["findings"]]),
        "Server-Timing": _server_timing(outcome.timings),
        "Cache-Control": "no-store",
        "Vary": "Accept",
    }
    if facts["weights"] == "embedded":
        headers["X-Model-Note"] = DEMONSTRATION_NOTE
    return headers


def _server_timing(timings: Mapping[str, float]) -> str:
    return ", ".join(
        f"{stage.replace(' ', '_')};dur={seconds * 1000:.1f}" for stage, seconds in timings.items()
    )


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")
