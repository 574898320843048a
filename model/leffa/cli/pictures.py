"""`leffa tryon` and `leffa pose`: pictures from files to a file, or the same one again."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from leffa.cli.console import complaints, console, plain_errors, progress_bar
from leffa.errors import MissingField

if TYPE_CHECKING:
    from leffa.errands import Errand


class GarmentType(StrEnum):
    """Where a garment goes."""

    upper_body = "upper_body"
    lower_body = "lower_body"
    dresses = "dresses"


class Reach(StrEnum):
    """How far a garment goes: as the worn one, to the elbow or knee, to the wrist or ankle."""

    auto = "auto"
    keep = "keep"
    short = "short"
    long = "long"


Person = Annotated[Path | None, typer.Argument(help="photo of the person")]
Out = Annotated[Path, typer.Option("-o", "--out", help="where the picture goes: .png, .jpg or .webp")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="same seed, same picture")]
Steps = Annotated[int | None, typer.Option(min=1, max=100, help="denoising steps")]
Guidance = Annotated[float | None, typer.Option(min=0, max=20, help="how closely to follow")]
Model = Annotated[str | None, typer.Option(help="id of a model, see `leffa models`")]
Accelerated = Annotated[
    bool, typer.Option("--ref-acceleration", help="run the reference network once, not every step")
]
Debug = Annotated[Path | None, typer.Option(help="folder for mask, densepose, parsing, flow")]
Replay = Annotated[Path | None, typer.Option(help="make this picture again, with its own options")]


def tryon(
    person: Person = None,
    garment: Annotated[Path | None, typer.Argument(help="picture of the garment")] = None,
    out: Out = Path("tryon.png"),
    garment_type: Annotated[
        GarmentType, typer.Option(help="where the garment goes")
    ] = GarmentType.upper_body,
    seed: Seed = 0,
    steps: Steps = None,
    guidance_scale: Guidance = None,
    model: Model = None,
    mask: Annotated[Path | None, typer.Option(help="picture of what to repaint, white")] = None,
    sleeves: Annotated[Reach, typer.Option(help="sleeves of the new garment")] = Reach.auto,
    length: Annotated[Reach, typer.Option(help="length of the new garment")] = Reach.auto,
    protect: Annotated[
        list[str] | None, typer.Option(help="never repainted: hands,face,hair,accessories,shoes")
    ] = None,
    repaint: Annotated[bool, typer.Option("--repaint", help="put the photo back outside the mask")] = False,
    ref_acceleration: Accelerated = False,
    preprocess_garment: Annotated[
        bool, typer.Option("--preprocess-garment", help="centre a garment cut out of its background")
    ] = False,
    upstream_faults: Annotated[
        bool, typer.Option("--upstream-faults", help="repeat the known faults of Leffa's own demo")
    ] = False,
    debug_dir: Debug = None,
    replay: Replay = None,
) -> None:
    """Dress the person of a photo in a garment."""
    options = {
        "garment_type": garment_type.value,
        "sleeves": sleeves.value,
        "length": length.value,
        "protect": _words(protect),
        "repaint": repaint,
        "preprocess_garment": preprocess_garment,
        "upstream_faults": upstream_faults,
        **_shared(seed, steps, guidance_scale, model, ref_acceleration),
    }
    _make({"person": person, "garment": garment, "mask": mask}, options, out, debug_dir, replay)


def pose(
    person: Person = None,
    pose: Annotated[Path | None, typer.Argument(help="photo of somebody in the pose to take")] = None,
    out: Out = Path("pose.png"),
    seed: Seed = 0,
    steps: Steps = None,
    guidance_scale: Guidance = None,
    model: Model = None,
    ref_acceleration: Accelerated = False,
    debug_dir: Debug = None,
    replay: Replay = None,
) -> None:
    """Put the person of a photo into the pose of another."""
    options = _shared(seed, steps, guidance_scale, model, ref_acceleration)
    _make({"person": person, "pose": pose}, options, out, debug_dir, replay)


def _shared(
    seed: int, steps: int | None, scale: float | None, model: str | None, accelerated: bool
) -> dict[str, Any]:
    return {
        "seed": seed,
        "inference_steps": steps,
        "guidance_scale": scale,
        "model": model,
        "ref_acceleration": accelerated,
    }


def _words(given: list[str] | None) -> tuple[str, ...]:
    words = (word.strip() for text in given or [] for word in text.split(","))
    return tuple(word for word in words if word)


def _make(
    paths: dict[str, Path | None],
    options: dict[str, Any],
    out: Path,
    debug_dir: Path | None,
    replay: Path | None,
) -> None:
    from leffa import errands

    with plain_errors():
        errand = errands.again(replay, paths) if replay else errands.new(_named(paths), options)
        with progress_bar() as report:
            done = errands.run(errand, out, debug_dir, report)
    for finding in done.findings:
        complaints.print(f"[yellow]{finding.code}[/]: {escape(finding.detail)} {escape(finding.fix)}")
    told = f"{escape(str(out))} (seed {done.seed}, {done.seconds:.1f} s)"
    console.print(told, soft_wrap=True, highlight=False)
    if replay:
        _tell_replay(errand, out, replay)


def _named(paths: dict[str, Path | None]) -> dict[str, Path]:
    """The files that were named. Raises MissingField where one is missing that is needed."""
    for name, path in paths.items():
        if path is None and name != "mask":
            raise MissingField(f"{name.upper()} is missing.", fix="See --help.")
    return {name: path for name, path in paths.items() if path is not None}


def _tell_replay(errand: "Errand", out: Path, replay: Path) -> None:
    if errand.original == out.read_bytes():
        console.print(f"the same as {escape(str(replay))}, byte for byte", highlight=False)
        return
    complaints.print(f"[red]replay_mismatch[/]: {escape(str(out))} differs from {escape(str(replay))}")
    raise typer.Exit(1)
