"""The readable heart: a photo and a garment go in, the photo with that garment worn comes out.

Pose transfer takes the same road: a photo and a pose go in, that person in that pose comes out.
Read :meth:`TryOn.__call__` top to bottom; each verb lives in the room its noun names.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from leffa.errors import (
    BadParameter,
    EmptyMask,
    Finding,
    MaskWrongSize,
    UnknownGarmentType,
    UnknownModel,
    UnknownPreset,
)
from leffa.official import SPECS, OfficialOptions

if TYPE_CHECKING:
    from leffa.preprocess.masks import MaskLayers

GARMENT_TYPES = ("upper_body", "lower_body", "dresses")
PRESETS = ("exact", "fast", "turbo")
EMBEDDED = "mini"
MODELS = (EMBEDDED, *SPECS)
STEPS = (1, 100)
GUIDANCE = (0.0, 20.0)
SEEDS = (0, 2**32 - 1)

Progress = Callable[[str, int, int], None]
Picture = NDArray[np.uint8]
# Told at every step how to draw the forming picture; whoever is told decides whether it is worth drawing.
Preview = Callable[[Callable[[], Picture]], None]


@dataclass(frozen=True)
class TryOnRequest:
    """One try-on. Pictures are uint8 RGB [H, W, 3] of any size; the garment may be RGBA.

    mask: uint8 [H, W] of the photo's size, white = repaint; the model's own when None. Options that are None
    take the model's default. preprocess_garment squares and centres a cut-out (RGBA) garment first; sleeves,
    length and protect steer the mask (see preprocess.masks.policy); upstream_faults repeats what upstream's
    demo does wrong (see README's list) instead of correcting it. Both concern the official models only.
    """

    person: Picture
    garment: Picture
    garment_type: str = "upper_body"
    model: str | None = None
    seed: int = 0
    inference_steps: int | None = None
    guidance_scale: float | None = None
    preset: str | None = None
    ref_acceleration: bool = False
    repaint: bool = False
    preprocess_garment: bool = False
    sleeves: str = "auto"
    length: str = "auto"
    protect: tuple[str, ...] = ()
    upstream_faults: bool = False
    mask: Picture | None = None


@dataclass(frozen=True)
class PoseRequest:
    """One pose transfer: the person of one photo takes the pose of the person of another.

    Pictures are uint8 RGB [H, W, 3] of any size; the answer has the size of `pose`.
    """

    person: Picture
    pose: Picture
    model: str | None = None
    seed: int = 0
    inference_steps: int | None = None
    guidance_scale: float | None = None
    preset: str | None = None
    ref_acceleration: bool = False


@dataclass(frozen=True)
class MaskRequest:
    """What a try-on of some garment of a type would repaint; the options mean what TryOnRequest's do."""

    person: Picture
    garment_type: str = "upper_body"
    model: str | None = None
    sleeves: str = "auto"
    length: str = "auto"
    protect: tuple[str, ...] = ()
    upstream_faults: bool = False


Request = TryOnRequest | PoseRequest
REQUESTS: dict[str, Callable[..., Request]] = {"tryon": TryOnRequest, "pose": PoseRequest}
PICTURES = ("person", "garment", "mask", "pose")


@dataclass(frozen=True)
class Parameters:
    """What a request comes to once the model's defaults are filled in."""

    inference_steps: int
    guidance_scale: float
    ref_acceleration: bool
    repaint: bool


@dataclass(frozen=True)
class TryOnResult:
    """The answer and what the model saw.

    image uint8 [H, W, 3] of the photo's size; mask uint8 [H, W] (white = repainted); densepose uint8
    [H, W, 3] and parsing uint8 [H, W] (ATR-18) of the photo; garment_mask uint8 [H, W] where the garment was
    put; flow float32 [h, w, 2] over the photo: for each cell the (x, y) it comes from, -1..1 over the garment
    picture, NaN where the model did not look; timings in seconds a stage.
    """

    image: Picture
    mask: Picture
    densepose: Picture
    parsing: Picture
    garment_mask: Picture
    flow: NDArray[np.float32]
    seed: int
    model: str
    parameters: dict[str, Any]
    findings: list[Finding]
    timings: dict[str, float]


@dataclass
class Scene:
    """What preprocessing found, in the photo's own pixels. `conditions` is the model's business alone."""

    mask: Picture
    densepose: Picture
    parsing: Picture
    conditions: Any
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Restored:
    """The finished picture in the photo's size, and where its garment came from."""

    image: Picture
    garment_mask: Picture
    flow: NDArray[np.float32]


class Model(Protocol):
    """What a model brings: its facts, and the three verbs of a try-on.

    weights is "embedded" or "official"; task "tryon" or "pose".
    """

    name: str
    task: str
    weights: str
    weights_hash: str
    device: str
    dtype: str
    default_steps: int
    default_guidance: float

    def preprocess(self, request: Any) -> Scene:
        """Find the person, the mask and the garment; raises the BadPerson, NoGarment and BadMask errors."""

    def generate(
        self,
        scene: Scene,
        parameters: Parameters,
        seed: int,
        progress: Progress,
        cancelled: Callable[[], bool],
        preview: Preview,
    ) -> Any:
        """Denoise; raises Cancelled."""

    def restore(self, request: Any, scene: Scene, generated: Any) -> Restored:
        """Bring the model's answer back into the photo."""

    def warm_up(self) -> None:
        """One denoising step on nothing, where that is worth its time."""

    def layers(self, request: MaskRequest) -> MaskLayers:
        """The mask that `preprocess` would find, and its layers; asked of try-on models only."""


class TryOn:
    """A loaded model, ready for requests. Safe to call from one thread at a time."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.model, self.weights, self.weights_hash = model.name, model.weights, model.weights_hash
        self.task, self.device, self.dtype = model.task, model.device, model.dtype
        # Settings that an official model's pictures depend on, by name; the embedded one knows none.
        self.preprocessors: dict[str, str] = getattr(model, "preprocessors", {})

    @classmethod
    def load(
        cls,
        model: str = EMBEDDED,
        device: str = "auto",
        options: OfficialOptions | None = None,
        resident: bool | None = None,
    ) -> TryOn:
        """Load a model by its id: the embedded one, or an official one from the weights folder of `options`.

        resident: whether an official model's networks stay on the device; None decides by its free memory.
        Raises UnknownModel, UnsupportedWeights, FileMissing, and BadParameter for a device that is not there.
        """
        if model not in MODELS:
            raise UnknownModel(
                f"There is no model {model!r}.", field="model", allowed=list(MODELS), received=model
            )
        if model == EMBEDDED:
            from leffa.mini.model import load

            return cls(load(device))
        from leffa.official.model import load as load_official

        return cls(load_official(model, device, options or OfficialOptions(), resident))

    def __call__(
        self,
        request: Request,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
        preview: Preview | None = None,
    ) -> TryOnResult:
        """Dress the person.

        progress(stage, step, total) is told of every stage and denoising step; cancelled() is asked before
        every step; preview(draw) is told after every step how to draw what there is so far, uint8 RGB
        [h, w, 3]. Raises LeffaError's subclasses, Cancelled among them.
        """
        parameters = self.resolve(request)
        report = progress or (lambda stage, step, total: None)
        timings: dict[str, float] = {}
        with _stage("preprocess", timings, report):
            scene = self._model.preprocess(request)
        with _stage("generate", timings, report):
            generated = self._model.generate(
                scene,
                parameters,
                request.seed,
                report,
                cancelled or (lambda: False),
                preview or (lambda draw: None),
            )
        with _stage("restore", timings, report):
            restored = self._model.restore(request, scene, generated)
        return TryOnResult(
            image=restored.image,
            mask=scene.mask,
            densepose=scene.densepose,
            parsing=scene.parsing,
            garment_mask=restored.garment_mask,
            flow=restored.flow,
            seed=request.seed,
            model=self.model,
            parameters=_as_used(request, parameters),
            findings=scene.findings,
            timings=timings,
        )

    def warm_up(self) -> None:
        """Do what the first request would otherwise wait for: kernels chosen, memory taken."""
        self._model.warm_up()

    def mask(self, request: MaskRequest) -> MaskLayers:
        """Find what a try-on with these options would repaint, and the parts of the person.

        Sent back as `TryOnRequest.mask` the mask needs none of the options again. Raises UnknownModel for a
        model that does no try-on, UnknownGarmentType, BadParameter, and BadPerson's.
        """
        _one_of(UnknownModel, "model", request.model or self.model, (self.model,))
        _one_of(UnknownGarmentType, "garment_type", request.garment_type, GARMENT_TYPES)
        return self._model.layers(request)

    def resolve(self, request: Request) -> Parameters:
        """Fill in the model's defaults. Raises BadParameter's subclasses and BadMask's."""
        _one_of(UnknownModel, "model", request.model or self.model, (self.model,))
        _one_of(UnknownPreset, "preset", request.preset or "exact", PRESETS)
        if isinstance(request, TryOnRequest):
            _one_of(UnknownGarmentType, "garment_type", request.garment_type, GARMENT_TYPES)
            _check_mask(request)
        steps = self._model.default_steps if request.inference_steps is None else request.inference_steps
        scale = self._model.default_guidance if request.guidance_scale is None else request.guidance_scale
        _within("inference_steps", steps, STEPS)
        _within("guidance_scale", scale, GUIDANCE)
        _within("seed", request.seed, SEEDS)
        return Parameters(
            inference_steps=steps,
            guidance_scale=scale,
            ref_acceleration=request.ref_acceleration or request.preset in ("fast", "turbo"),
            repaint=isinstance(request, TryOnRequest) and request.repaint,
        )


def _as_used(request: Request, parameters: Parameters) -> dict[str, Any]:
    """Every option of the request with the values really used; pictures, model and seed are told apart."""
    asked = {name: value for name, value in vars(request).items() if name not in (*PICTURES, "model", "seed")}
    used = {"preset": request.preset or "exact"} | vars(parameters)
    return {name: used.get(name, value) for name, value in asked.items()}


@contextmanager
def _stage(name: str, timings: dict[str, float], report: Progress) -> Iterator[None]:
    report(name, 0, 1)
    begun = time.perf_counter()
    yield
    timings[name] = time.perf_counter() - begun
    report(name, 1, 1)


def _one_of(error: type[BadParameter], name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise error(f"There is no {name} {value!r}.", field=name, allowed=list(allowed), received=value)


def _within(name: str, value: float, bounds: tuple[float, float]) -> None:
    if not bounds[0] <= value <= bounds[1]:
        raise BadParameter(
            f"{name} must be from {bounds[0]} to {bounds[1]}.",
            field=name,
            allowed=list(bounds),
            received=value,
        )


def _check_mask(request: TryOnRequest) -> None:
    if request.mask is None:
        return
    if request.mask.shape != request.person.shape[:2]:
        (height, width), own = request.mask.shape, request.person.shape
        raise MaskWrongSize(
            f"The mask is {width}x{height}, the photo {own[1]}x{own[0]} pixels.", field="mask_image"
        )
    if not (request.mask > 127).any():
        raise EmptyMask(field="mask_image")
