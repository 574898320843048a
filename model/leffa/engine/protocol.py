"""What the service sees of an engine, whichever way it runs its models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Event
from time import monotonic
from typing import Any, Literal, Protocol

from leffa.engine.memory import Placement
from leffa.engine.shelf import Known

State = Literal["loading", "ready", "failed"]
ModelState = Literal["absent", "refused", "waiting", "loading", "loaded", "failed"]
ProgressCallback = Callable[[str, int, int], None]
CancelCheck = Callable[[], bool]


class Model(Protocol):
    """A loaded model, shaped like leffa.tryon.TryOn.

    ``weights`` is "embedded" or "official"; ``device`` and ``dtype`` print as torch names them. It may have
    ``preprocessors`` as TryOn has.
    """

    model: str
    weights: str
    weights_hash: str
    device: Any
    dtype: Any

    def __call__(
        self, request: Any, progress: ProgressCallback | None = None, cancelled: CancelCheck | None = None
    ) -> Any:
        """Turn a TryOnRequest or PoseRequest into a TryOnResult."""


@dataclass(frozen=True)
class Facts:
    """What a loaded model says of itself: a copy, so that who keeps it does not keep the model in memory."""

    model: str
    weights: str
    weights_hash: str
    device: str
    dtype: str
    preprocessors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, model: Model) -> Facts:
        """The facts of a loaded model."""
        dtype = str(model.dtype).removeprefix("torch.")
        return cls(
            model=model.model,
            weights=model.weights,
            weights_hash=model.weights_hash,
            device=str(model.device),
            dtype=dtype,
            preprocessors=dict(getattr(model, "preprocessors", {})),
        )


@dataclass(frozen=True)
class ModelStatus:
    """Where a known model stands.

    state: "absent" (no weights here), "refused" (by the settings), "waiting" (for its first request, or for
    memory), "loading", "loaded", "failed". reason: why it is refused or failed or lacks memory. placement:
    where it runs or would run, None before that was found out. facts: those of a loaded one.
    """

    known: Known
    state: ModelState
    reason: str = ""
    placement: Placement | None = None
    facts: Facts | None = None


@dataclass(frozen=True)
class Progress:
    """Where a running job is: step ``step`` of ``total`` in ``stage``."""

    stage: str
    step: int
    total: int


@dataclass
class Job:
    """One turn of the engine: one or several pictures of the same inputs, by the model of this id.

    ``requests`` are TryOnRequests or PoseRequests. ``future`` gets the list of TryOnResults, in order, or the
    LeffaError that stopped the work; ``facts`` those of the model, once it is loaded.
    """

    model: str
    requests: Sequence[Any]
    future: Future[list[Any]] = field(default_factory=Future)
    facts: Facts | None = None
    progress: Progress | None = None
    queue_seconds: float = 0.0
    load_seconds: float = 0.0
    submitted: float = field(default_factory=monotonic)
    _cancelled: Event = field(default_factory=Event)

    @property
    def cancelled(self) -> bool:
        """Whether the work shall stop; the sampler looks at it before every step."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Ask for the work to stop; a job still in line is never started."""
        self._cancelled.set()

    def report(self, stage: str, step: int, total: int) -> None:
        """Note progress; the model calls it."""
        self.progress = Progress(stage, step, total)


@dataclass(frozen=True)
class Status:
    """What an engine is doing. ``reason`` says why it failed; ``queue_depth`` counts running and waiting."""

    state: State
    reason: str
    queue_depth: int
    uptime_seconds: float


class Engine(Protocol):
    """Runs jobs one after another, first come, first served."""

    @property
    def status(self) -> Status:
        """What the engine is doing, answered from memory; its state is that of the default model."""

    @property
    def models(self) -> list[ModelStatus]:
        """Where every known model stands, best first, answered from memory."""

    @property
    def default(self) -> ModelStatus:
        """The model that answers where nothing else decides."""

    def start(self) -> None:
        """Begin to load models, in the background: the default first."""

    def choose(self, task: str, garment_type: str | None = None, wanted: str | None = None) -> str:
        """The id of the model for a request; raises UnknownModel, ModelLoading or ModelFailed."""

    def submit(self, model: str, requests: Sequence[Any]) -> Job:
        """Put one job for a chosen model in line; raises QueueFull."""

    def stop(self) -> None:
        """Stop the running job, drop the waiting ones and end."""
