"""Which models this installation has, and which of them answers a request."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from leffa.errors import LeffaError, UnknownModel
from leffa.mini import DEFAULT_GUIDANCE, DEFAULT_STEPS
from leffa.official import SPECS, OfficialOptions
from leffa.official.sizes import preprocessor_bytes
from leffa.settings import AUTO, Settings
from leffa.tryon import EMBEDDED
from leffa.weights.catalogue import ModelSpec, Task, bytes_in_16_bits, files_of, preferred
from leffa.weights.licences import refuse_non_commercial


@dataclass(frozen=True)
class Known:
    """A model that the program knows, whether it is here or not.

    weights: "embedded" or "official". garment_types: those it is the first choice for. present: whether its
    checkpoint is in the weights folder. missing: files of that folder that it needs and that are not there.
    command: what gets them. size: bytes of its networks in 16 bits. preprocessors: the files of what looks
    at photos for it, with their bytes. refused: why the settings forbid it, else empty.
    """

    id: str
    task: Task
    weights: str
    garment_types: tuple[str, ...]
    default_steps: int
    default_guidance: float
    present: bool = True
    missing: tuple[str, ...] = ()
    size: int = 0
    preprocessors: Mapping[str, int] = field(default_factory=dict)
    refused: str = ""
    command: str | None = None

    @property
    def usable(self) -> bool:
        """Whether it may be loaded."""
        return self.present and not self.refused


@dataclass(frozen=True)
class Shelf:
    """All known models, best first.

    default: answers where nothing else decides. by_garment: whether the garment type decides first.
    """

    models: dict[str, Known]
    default: str
    by_garment: bool

    def choose(
        self,
        task: str,
        garment_type: str | None = None,
        wanted: str | None = None,
        avoid: Collection[str] = (),
    ) -> Known:
        """The wanted model, else the first choice for the garment type, else the default.

        A first choice that is among those to `avoid`, because it could not be loaded, is passed over. Raises
        UnknownModel where nothing fits.
        """
        if wanted is not None:
            return self.named(wanted, task)
        default = self.models[self.default]
        fitting = [known for known in self.models.values() if known.task == task and known.usable]
        candidates = [default] if default.task == task else fitting
        if self.by_garment or default.task != task:
            firsts = [known for known in fitting if garment_type in known.garment_types]
            candidates = [*(known for known in firsts if known.id not in avoid), *candidates]
        if not candidates:
            best = next(known.id for known in self.models.values() if known.task == task)
            raise self._unavailable(best, task)
        return candidates[0]

    def named(self, wanted: str, task: str) -> Known:
        """The model of this id. Raises UnknownModel where it is not there, forbidden, or for another task."""
        known = self.models.get(wanted)
        if known is None:
            raise self._unknown(f"There is no model {wanted[:100]!r}.", task, wanted)
        if known.task != task:
            purpose = "pose transfer" if known.task == "pose" else "try-on"
            raise self._unknown(f"{wanted} is made for {purpose}.", task, wanted)
        if not known.usable:
            raise self._unavailable(wanted, task, wanted)
        return known

    def _unavailable(self, model: str, task: str, received: str | None = None) -> UnknownModel:
        known = self.models[model]
        if known.refused:
            return self._unknown(known.refused, task, received)
        fix = f"Run `{known.command}`; a service has to be started again after it."
        return self._unknown(f"There are no weights of {model} here.", task, received, fix)

    def _unknown(self, detail: str, task: str, received: str | None, fix: str | None = None) -> UnknownModel:
        here = [known.id for known in self.models.values() if known.usable and known.task == task]
        return UnknownModel(detail, field="model", allowed=here, received=received, fix=fix)


def find_shelf(settings: Settings) -> Shelf:
    """Look into the weights folder. Raises UnknownModel where the settings name one that does not exist."""
    options = official_options(settings)
    official = [_official(spec, options, settings.allow_non_commercial) for spec in SPECS.values()]
    embedded = Known(EMBEDDED, "tryon", "embedded", (), DEFAULT_STEPS, DEFAULT_GUIDANCE)
    models = {known.id: known for known in (*official, embedded)}
    by_garment = settings.model == AUTO
    default = _best_present(models) if by_garment else settings.model
    if default not in models:
        raise UnknownModel(
            f"The settings name the model {default!r}, which does not exist.",
            field="LEFFA_MODEL",
            allowed=[AUTO, *models],
            received=default,
            fix=f"Set LEFFA_MODEL to one of {', '.join([AUTO, *models])}.",
        )
    return Shelf(models, default, by_garment)


def official_options(settings: Settings) -> OfficialOptions:
    """What the settings say about the official models."""
    return OfficialOptions(
        weights=settings.model_path,
        dtype=settings.dtype,
        parser=settings.parser,
        keypoints=settings.keypoints,
        densepose=settings.densepose,
    )


def _official(spec: ModelSpec, options: OfficialOptions, non_commercial: bool) -> Known:
    checkpoint = preferred(options.weights / spec.checkpoint)
    missing = _missing(spec, options)
    return Known(
        id=spec.id,
        task=spec.task,
        weights="official",
        garment_types=spec.garment_types,
        default_steps=spec.default_steps,
        default_guidance=spec.default_guidance,
        present=checkpoint.is_file(),
        missing=missing,
        size=bytes_in_16_bits(spec, checkpoint),
        preprocessors=preprocessor_bytes(spec, options),
        refused="" if non_commercial else _refusal(spec, options),
        command=_pull(spec, options) if missing else None,
    )


def _missing(spec: ModelSpec, options: OfficialOptions) -> tuple[str, ...]:
    files = [file for file in files_of(spec, options.parser, options.keypoints) if not file.optional]
    return tuple(file.path for file in files if not preferred(options.weights / file.path).is_file())


def _pull(spec: ModelSpec, options: OfficialOptions) -> str:
    command = f"leffa weights pull {spec.id}"
    if spec.task == "tryon" and options.parser != OfficialOptions.parser:
        command += f" --parser {options.parser}"
    if spec.task == "tryon" and options.keypoints != OfficialOptions.keypoints:
        command += f" --keypoints {options.keypoints}"
    return command


def _refusal(spec: ModelSpec, options: OfficialOptions) -> str:
    try:
        refuse_non_commercial(spec.id, options.parser, options.keypoints)
    except LeffaError as error:
        return error.detail
    return ""


def _best_present(models: dict[str, Known]) -> str:
    return next(known.id for known in models.values() if known.usable and known.task == "tryon")
