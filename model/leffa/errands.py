"""A try-on from files to a file, as the command line runs it: new, or the same one again."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from time import perf_counter
from typing import Any

from leffa import drawings, images, provenance
from leffa.errors import BadFolder, Finding, NoProvenance
from leffa.provenance import Record
from leffa.settings import Settings
from leffa.tryon import TryOn, TryOnRequest, TryOnResult

OPTIONS = {option.name for option in fields(TryOnRequest)} - {"person", "garment", "mask"}
Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Errand:
    """What to make: input files by name (person, garment, mask), options named as in TryOnRequest.

    For a replay ``record`` is what the picture says about itself and ``original`` its bytes.
    """

    paths: dict[str, Path]
    options: dict[str, Any]
    record: Record | None = None
    original: bytes = b""
    inputs: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Done:
    """What came of an errand."""

    findings: list[Finding]
    seconds: float
    seed: int


def new(person: Path, garment: Path, mask: Path | None, options: dict[str, Any]) -> Errand:
    """An errand from paths and options; raises FileMissing or ImageTooLarge."""
    paths = {"person": person, "garment": garment} | ({"mask": mask} if mask else {})
    return Errand(paths, options, inputs={name: images.read_file(path) for name, path in paths.items()})


def again(picture: Path, person: Path | None, garment: Path | None, mask: Path | None) -> Errand:
    """The errand that made ``picture``; inputs that are not named are looked for where they were.

    Raises NoProvenance, FileMissing, or ReplayMismatch where an input is not the recorded one.
    """
    original = images.read_file(picture)
    record = provenance.read(original)
    if not set(record.parameters) <= OPTIONS:
        raise NoProvenance("The picture was made with options that do not exist here.")
    given = {"person": person, "garment": garment, "mask": mask}
    paths = {name: given.get(name) or provenance.find_input(record, name, picture) for name in record.inputs}
    inputs = {name: images.read_file(path) for name, path in paths.items()}
    provenance.check_inputs(record, inputs)
    options = {**record.parameters, "seed": record.seed, "model": record.model}
    return Errand(paths, options, record, original, inputs)


def run(errand: Errand, out: Path, debug_dir: Path | None, report: Report) -> Done:
    """Make the picture, write it whole or not at all. Raises any LeffaError."""
    kind = images.format_of(out)
    request, findings = _to_request(errand)
    _check_folders(out, debug_dir)
    report("load", 0, 1)
    settings = Settings()
    model = TryOn.load(request.model or settings.model, settings.device)
    report("load", 1, 1)
    if errand.record is not None:
        provenance.check_weights(errand.record, model.weights_hash)
    begun = perf_counter()
    result = model(request, progress=report)
    seconds = perf_counter() - begun
    images.write_file(out, provenance.sign(result.image, kind, _describe(errand, model, result)))
    if debug_dir is not None:
        _write_maps(debug_dir, result, request)
    return Done([*findings, *result.findings], seconds, result.seed)


def _to_request(errand: Errand) -> tuple[TryOnRequest, list[Finding]]:
    person = images.decode(errand.inputs["person"], name="PERSON")
    garment = images.decode(errand.inputs["garment"], name="GARMENT")
    pixels, mask = person.on_white, None
    if "mask" in errand.inputs:
        mask = images.decode_mask(errand.inputs["mask"], pixels.shape[:2], name="--mask")
    request = TryOnRequest(person=pixels, garment=garment.pixels, mask=mask, **errand.options)
    return request, person.findings + garment.findings


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


def _write_maps(folder: Path, result: TryOnResult, request: TryOnRequest) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    maps = drawings.draw_maps(result)
    maps["garment"] = images.encode(drawings.warp_garment(request.garment[..., :3], result.flow))
    for name, data in maps.items():
        images.write_file(folder / f"{name}.png", data)
