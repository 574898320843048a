"""A picture from files to a file, as the command line makes it: new, or the same one again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

from leffa import drawings, images, provenance
from leffa.engine.shelf import find_shelf, official_options
from leffa.engine.workbench import open_pictures
from leffa.errors import BadFolder, Finding, NoProvenance
from leffa.preprocess.masks import MaskPolicy
from leffa.provenance import Record
from leffa.settings import read_settings
from leffa.tryon import PICTURES, REQUESTS, PoseRequest, Request, TryOn, TryOnRequest, TryOnResult

Task = Literal["tryon", "pose"]
OPTIONS = {
    "tryon": {option.name for option in fields(TryOnRequest)} - {*PICTURES},
    "pose": {option.name for option in fields(PoseRequest)} - {*PICTURES},
}
ARGUMENTS = {"person": "PERSON", "garment": "GARMENT", "pose": "POSE", "mask": "--mask"}
Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Errand:
    """What to make: input files by name (person, garment, mask, pose), options named as in the request.

    For a replay ``record`` is what the picture says about itself and ``original`` its bytes.
    """

    paths: dict[str, Path]
    options: dict[str, Any]
    record: Record | None = None
    original: bytes = b""
    inputs: dict[str, bytes] = field(default_factory=dict)

    @property
    def task(self) -> Task:
        """Whether it is a try-on or a pose transfer."""
        return _task(self.paths)


@dataclass(frozen=True)
class Done:
    """What came of an errand."""

    findings: list[Finding]
    seconds: float
    seed: int


def new(paths: dict[str, Path], options: dict[str, Any]) -> Errand:
    """An errand from paths and options; raises FileMissing, ImageTooLarge, or BadParameter."""
    _check_policy(options)
    return Errand(paths, options, inputs={name: images.read_file(path) for name, path in paths.items()})


def again(picture: Path, given: Mapping[str, Path | None]) -> Errand:
    """The errand that made ``picture``; inputs that are not given are looked for where they were.

    Raises NoProvenance, FileMissing, or ReplayMismatch where an input is not the recorded one.
    """
    original = images.read_file(picture)
    record = provenance.read(original)
    task = _task(record.inputs)
    if task != _task(given):
        raise NoProvenance(f"{picture} was made by `leffa {task}`.", fix=f"Use `leffa {task} --replay`.")
    if not set(record.parameters) <= OPTIONS[task]:
        raise NoProvenance("The picture was made with options that do not exist here.")
    paths = {name: given.get(name) or provenance.find_input(record, name, picture) for name in record.inputs}
    inputs = {name: images.read_file(path) for name, path in paths.items()}
    provenance.check_inputs(record, inputs)
    # JSON has no tuples.
    parameters = {
        name: tuple(value) if isinstance(value, list) else value for name, value in record.parameters.items()
    }
    options = {**parameters, "seed": record.seed, "model": record.model}
    return Errand(paths, options, record, original, inputs)


def run(errand: Errand, out: Path, debug_dir: Path | None, report: Report) -> Done:
    """Make the picture, write it whole or not at all. Raises any LeffaError."""
    kind = images.format_of(out)
    request, findings = _to_request(errand)
    _check_folders(out, debug_dir)
    report("load", 0, 1)
    model = open_model(errand.task, errand.options.get("garment_type"), request.model)
    report("load", 1, 1)
    if errand.record is not None:
        provenance.check_weights(errand.record, model.weights_hash)
        provenance.check_preprocessors(errand.record, model.preprocessors)
    begun = perf_counter()
    result = model(request, progress=report)
    seconds = perf_counter() - begun
    images.write_file(out, provenance.sign(result.image, kind, _describe(errand, model, result)))
    if debug_dir is not None:
        _write_maps(debug_dir, result, request)
    return Done([*findings, *result.findings], seconds, result.seed)


def open_model(task: Task, garment_type: str | None = None, wanted: str | None = None) -> TryOn:
    """The model that answers, loaded as the settings say. Raises UnknownModel and what loading raises."""
    settings = read_settings()
    shelf = find_shelf(settings)
    chosen = shelf.choose(task, garment_type, wanted)
    shelf.named(chosen.id, task)  # the settings' own choice may not be here either
    return TryOn.load(chosen.id, settings.device, official_options(settings))


def _task(inputs: Mapping[str, object]) -> Task:
    return "pose" if "pose" in inputs else "tryon"


def _check_policy(options: dict[str, Any]) -> None:
    """Refuse a word that is none before anything heavy begins."""
    MaskPolicy(options.get("sleeves", "auto"), options.get("length", "auto"), options.get("protect", ()))


def _to_request(errand: Errand) -> tuple[Request, list[Finding]]:
    pictures, findings = open_pictures(errand.inputs, names=ARGUMENTS)
    return REQUESTS[errand.task](**pictures, **errand.options), findings


def _describe(errand: Errand, model: TryOn, result: TryOnResult) -> Record:
    record = provenance.record(model, result, errand.inputs)
    if errand.record is None:
        return provenance.with_files(record, errand.paths)
    # The names of the files are no part of how the pixels came to be: they stay as first recorded.
    return provenance.with_names(record, errand.record.files)


def _check_folders(out: Path, debug_dir: Path | None) -> None:
    if not out.parent.is_dir():
        raise BadFolder(f"There is no folder {out.parent}.")
    if debug_dir is not None and debug_dir.exists() and not debug_dir.is_dir():
        raise BadFolder(f"{debug_dir} is not a folder.")


def _write_maps(folder: Path, result: TryOnResult, request: Request) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    maps = drawings.draw_maps(result)
    name, source = (
        ("person", request.person) if isinstance(request, PoseRequest) else ("garment", request.garment)
    )
    maps[name] = images.encode(drawings.warp_garment(source[..., :3], result.flow))
    for name, data in maps.items():
        images.write_file(folder / f"{name}.png", data)
