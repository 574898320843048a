"""What the service sees of an engine, whichever way it runs its models."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Event
from time import monotonic
from typing import Any, Literal, Protocol

State = Literal["loading", "ready", "failed"]
ProgressCallback = Callable[[str, int, int], None]
CancelCheck = Callable[[], bool]


class Model(Protocol):
    """A loaded model, shaped like leffa.tryon.TryOn.

    ``weights`` is "embedded" or "official"; ``device`` and ``dtype`` print as torch names them.
    """

    model: str
    weights: str
    weights_hash: str
    device: Any
    dtype: Any

    def __call__(
        self, request: Any, progress: ProgressCallback | None = None, cancelled: CancelCheck | None = None
    ) -> Any:
        """Turn a TryOnRequest into a TryOnResult."""


@dataclass(frozen=True)
class Progress:
    """Where a running job is: step ``step`` of ``total`` in ``stage``."""

    stage: str
    step: int
    total: int


@dataclass
class Job:
    """One turn of the engine: one or several pictures of the same person and garment.

    ``requests`` holds the fields of a TryOnRequest each. ``future`` gets the list of TryOnResults, in order,
    or the LeffaError that stopped the work.
    """

    requests: Sequence[dict[str, Any]]
    future: "Future[list[Any]]" = field(default_factory=Future)
    progress: Progress | None = None
    queue_seconds: float = 0.0
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
    def model(self) -> Model:
        """The loaded model; raises ModelLoading or ModelFailed."""

    @property
    def status(self) -> Status:
        """What the engine is doing, answered from memory."""

    def start(self) -> None:
        """Begin to load the model, in the background."""

    def submit(self, requests: Sequence[dict[str, Any]]) -> Job:
        """Put one job in line; raises ModelLoading, ModelFailed or QueueFull."""

    def stop(self) -> None:
        """Stop the running job, drop the waiting ones and end."""
