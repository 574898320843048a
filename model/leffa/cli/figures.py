"""`leffa evaluate`, `leffa score`, `leffa compare`: how good pictures are, and whether others are better."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from leffa.cli.console import complaints, console, plain_errors, progress_bar

if TYPE_CHECKING:
    from leffa.evaluation.perceptual import Networks


class MaskSource(StrEnum):
    """Whose mask an evaluation uses."""

    own = "own"
    given = "given"


JsonFile = Annotated[Path | None, typer.Option("--json", dir_okay=False, help="file for the figures")]


def evaluate(
    pairs: Annotated[Path, typer.Option(help="folder of pairs, as `leffa synth` writes it")],
    model: Annotated[str, typer.Option(help="id of a model")] = "mini",
    mask: Annotated[MaskSource, typer.Option(help="the model's own mask or the folder's")] = MaskSource.own,
    out: Annotated[Path | None, typer.Option(help="folder for the report, a page with pictures")] = None,
    json_file: JsonFile = None,
    limit: Annotated[int | None, typer.Option(min=1, help="look at the first so many pairs only")] = None,
    perceptual: Annotated[
        bool, typer.Option("--perceptual", help="LPIPS, FID and KID as well; see docs/evaluation.md")
    ] = False,
) -> None:
    """Measure a model on pairs whose true result is known."""
    with plain_errors():
        from leffa.errands import open_model
        from leffa.evaluation.report import evaluate as measure

        networks = _networks() if perceptual else None
        tryon = open_model("tryon", wanted=model)
        with progress_bar() as report:
            figures = measure(
                pairs,
                model,
                mask.value,
                out,
                json_file,
                limit,
                lambda done, total, name: report("pairs", done, total),
                tryon,
                networks,
            )
    console.print(figures.table())
    if out:
        console.print(f"the page: {escape(str(out / 'index.html'))}", highlight=False, soft_wrap=True)


def score(
    predictions: Annotated[Path, typer.Argument(help="folder of pictures that a model made")],
    truth: Annotated[Path, typer.Argument(help="folder of true pictures of the same names")],
    paired: Annotated[
        bool, typer.Option("--paired/--unpaired", help="unpaired: the true garment is another one")
    ] = True,
    json_file: JsonFile = None,
) -> None:
    """Score pictures that are made already: SSIM, LPIPS, FID and KID as in the published tables."""
    with plain_errors():
        from leffa.evaluation.folders import match_folders, named, score_folders
        from leffa.files import make_folder

        networks = _networks()
        matched = match_folders(predictions, truth, paired)
        if json_file:
            make_folder(json_file.parent)
        with progress_bar() as report:
            figures = score_folders(matched, networks, paired, report)
        _write(json_file, figures.to_json())
    console.print(figures.table())
    for folder, names in matched.unmatched.items():
        if names:
            complaints.print(f"only in {folder}: {escape(named(names))}", highlight=False, soft_wrap=True)


def compare(
    first: Annotated[
        Path, typer.Argument(help="report of `leffa evaluate` or `leffa score`: JSON or folder")
    ],
    second: Annotated[Path, typer.Argument(help="the other report")],
    json_file: JsonFile = None,
) -> None:
    """Tell what is better in the second report, case by case, and whether it is more than chance."""
    with plain_errors():
        from leffa.evaluation.comparison import compare_reports
        from leffa.evaluation.folders import named

        found = compare_reports(first, second)
        _write(json_file, found.to_json())
    for table in found.tables():
        console.print(table)
    for which, names in (("first", found.only_first), ("second", found.only_second)):
        if names:
            console.print(f"only in the {which}: {escape(named(names))}", highlight=False, soft_wrap=True)


def _networks() -> "Networks":
    from leffa.evaluation.perceptual import load_networks
    from leffa.settings import read_settings

    settings = read_settings()
    return load_networks(settings.model_path, settings.device)


def _write(path: Path | None, content: dict[str, Any]) -> None:
    from leffa.files import make_folder, whole_file

    if path:
        make_folder(path.parent)
        with whole_file(path) as draft:
            draft.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
