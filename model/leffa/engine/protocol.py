"""What the service sees of an engine, whichever way it runs its models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Literal, Protocol

from leffa.engine.memory import Placement
from leffa.engine.shelf import Known, Shelf

State = Literal["loading", "ready", "failed"]
ModelState = Literal["absent", "refused", "waiting", "loading", "loaded", "failed"]
WorkKind = Literal["tryon", "pose", "mask", "check"]
ProgressCallback = Callable[[str, int, int], None]
CancelCheck = Callable[[], bool]
PreviewCallback = Callable[[Callable[[], Any]], None]


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
        self,
        request: Any,
        progress: ProgressCallback | None = None,
        cancelled: CancelCheck | None = None,
        preview: PreviewCallback | None = None,
    ) -> Any:
        """Turn a TryOnRequest or PoseRequest into a TryOnResult."""

    def mask(self, request: Any) -> Any:
        """Turn a MaskRequest into MaskLayers."""

    def warm_up(self) -> None:
        """Do what the first request would otherwise wait for."""


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
    """Where running work is: step ``step`` of ``total`` in ``stage``.

    preview: a small WebP of the forming picture where there is one yet, else empty.
    """

    stage: str
    step: int
    total: int
    preview: bytes = b""


Watch = Callable[[Progress], None]


@dataclass(frozen=True)
class Work:
    """Everything that a turn of the engine is made of, encoded: it can be written down and sent elsewhere.

    task: "tryon" and "pose" make pictures, "mask" finds the agnostic mask, "check" looks at the inputs.
    model: id of the chosen one. options: named as in leffa.tryon's request of the task, without pictures,
    model and seed. seeds: one a picture. inputs: encoded files by our names (person, garment, mask, pose).
    marked: whether pictures say that AI made them, and how.
    """

    task: WorkKind
    model: str
    options: Mapping[str, Any]
    inputs: Mapping[str, bytes]
    seeds: tuple[int, ...] = (0,)
    output_format: str = "png"
    marked: bool = True


@dataclass(frozen=True)
class Made:
    """One answer of the engine. parts: encoded files by name (image, mask, densepose, ...).

    facts: JSON values told with it: seed, model, weights, parameters, findings, timings, provenance.
    """

    parts: Mapping[str, bytes]
    facts: dict[str, Any]


@dataclass
class Turn:
    """Some work in the hands of an engine.

    ``future`` gets what was made, one entry a seed, or the LeffaError that stopped it; ``watch`` is told of
    progress, from a thread of the engine.
    """

    work: Work
    watch: Watch
    future: Future[list[Made]] = field(default_factory=Future)
    _cancelled: Event = field(default_factory=Event)

    @property
    def cancelled(self) -> bool:
        """Whether the work shall stop; the sampler looks at it before every step."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Ask for the work to stop; a turn still in line is never started."""
        self._cancelled.set()


@dataclass(frozen=True)
class Status:
    """What an engine is doing. ``reason`` says why it failed.

    restarts: how often its process was started again, by reason. memory: bytes it takes, by kind.
    """

    state: State
    reason: str
    uptime_seconds: float
    restarts: Mapping[str, int] = field(default_factory=dict)
    memory: Mapping[str, int] = field(default_factory=dict)


class Engine(Protocol):
    """Does work, one turn after another."""

    @property
    def status(self) -> Status:
        """What the engine is doing, answered from memory; its state is that of the default model."""

    @property
    def shelf(self) -> Shelf:
        """Which models there are."""

    @property
    def models(self) -> list[ModelStatus]:
        """Where every known model stands, best first, answered from memory."""

    @property
    def default(self) -> ModelStatus:
        """The model that answers where nothing else decides."""

    def start(self) -> None:
        """Begin to load models, in the background: the default first."""

    def submit(self, work: Work, watch: Watch) -> Turn:
        """Put work in line; `watch` is told how it goes."""

    def stop(self) -> None:
        """Stop the running turn, drop the waiting ones and end."""
