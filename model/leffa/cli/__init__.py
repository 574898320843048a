"""The command line. What takes time to import is imported by the command that needs it."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from leffa.errors import BadParameter, LeffaError, MissingField

if TYPE_CHECKING:
    from leffa.doctor import Report, WeightsFile

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
train = typer.Typer(no_args_is_help=True)
app.add_typer(train, name="train", help="Train a model.")
console = Console()
complaints = Console(stderr=True)
BAD_INPUT, INTERRUPTED = 2, 130


class GarmentType(StrEnum):
    """Where a garment goes."""

    upper_body = "upper_body"
    lower_body = "lower_body"
    dresses = "dresses"


class MaskSource(StrEnum):
    """Whose mask an evaluation uses."""

    own = "own"
    given = "given"


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn every expected error into one line and exit code 2, Ctrl-C into exit code 130."""
    try:
        yield
    except LeffaError as error:
        complaints.print(f"[red]{error.code}[/]: {escape(error.detail)} {escape(error.fix)}", soft_wrap=True)
        raise typer.Exit(BAD_INPUT) from None
    except ModuleNotFoundError as error:
        complaints.print(f"[red]missing_package[/]: this needs {error.name}: pip install 'leffa\\[train]'")
        raise typer.Exit(BAD_INPUT) from None
    except KeyboardInterrupt:
        complaints.print("stopped")
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def progress_bar() -> Iterator[Any]:
    """A bar on standard error; gives a callback (stage, step, total)."""
    columns = TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=complaints, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def report(stage: str, step: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=step, total=total)

        yield report


@app.command()
def tryon(
    person: Annotated[Path | None, typer.Argument(help="photo of the person")] = None,
    garment: Annotated[Path | None, typer.Argument(help="picture of the garment")] = None,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="where the picture goes: .png, .jpg or .webp")
    ] = Path("tryon.png"),
    garment_type: Annotated[
        GarmentType, typer.Option(help="where the garment goes")
    ] = GarmentType.upper_body,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="same seed, same picture")] = 0,
    steps: Annotated[int | None, typer.Option(min=1, max=100, help="denoising steps")] = None,
    guidance_scale: Annotated[float | None, typer.Option(min=0, max=20, help="how closely to follow")] = None,
    model: Annotated[str | None, typer.Option(help="id of a model")] = None,
    mask: Annotated[Path | None, typer.Option(help="picture of what to repaint, white")] = None,
    debug_dir: Annotated[Path | None, typer.Option(help="folder for mask, densepose, parsing, flow")] = None,
    replay: Annotated[Path | None, typer.Option(help="make this picture again, with its own options")] = None,
) -> None:
    """Dress the person of a photo in a garment."""
    from leffa import errands

    with plain_errors():
        if replay is None:
            options = {
                "garment_type": garment_type.value,
                "seed": seed,
                "inference_steps": steps,
                "guidance_scale": guidance_scale,
                "model": model,
            }
            errand = errands.new(_given("PERSON", person), _given("GARMENT", garment), mask, options)
        else:
            errand = errands.again(replay, person, garment, mask)
        with progress_bar() as report:
            done = errands.run(errand, out, debug_dir, report)
    _tell(done.findings, out, done.seconds, done.seed)
    if replay is not None:
        _tell_replay(errand, out, replay)


def _given(name: str, path: Path | None) -> Path:
    if path is None:
        raise MissingField(f"{name} is missing.", fix="See `leffa tryon --help`.")
    return path


def _tell(findings: list[Any], out: Path, seconds: float, seed: int) -> None:
    for finding in findings:
        complaints.print(f"[yellow]{finding.code}[/]: {escape(finding.detail)} {escape(finding.fix)}")
    console.print(f"{escape(str(out))} (seed {seed}, {seconds:.1f} s)", soft_wrap=True, highlight=False)


