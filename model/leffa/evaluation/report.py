"""A model's figures over a pairs folder: measured, as a table, as JSON, as a folder to look at."""

import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.console import Console
from rich.table import Table

from leffa.errors import BadParameter
from leffa.evaluation.album import picture_folder
from leffa.evaluation.facts import facts_of_run, facts_of_weights
from leffa.evaluation.figures import KINDS
from leffa.evaluation.folders import PACKAGES, settings
from leffa.evaluation.metrics import Figures, mean_figures
from leffa.evaluation.onlooker import Onlooker
from leffa.evaluation.page import draw_page
from leffa.evaluation.pairs import find_cases, read_pair
from leffa.evaluation.perceptual import Networks
from leffa.evaluation.scoring import ANSWERS, Answer, CaseReport, TryOnCall, score
from leffa.evaluation.sheet import draw_sheet
from leffa.files import make_folder, whole_file
from leffa.tryon import TryOn

HEADLINE = (
    "garment_psnr_db",
    "garment_ssim",
    "mask_psnr_db",
    "image_psnr_db",
    "garment_iou",
    "garment_color_error",
)
"""The figures of the JSON's means, the file's promise to its readers; its cases carry all figures."""

Progress = Callable[[int, int, str], None]
"""Called after every case: cases done, cases in all, name of the case."""


@dataclass(frozen=True)
class Report:
    """Figures of every case, at least one, with what made them."""

    model: str
    mask: str
    cases: tuple[CaseReport, ...]
    facts: dict[str, Any]
    perceptual: dict[Answer, dict[str, float]] = field(default_factory=dict)
    """LPIPS, SSIM, FID and KID of the model and the baselines, where they were asked for."""

    @property
    def failures(self) -> dict[str, str]:
        """Error code by the name of the case, for the cases that the model refused."""
        return {case.name: case.failure for case in self.cases if case.failure is not None}

    def mean(self, answer: Answer = "model") -> Figures:
        """Means over all cases of the model's figures or of a baseline's, failed cases included."""
        return mean_figures([getattr(case, answer) for case in self.cases])

    def by_type(self) -> dict[str, "Report"]:
        """The same for each garment type; the figures of sets stay with the whole."""
        types = sorted({case.garment_type for case in self.cases})
        return {
            name: replace(self, cases=tuple(c for c in self.cases if c.garment_type == name), perceptual={})
            for name in types
        }

    def means(self) -> dict[str, float]:
        """Mean of each of the model's figures by name, over the cases that have it."""
        each = [case.figures() for case in self.cases]
        names = [name for name in KINDS if any(name in figures for figures in each)]
        return {name: float(np.mean([one[name] for one in each if name in one])) for name in names}

    def to_json(self) -> dict[str, Any]:
        """The report as plain data; layout as in ``leffa evaluate --json``."""
        return {
            "cases": len(self.cases),
            "failed": len(self.failures),
            "model": self.model,
            "mask": self.mask,
            "mean": _headline(self.mean()),
            "baselines": {
                "unchanged": _headline(self.mean("unchanged")),
                "pasted": _headline(self.mean("pasted")),
            },
            "by_type": {
                name: {"cases": len(part.cases), "failed": len(part.failures), "mean": _rounded(part.means())}
                for name, part in self.by_type().items()
            },
            "flow_error_px": _rounded(self.means()).get("flow_error_px"),
            "perceptual": {name: _rounded(figures) for name, figures in self.perceptual.items()},
            **self.facts,
            "per_case": [_case_json(case) for case in self.cases],
        }

    def table(self) -> Table:
        """The means of the model beside those of both baselines, to be printed with Rich."""
        failed = f", {len(self.failures)} failed (counted as the photo unchanged)" if self.failures else ""
        table = Table(title=f"{len(self.cases)} cases, mask: {self.mask}{failed}")
        table.add_column("figure")
        for heading in (self.model, "unchanged", "pasted"):
            table.add_column(heading, justify="right")
        for title, values in self.rows():
            table.add_row(title, *values)
        return table

    def rows(self) -> list[tuple[str, list[str]]]:
        """The table's lines: title of the figure, its mean of the model and of both baselines."""
        columns = {
            answer: {**asdict(self.mean(answer)), **self.perceptual.get(answer, {})} for answer in ANSWERS
        }
        if "flow_error_px" in (own := self.means()):
            columns["model"]["flow_error_px"] = own["flow_error_px"]
        return [
            (kind.full_title, [kind.text(columns[answer].get(name)) for answer in ANSWERS])
            for name, kind in KINDS.items()
            if name in columns["model"]
        ]


