"""What the service tells, as typed values."""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from leffa.errors import Finding, LeffaError, again

T = TypeVar("T")
State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
FINAL: tuple[State, ...] = ("succeeded", "failed", "cancelled")
TIMES = ("created", "started", "finished", "expires")
PROBLEM = ("code", "detail", "fix", "field", "allowed", "received")


@dataclass(frozen=True)
class JobFacts:
    """A job as it stood when it was last asked for.

    position: jobs before it in line, None once it runs. seconds_left: until it is done, about. seeds: one a
    picture. parameters: as asked for; once it is done, as used. attempt: above 1 after the service was
    interrupted. error: what it failed with.
    """

    id: str
    task: Literal["tryon", "pose"]
    state: State
    model: str
    demonstration: bool
    position: int | None
    seconds_left: float | None
    seeds: tuple[int, ...]
    parameters: dict[str, Any]
    output_format: str
    created: datetime | None
    started: datetime | None
    finished: datetime | None
    expires: datetime | None
    attempt: int
    batch: str | None
    findings: tuple[Finding, ...]
    error: LeffaError | None

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in FINAL

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Self:
        """From the JSON of a job."""
        converted = {
            **{name: _time(answer[name]) for name in TIMES},
            "seeds": tuple(answer["seeds"]),
            "findings": tuple(_take(Finding, finding) for finding in answer["findings"]),
            "error": read_problem(answer["error"]) if answer["error"] else None,
        }
        return _take(cls, {**answer, **converted})


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    stage: "queue" while it waits, with its position; then load, preprocess, denoise, restore, at step `step`
    of `total`. preview: a small WebP of the forming picture, where there is one.
    """

    stage: str
    step: int = 0
    total: int = 0
    seconds_left: float | None = None
    position: int | None = None
    preview: bytes | None = None

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Self:
        """From the JSON of a `queue` or `progress` event."""
        _, _, encoded = (answer.get("preview") or "").partition(",")
        return _take(cls, {"stage": "queue", **answer, "preview": b64decode(encoded) or None})


@dataclass(frozen=True)
class Result:
    """The pictures of a finished job, encoded in its output_format."""

    job: JobFacts
    images: tuple[bytes, ...]

    @property
    def image(self) -> bytes:
        """The picture, or the first of several."""
        return self.images[0]

    @property
    def seed(self) -> int:
        """The seed of the first picture; the next ones have the next seeds."""
        return self.job.seeds[0]

    @property
    def model(self) -> str:
        """The id of the model that made it."""
        return self.job.model

    def save(self, path: str | Path, number: int = 0) -> Path:
        """Write a picture to a file."""
        file = Path(path)
        file.write_bytes(self.images[number])
        return file


@dataclass(frozen=True)
class CheckFinding:
    """Something about a picture; an error would stop a try-on, and has the same code there."""

    code: str
    severity: Literal["error", "warning", "info"]
    field: str
    detail: str
    fix: str


@dataclass(frozen=True)
class CheckReport:
    """What pictures are good for. ok: whether a try-on would be tried."""

    ok: bool
    findings: tuple[CheckFinding, ...]
    person: dict[str, Any] | None = None
    garment: dict[str, Any] | None = None

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Self:
        """From the JSON of POST /check."""
        findings = tuple(_take(CheckFinding, finding) for finding in answer["findings"])
        return _take(cls, {**answer, "findings": findings})


@dataclass(frozen=True)
class MaskFacts:
    """What would be repainted of a photo of this size, in layers by these names."""

    id: str
    width: int
    height: int
    garment_type: str
    layers: tuple[str, ...]
    expires: datetime | None

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Self:
        """From the JSON of a mask."""
        converted = {"layers": tuple(answer["layers"]), "expires": _time(answer["expires"])}
        return _take(cls, {**answer, **converted})


@dataclass(frozen=True)
class Health:
    """Whether the service can serve, and with what."""

    status: Literal["loading", "ready", "failed"]
    reason: str
    model: str
    device: str
    versions: dict[str, str]
    queue_depth: int
    uptime_seconds: float
    weights: str | None = None
    demonstration: bool | None = None
    dtype: str | None = None

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Self:
        """From the JSON of GET /health."""
        return _take(cls, answer)


@dataclass(frozen=True)
class ModelInfo:
    """A model that the service knows; GET /docs explains the members."""

    id: str
    task: Literal["tryon", "pose"]
    demonstration: bool
    default: bool
    present: bool
    state: str
    reason: str
    garment_types: list[str]
    first_choice_for: list[str]
    limits: dict[str, Any]
    defaults: dict[str, Any]
    licences: list[dict[str, Any]]
    non_commercial: bool
    refused: bool

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Self:
        """From the JSON of GET /models."""
        return _take(cls, answer)


def read_problem(answer: Mapping[str, Any], retry_after: int | None = None) -> LeffaError:
    """The error that a problem document tells of."""
    members = {name: answer[name] for name in PROBLEM if name in answer}
    error = again({**members, "retry_after": retry_after})
    if answer.get("instance"):
        error.add_note(f"request or job: {answer['instance']}")
    return error


def _take(kind: type[T], members: Mapping[str, Any]) -> T:
    """Of what a newer service may tell, what is known here."""
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in members.items() if name in known})


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
