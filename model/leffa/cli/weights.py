"""`leffa weights`: get the official weights, convert them, look them over, see their licences."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from leffa.cli.console import complaints, console, plain_errors, progress_bar

if TYPE_CHECKING:
    from leffa.weights.catalogue import Keypoints, ModelSpec, Parser, WeightsFile
    from leffa.weights.check import Finding

weights = typer.Typer(no_args_is_help=True)
COLOURS = {"ok": "green", "missing": "red", "wrong": "red", "built in": "yellow"}


class ParserChoice(StrEnum):
    """Who labels the clothes."""

    onnx = "onnx"
    schp = "schp"
    segformer = "segformer"


class KeypointChoice(StrEnum):
    """Who finds the joints."""

    openpose = "openpose"
    mediapipe = "mediapipe"


Models = Annotated[list[str] | None, typer.Argument(metavar="[MODEL]...", help="ids of models")]
ParserOption = Annotated[
    ParserChoice | None, typer.Option("--parser", help="who labels the clothes; default: LEFFA_PARSER")
]
KeypointOption = Annotated[
    KeypointChoice | None, typer.Option("--keypoints", help="who finds the joints; default: LEFFA_KEYPOINTS")
]


@weights.command()
def pull(models: Models = None, parser: ParserOption = None, keypoints: KeypointOption = None) -> None:
    """Get what the models need into MODEL_PATH; without ids, viton_hd. `metrics`: what LPIPS and FID need."""
    with plain_errors():
        from leffa.weights.catalogue import METRICS, METRICS_FILES, find_models
        from leffa.weights.licences import refuse_non_commercial
        from leffa.weights.pull import pull as fetch
        from leffa.weights.records import has_own_segformer

        wish = _wish(parser, keypoints)
        wanted = models or ["viton_hd"]
        official = [name for name in wanted if name != METRICS]
        files = _files(find_models(official), wish) if official else []
        files += METRICS_FILES if METRICS in wanted else ()
        for name in wanted:
            if not wish.non_commercial:
                refuse_non_commercial(name, wish.parser, wish.keypoints)
        own = wish.parser == "segformer" and has_own_segformer(wish.folder)
        with _byte_bar() as report:
            fetched = fetch(files, wish.folder, report)
    _say(
        f"{len(fetched)} files fetched into {wish.folder}" if fetched else f"all is in {wish.folder} already"
    )
    if own:
        _say("humanparsing/segformer holds a SegFormer of your own: left alone, see `leffa weights check`")
    _tell_licences(wanted, wish)


@weights.command()
def convert(models: Models = None) -> None:
    """Write safetensors beside the pickles in MODEL_PATH, checkpoints in float16; without ids, all."""
    with plain_errors():
        from leffa.weights.catalogue import all_files, find_models
        from leffa.weights.convert import convert as rewrite

        wish = _wish(None, None)
        here = [file for file in all_files() if (wish.folder / file.path).is_file()]
        files = _files(find_models(models), wish) if models else here
        with progress_bar() as report:
            written = rewrite(files, wish.folder, report)
    for path in written:
        _say(f"{path} ({_size(path.stat().st_size)})")
    _say("the pickles are no longer needed" if written else "nothing to convert")


@weights.command()
def check(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="default: MODEL_PATH")] = None,
    models: Models = None,
    parser: ParserOption = None,
    keypoints: KeypointOption = None,
) -> None:
    """Tell what is missing, cut short or of the wrong shape; without ids, of the models begun there."""
    with plain_errors():
        from leffa.weights.catalogue import find_models
        from leffa.weights.check import check as examine

        wish = _wish(parser, keypoints)
        folder = folder or wish.folder
        findings = examine(folder, find_models(models or _begun(folder)), wish.parser, wish.keypoints)
    for model, found in findings.items():
        _print_findings(model, found, folder)
    fine = all(finding.fine for found in findings.values() for finding in found)
    raise typer.Exit(0 if fine else 1)


@weights.command("list")
def list_files(models: Models = None, parser: ParserOption = None, keypoints: KeypointOption = None) -> None:
    """Show the models with their files, sizes and licences, and what of them is in MODEL_PATH."""
    with plain_errors():
        from leffa.weights.catalogue import METRICS, METRICS_FILES, SPECS, files_of, find_models, preferred
        from leffa.weights.licences import bill

        wish = _wish(parser, keypoints)
        wanted = models or [*SPECS, METRICS]
        find_models([name for name in wanted if name != METRICS])
        for name in wanted:
            files = METRICS_FILES if name == METRICS else files_of(SPECS[name], wish.parser, wish.keypoints)
            console.print(f"[bold]{name}[/]")
            for file in files:
                here = "here" if preferred(wish.folder / file.path).is_file() else ""
                _say(f"  {_size(file.size):>8}  {here:<4}  {file.path}")
            for entry in bill(name, wish.parser, wish.keypoints):
                _say(f"  {entry.part}: {entry.name}, {entry.licence}")


class _Wish(NamedTuple):
    """What the command line and the settings ask for together."""

    folder: Path
    parser: "Parser"
    keypoints: "Keypoints"
    non_commercial: bool


def _wish(parser: ParserChoice | None, keypoints: KeypointChoice | None) -> _Wish:
    from leffa.settings import read_settings

    settings = read_settings()
    return _Wish(
        settings.model_path,
        parser.value if parser else settings.parser,
        keypoints.value if keypoints else settings.keypoints,
        settings.allow_non_commercial,
    )


def _files(specs: "list[ModelSpec]", wish: _Wish) -> "list[WeightsFile]":
    """The files of several models, each once."""
    from leffa.weights.catalogue import files_of

    files = [file for spec in specs for file in files_of(spec, wish.parser, wish.keypoints)]
    return list(dict.fromkeys(files))


def _begun(folder: Path) -> list[str]:
    from leffa.weights.catalogue import CHECKPOINTS, preferred

    return [name for name, file in CHECKPOINTS.items() if preferred(folder / file.path).is_file()]


def _tell_licences(names: list[str], wish: _Wish) -> None:
    from leffa.weights.licences import non_commercial

    entries = [entry.name for name in names for entry in non_commercial(name, wish.parser, wish.keypoints)]
    if entries:
        _say(f"not for commercial use: {', '.join(dict.fromkeys(entries))}; see `leffa weights list`")


def _print_findings(model: str, findings: "list[Finding]", folder: Path) -> None:
    fine = all(finding.fine for finding in findings)
    console.print(f"[bold]{model}[/]: {'complete' if fine else 'not usable as it is'}")
    for finding in findings:
        name = escape(str(finding.path.relative_to(folder)))
        line = f"  [{COLOURS[finding.state]}]{finding.state:<8}[/]  {name}  {escape(finding.words)}"
        console.print(line.rstrip(), highlight=False, soft_wrap=True)


@contextmanager
def _byte_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for the file under way, on standard error; gives a callback (name, bytes, size)."""
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=complaints, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def report(name: str, done: int, size: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(escape(name), total=size, completed=done)
            bar.update(tasks[name], completed=done)

        yield report


def _size(count: int) -> str:
    for unit, size in (("GB", 1000**3), ("MB", 1000**2), ("kB", 1000)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} B"


def _say(text: str) -> None:
    console.print(escape(text), highlight=False, soft_wrap=True)
