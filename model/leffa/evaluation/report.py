"""A model's figures over a pairs folder: measured, as a table, as JSON, as a folder to look at."""

import io
import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.console import Console
from rich.table import Table

from leffa.errors import BadParameter, CannotWrite
from leffa.evaluation.metrics import Figures, mean_figures
from leffa.evaluation.pairs import find_cases, read_pair
from leffa.evaluation.scoring import CaseReport, TryOnCall, score
from leffa.evaluation.sheet import draw_sheet, thumbnail
from leffa.tryon import TryOn

Answer = Literal["model", "unchanged", "pasted"]
ANSWERS: tuple[Answer, ...] = ("model", "unchanged", "pasted")

HEADLINE = (
    "garment_psnr_db",
    "garment_ssim",
    "mask_psnr_db",
    "image_psnr_db",
    "garment_iou",
    "garment_color_error",
)
"""The figures of the JSON's means, the file's promise to its readers; its cases carry all figures."""

ROWS = {
    "garment_psnr_db": ("garment PSNR, dB", "{:.2f}"),
    "garment_ssim": ("garment SSIM", "{:.3f}"),
    "mask_psnr_db": ("mask PSNR, dB", "{:.2f}"),
    "mask_ssim": ("mask SSIM", "{:.3f}"),
    "image_psnr_db": ("image PSNR, dB", "{:.2f}"),
    "image_ssim": ("image SSIM", "{:.3f}"),
    "garment_iou": ("garment IoU", "{:.3f}"),
    "garment_color_error": ("garment colour error, 0-255 (lower is better)", "{:.1f}"),
}

Progress = Callable[[int, int, str], None]
"""Called after every case: cases done, cases in all, name of the case."""


@dataclass(frozen=True)
class Report:
    """Figures of every case, at least one, with what made them."""

    model: str
    mask: str
    cases: tuple[CaseReport, ...]
    facts: dict[str, Any]

    @property
    def failures(self) -> dict[str, str]:
        """Error code by the name of the case, for the cases that the model refused."""
        return {case.name: case.failure for case in self.cases if case.failure is not None}

    def mean(self, answer: Answer = "model") -> Figures:
        """Means over all cases of the model's figures or of a baseline's, failed cases included."""
        return mean_figures([getattr(case, answer) for case in self.cases])

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
        means = [self.mean(answer) for answer in ANSWERS]
        for name, (title, form) in ROWS.items():
            table.add_row(title, *(form.format(getattr(mean, name)) for mean in means))
        return table


def evaluate(
    pairs: Path,
    model: str = "mini",
    mask: Literal["own", "given"] = "own",
    out: Path | None = None,
    json_file: Path | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
    tryon: TryOnCall | None = None,
) -> Report:
    """Measure ``model`` on the first ``limit`` cases of a pairs folder, with each case's own seed.

    ``mask`` "own" lets the model find where to repaint, "given" hands it the folder's mask.png; the figures
    of the mask region are taken in mask.png either way. ``out`` is a folder for report.json, table.txt and
    sheet.jpg (best, median and worst cases by garment PSNR), ``json_file`` takes the JSON alone. ``tryon``
    answers in place of ``TryOn.load(model)``.

    Raises FileMissing, BadFile or BadFolder for a damaged pairs folder, before anything is computed;
    BadParameter for an unknown ``mask`` or a limit below 1; CannotWrite; what loading the model raises.
    A case that the model refuses does not stop it, see :func:`leffa.evaluation.scoring.score`.
    """
    if mask not in ("own", "given"):
        raise BadParameter(f"There is no mask mode {mask!r}.", field="mask", allowed=["own", "given"])
    folders = find_cases(pairs, limit)
    for folder in folders:  # damage is found now, not an hour later; reading is cheap
        read_pair(folder)
    if out:
        _make_folder(out)
    if json_file:
        _make_folder(json_file.parent)
    tryon = tryon or TryOn.load(model)
    cases, thumbnails = [], {}
    for done, folder in enumerate(folders, start=1):
        scored = score(read_pair(folder), tryon, model=model, given_mask=mask == "given")
        cases.append(scored.report)
        thumbnails[folder.name] = thumbnail(scored.picture)  # the full pictures of all cases may be GBs
        if progress:
            progress(done, len(folders), folder.name)
    report = Report(model, mask, tuple(cases), _facts(tryon))
    if json_file:
        write_json(report, json_file)
    if out:
        write_folder(report, out, pairs, thumbnails)
    return report


def write_json(report: Report, path: Path) -> None:
    """Write the report as one JSON object. Raises CannotWrite."""
    _write_text(path, json.dumps(report.to_json(), indent=2, allow_nan=False) + "\n")


def write_folder(report: Report, folder: Path, pairs: Path, thumbnails: dict[str, np.ndarray]) -> None:
    """Write report.json, table.txt and sheet.jpg into ``folder``; ``thumbnails`` are results by case name.

    Raises CannotWrite, and what reading the pairs on the sheet raises.
    """
    write_json(report, folder / "report.json")
    page = io.StringIO()
    Console(file=page, width=100).print(report.table())
    _write_text(folder / "table.txt", page.getvalue())
    sheet = draw_sheet(report.cases, pairs, thumbnails)
    try:
        sheet.save(folder / "sheet.jpg", quality=90)
    except OSError as error:
        raise CannotWrite(f"{folder / 'sheet.jpg'}: {error}") from error


def _headline(figures: Figures) -> dict[str, float]:
    return {name: round(getattr(figures, name), 4) for name in HEADLINE}


def _all_figures(figures: Figures) -> dict[str, float]:
    return {name: round(value, 4) for name, value in asdict(figures).items()}


def _case_json(case: CaseReport) -> dict[str, Any]:
    return {
        "name": case.name,
        "garment_type": case.garment_type,
        "seed": case.seed,
        "seconds": round(case.seconds, 3),
        "failure": case.failure,
        **_all_figures(case.model),
        "baselines": {"unchanged": _all_figures(case.unchanged), "pasted": _all_figures(case.pasted)},
    }


def _facts(tryon: TryOnCall) -> dict[str, Any]:
    """What the figures depend on: weights, versions, machine. Callables other than TryOn tell no weights."""
    told = {name: getattr(tryon, name, None) for name in ("weights", "weights_hash", "device", "dtype")}
    return {
        **{name: str(value) for name, value in told.items() if value is not None},
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("torch", "diffusers", "numpy")},
        },
        "machine": {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()},
    }


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"{folder}: {error}") from error


def _write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CannotWrite(f"{path}: {error}") from error