def evaluate(
    pairs: Path,
    model: str = "mini",
    mask: Literal["own", "given"] = "own",
    out: Path | None = None,
    json_file: Path | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
    tryon: TryOnCall | None = None,
    networks: Networks | None = None,
) -> Report:
    """Measure ``model`` on the first ``limit`` cases of a pairs folder, with each case's own seed.

    ``mask`` "own" lets the model find where to repaint, "given" hands it the folder's mask.png; the figures
    of the mask region are taken in mask.png either way. ``out`` is a folder for index.html with its pictures,
    report.json, table.txt and sheet.jpg (best, median and worst cases by garment PSNR), ``json_file`` takes
    the JSON alone. ``tryon`` answers in place of ``TryOn.load(model)``. ``networks`` add the perceptual
    figures, see :mod:`leffa.evaluation.perceptual`.

    Raises FileMissing, BadFile, BadFolder or (with ``networks``) ImageTooSmall for a pairs folder that cannot
    be measured, before anything is computed; BadParameter for an unknown ``mask``, a limit below 1, or
    ``networks`` for a single case; CannotWrite; what loading the model raises.
    A case that the model refuses does not stop it, see :func:`leffa.evaluation.scoring.score`.
    """
    if mask not in ("own", "given"):
        raise BadParameter(f"There is no mask mode {mask!r}.", field="mask", allowed=["own", "given"])
    folders = find_cases(pairs, limit)
    onlooker = Onlooker(networks) if networks else None
    for folder in folders:  # damage is found now, not an hour later; reading is cheap
        pair = read_pair(folder)
        if onlooker:
            onlooker.check(pair.target, len(folders))
    if json_file:
        make_folder(json_file.parent)
    tryon = tryon or TryOn.load(model)
    cases = []
    with picture_folder(out) as album:
        for done, folder in enumerate(folders, start=1):
            pair = read_pair(folder)
            scored = score(pair, tryon, model=model, given_mask=mask == "given")
            seen = onlooker.look(scored.pictures, pair.target) if onlooker else None
            cases.append(replace(scored.report, likeness=seen))
            album.keep(pair, scored.pictures["model"])
            if progress:
                progress(done, len(folders), folder.name)
        facts = {**facts_of_weights(tryon), **facts_of_run(("diffusers",) + (PACKAGES if networks else ()))}
        facts |= {"perceptual_settings": settings(networks)} if networks else {}
        report = Report(model, mask, tuple(cases), facts, onlooker.means() if onlooker else {})
        if json_file:
            write_json(report, json_file)
        if out:
            write_folder(report, out, pairs, album.thumbnails)
    return report


def write_json(report: Report, path: Path) -> None:
    """Write the report as one JSON object. Raises CannotWrite."""
    _write_text(path, json.dumps(report.to_json(), indent=2, allow_nan=False) + "\n")


def write_folder(report: Report, folder: Path, pairs: Path, thumbnails: dict[str, np.ndarray]) -> None:
    """Write index.html, report.json, table.txt and sheet.jpg; ``thumbnails`` are results by case name.

    Raises CannotWrite, and what reading the pairs on the sheet raises.
    """
    write_json(report, folder / "report.json")
    page = io.StringIO()
    Console(file=page, width=100).print(report.table())
    _write_text(folder / "table.txt", page.getvalue())
    sheet = draw_sheet(report.cases, pairs, thumbnails)
    with whole_file(folder / "sheet.jpg") as draft:
        sheet.save(draft, quality=90)
    _write_text(folder / "index.html", draw_page(report))


def _headline(figures: Figures) -> dict[str, float]:
    return {name: round(getattr(figures, name), 4) for name in HEADLINE}


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in figures.items()}


def _case_json(case: CaseReport) -> dict[str, Any]:
    return {
        "name": case.name,
        "garment_type": case.garment_type,
        "seed": case.seed,
        "seconds": round(case.seconds, 3),
        "failure": case.failure,
        **_rounded(case.figures()),
        "fingerprint": case.fingerprint,
        "baselines": {"unchanged": _rounded(asdict(case.unchanged)), "pasted": _rounded(asdict(case.pasted))},
    }


def _write_text(path: Path, text: str) -> None:
    with whole_file(path) as draft:
        draft.write_text(text, encoding="utf-8")
