"""Two reports on the same pairs: is one better, or is it chance?

Cases are paired by name: the difference of each case cancels what makes it hard or easy. The mean difference
stands with a 95 % interval of the percentile bootstrap over cases, drawn from a fixed seed; an interval that
holds 0 shows no difference.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from leffa.errors import BadFile, FileMissing
from leffa.evaluation.figures import KINDS

RESAMPLES, BATCH, SEED = 10_000, 500, 0
LEVEL = 95
LEAST_CASES = 10
IDENTITY = ("fingerprint", "garment_type", "seed")
"""What the same pair has the same of; reports of older versions have no fingerprint."""


@dataclass(frozen=True)
class Difference:
    """Mean of a figure in both reports, and of second less first with its interval."""

    first: float
    second: float
    difference: float
    low: float
    high: float
    cases: int

    @property
    def certain(self) -> bool:
        """Whether the interval leaves 0 out; never for few cases, where the bootstrap makes it too narrow."""
        return self.cases >= LEAST_CASES and (self.low > 0 or self.high < 0)


@dataclass(frozen=True)
class Comparison:
    """``groups``: differences by figure, for "all" and for each garment type."""

    first: str
    second: str
    groups: dict[str, dict[str, Difference]]
    only_first: list[str]
    only_second: list[str]

    def to_json(self) -> dict[str, Any]:
        """As plain data; layout as in ``leffa compare --json``."""
        return {
            "first": self.first,
            "second": self.second,
            "only_in_first": self.only_first,
            "only_in_second": self.only_second,
            "bootstrap": {"resamples": RESAMPLES, "seed": SEED, "level": LEVEL / 100},
            "groups": {
                group: {name: asdict(difference) for name, difference in figures.items()}
                for group, figures in self.groups.items()
            },
        }

    def tables(self) -> Iterator[Table]:
        """A table a group, to be printed with Rich; its last column tells better from worse beyond chance."""
        for group, figures in self.groups.items():
            cases = max(difference.cases for difference in figures.values())
            table = Table("figure", title=f"{group}, {cases} cases")
            for heading in ("first", "second", "difference", f"{LEVEL} % interval", ""):
                table.add_column(heading, justify="right")
            for name, found in figures.items():
                table.add_row(KINDS[name].full_title, *_cells(name, found))
            yield table


def compare_reports(first: Path, second: Path) -> Comparison:
    """Compare two reports of ``leffa evaluate`` or of a paired ``leffa score``: their JSON, or their folders.

    Raises FileMissing; BadFile for something else than a report with cases, for a case that is another pair
    in the other report, and if they have no case in common.
    """
    reports = [_read(path) for path in (first, second)]
    cases = [{case["name"]: case for case in report["per_case"]} for report in reports]
    common = [name for name in cases[0] if name in cases[1]]
    if not common:
        raise BadFile(f"{first} and {second} have no case in common.", fix="Measure both on the same pairs.")
    pairs = [(cases[0][name], cases[1][name]) for name in common]
    for one, other in pairs:
        _require_same_pair(one, other)
    types = sorted({one["garment_type"] for one, _ in pairs if "garment_type" in one})
    parts = {name: [pair for pair in pairs if pair[0].get("garment_type") == name] for name in types}
    return Comparison(
        first=str(first),
        second=str(second),
        groups={group: _differences(part) for group, part in {"all": pairs, **parts}.items()},
        only_first=sorted(cases[0].keys() - cases[1].keys()),
        only_second=sorted(cases[1].keys() - cases[0].keys()),
    )


def _read(path: Path) -> dict[str, Any]:
    path = path / "report.json" if path.is_dir() else path
    if not path.is_file():
        raise FileMissing(f"There is no report {path}.")
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        whole = bool(report["per_case"]) and all(isinstance(case["name"], str) for case in report["per_case"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadFile(f"{path} is no report of `leffa evaluate` or `leffa score`.") from error
    if not whole:
        raise BadFile(f"{path} has no cases to pair.", fix="Compare paired reports.")
    return dict(report)


def _require_same_pair(one: dict[str, Any], other: dict[str, Any]) -> None:
    for key in IDENTITY:
        if key in one and key in other and one[key] != other[key]:
            raise BadFile(
                f"The reports measured other pairs: case {one['name']} has another {key.replace('_', ' ')}.",
                fix="Measure both on the same pairs.",
            )


def _differences(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Difference]:
    found = {}
    for name in KINDS:
        values = [(one[name], other[name]) for one, other in pairs if _is_number(one, name, other)]
        if values:
            found[name] = _difference(np.array(values, dtype=np.float64))
    return found


def _is_number(one: dict[str, Any], name: str, other: dict[str, Any]) -> bool:
    return all(isinstance(case.get(name), int | float) for case in (one, other))


def _difference(values: np.ndarray) -> Difference:
    """``values`` [N, 2] of the first and the second report."""
    differences = values[:, 1] - values[:, 0]
    low, high = np.percentile(_resampled_means(differences), [50 - LEVEL / 2, 50 + LEVEL / 2])
    first, second = values.mean(axis=0)
    return Difference(
        float(first), float(second), float(differences.mean()), float(low), float(high), len(values)
    )


def _resampled_means(values: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(SEED)
    batches = [
        values[rng.integers(len(values), size=(BATCH, len(values)))].mean(axis=1)
        for _ in range(RESAMPLES // BATCH)
    ]
    return np.concatenate(batches)


def _cells(name: str, found: Difference) -> list[str]:
    text = KINDS[name].text
    better = (found.difference < 0) == KINDS[name].lower
    verdict = ("better" if better else "worse") if found.certain else ""
    interval = f"{text(found.low)} to {text(found.high)}"
    return [text(found.first), text(found.second), text(found.difference), interval, verdict]