def _tell_replay(errand: Any, out: Path, replay: Path) -> None:
    if errand.original == out.read_bytes():
        console.print(f"the same as {escape(str(replay))}, byte for byte", highlight=False)
        return
    complaints.print(f"[red]replay_mismatch[/]: {escape(str(out))} differs from {escape(str(replay))}")
    raise typer.Exit(1)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="address to listen on")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="port to listen on")] = None,
) -> None:
    """Start the web service."""
    import uvicorn

    from leffa.service.app import create_app
    from leffa.settings import Settings

    settings = Settings()
    uvicorn.run(
        create_app(settings),
        host=host or settings.host,
        port=settings.port if port is None else port,
        # A picture takes seconds; one under way may be finished before the service goes.
        timeout_graceful_shutdown=30,
    )


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Tell what is installed, what the machine has and what would be used."""
    from leffa.doctor import examine
    from leffa.settings import Settings

    report = examine(Settings())
    if as_json:
        print(json.dumps(report.to_dict(), indent=2))
    else:
        _print_report(report)
    raise typer.Exit(0 if report.ready else 1)


def _print_report(report: "Report") -> None:
    rows = {
        "python": report.python,
        **report.versions,
        "cores": report.cores,
        "memory": f"{report.memory_gb} GB",
        "gpu": report.gpu or "none",
        "embedded weights": _list_weights(report.embedded) or "none",
        f"official weights in {report.model_path}": _list_weights(report.official) or "none",
        "would use": f"model {report.model} on {report.device}" if report.ready else "nothing: no weights",
    }
    width = max(map(len, rows))
    for name, value in rows.items():
        console.print(f"{name:<{width}}  {escape(str(value))}", highlight=False, soft_wrap=True)


def _list_weights(files: "list[WeightsFile]") -> str:
    return ", ".join(f"{file.name} ({file.size / 1024**2:.1f} MB)" for file in files if file.size)


@app.command()
def synth(
    out: Annotated[Path, typer.Option(help="folder to write the pairs to")],
    count: Annotated[int, typer.Option(min=1, help="number of pairs")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same pairs")] = 0,
    size: Annotated[str, typer.Option(help="width x height in pixels")] = "192x256",
) -> None:
    """Make synthetic people in two garments each, with exact ground truth."""
    with plain_errors():
        width, height = _parse_size(size)
        from leffa.synth.pairs import write_pairs

        with progress_bar() as report:
            write_pairs(count, seed, out, height, width, lambda done, total: report("pairs", done, total))
    console.print(f"{count} pairs in {escape(str(out))}", soft_wrap=True, highlight=False)


def _parse_size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (
        width.isdecimal() and height.isdecimal() and 64 <= int(width) <= 2048 and 64 <= int(height) <= 2048
    ):
        raise BadParameter(
            f"{text!r} is not a size.", field="size", fix="Write it as 192x256, 64 to 2048 each."
        )
    return int(width), int(height)


@train.command("mini")
def train_mini(
    stage: Annotated[str, typer.Option(help="one stage of the recipe, see docs/mini.md, or all")] = "all",
    out: Annotated[Path, typer.Option(help="folder for checkpoints, log and sample sheets")] = Path(
        "runs/mini"
    ),
    resume: Annotated[bool, typer.Option("--resume", help="go on from the last checkpoint")] = False,
    smoke: Annotated[bool, typer.Option("--smoke", help="a few steps only, to see that it runs")] = False,
) -> None:
    """Train the embedded model from nothing, on synthetic people."""
    with plain_errors():
        from leffa.training.recipes import mini

        mini.train(stage=stage, out=out, resume=resume, smoke=smoke)


@app.command()
def evaluate(
    pairs: Annotated[Path, typer.Option(help="folder of pairs, as `leffa synth` writes it")],
    model: Annotated[str, typer.Option(help="id of a model")] = "mini",
    mask: Annotated[MaskSource, typer.Option(help="the model's own mask or the folder's")] = MaskSource.own,
    out: Annotated[Path | None, typer.Option(help="folder for the report")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="file for the figures")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="look at the first so many pairs only")] = None,
) -> None:
    """Measure a model on pairs whose true result is known."""
    with plain_errors():
        from leffa.evaluation.report import evaluate as measure

        with progress_bar() as report:
            figures = measure(
                pairs,
                model,
                mask.value,
                out,
                json_file,
                limit,
                lambda done, total, name: report("pairs", done, total),
            )
    console.print(figures.table())


if __name__ == "__main__":
    sys.exit(app())
