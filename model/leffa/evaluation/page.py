"""The report as a page: one HTML file beside its pictures, without scripts or styles from elsewhere."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from leffa.evaluation.album import FOLDER, name_of
from leffa.evaluation.figures import KINDS, Kind
from leffa.evaluation.scoring import CaseReport
from leffa.evaluation.sheet import choose_cases

if TYPE_CHECKING:
    from leffa.evaluation.report import Report

TEMPLATE = "page.html.j2"
BINS = 20
PARTS = ("person", "garment", "result", "target")


@dataclass(frozen=True)
class Histogram:
    """How a figure is spread over the cases: heights of the bars 0..1, the ends of its axis, the median."""

    title: str
    bars: list[float]
    low: str
    high: str
    median: str


def draw_page(report: "Report") -> str:
    """The page; it names its pictures as :class:`leffa.evaluation.album.Album` wrote them."""
    cases = [_case(number, case) for number, case in enumerate(report.cases)]
    by_name = {case["name"]: case for case in cases}
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            report=report,
            rows=report.rows(),
            types=report.by_type(),
            type_rows=_type_rows(report),
            histograms=[_histogram(kind, values) for kind, values in _columns(report)],
            chosen=[(group, by_name[case.name]) for group, case in choose_cases(report.cases)],
            cases=cases,
            kinds={name: kind for name, kind in KINDS.items() if name in report.means()},
            facts=_flat(report.facts),
        )
    )


def _environment() -> Environment:
    loader = FileSystemLoader(Path(__file__).parent)
    return Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _case(number: int, case: CaseReport) -> dict[str, Any]:
    return {
        "name": case.name,
        "garment_type": case.garment_type,
        "seed": case.seed,
        "failure": case.failure,
        "figures": case.figures(),
        "pictures": {part: f"{FOLDER}/{name_of(number, part)}" for part in PARTS},
    }


def _type_rows(report: "Report") -> list[tuple[str, list[str]]]:
    means = [part.means() for part in report.by_type().values()]
    return [
        (kind.full_title, [kind.text(mean.get(name)) for mean in means])
        for name, kind in KINDS.items()
        if any(name in mean for mean in means)
    ]


def _columns(report: "Report") -> list[tuple[Kind, list[float]]]:
    each = [case.figures() for case in report.cases]
    columns = [(kind, [one[name] for one in each if name in one]) for name, kind in KINDS.items()]
    return [(kind, values) for kind, values in columns if values]


def _histogram(kind: Kind, values: list[float]) -> Histogram:
    low, high = min(values), max(values)
    if high - low < 1e-9 * max(1.0, abs(high)):  # numpy knows no bins between neighbouring numbers
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(values, bins=BINS, range=(low, high))
    return Histogram(
        title=kind.full_title,
        bars=[float(count / counts.max()) for count in counts],
        low=kind.text(edges[0]),
        high=kind.text(edges[-1]),
        median=kind.text(float(np.median(values))),
    )


def _flat(facts: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested facts as lines: ("versions torch", "2.10")."""
    lines = []
    for name, value in facts.items():
        title = f"{prefix}{name}".replace("_", " ")
        lines += _flat(value, f"{title} ") if isinstance(value, dict) else [(title, str(value))]
    return lines
