"""How well the embedded parser labels people, the real detector before it.

leffa synth --count 50 --seed 7 --out pairs
python scripts/measure_parser.py pairs
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from leffa.cli.console import plain_errors, progress_bar
from leffa.errors import NoPerson, PersonTooSmall
from leffa.evaluation.pairs import find_cases, open_picture, read_picture
from leffa.mini.landmarks import LandmarkDetector
from leffa.mini.parser import LABELS, PARTS, WEIGHTS, Parser
from leffa.mini.scenes import look

NAMES: Final = (
    "background", "hat", "hair", "sunglasses", "upper-clothes", "skirt", "pants", "dress", "belt",
    "left-shoe", "right-shoe", "face", "left-leg", "right-leg", "left-arm", "right-arm", "bag", "scarf",
)  # fmt: skip


def main(
    pairs: Annotated[Path, typer.Argument(help="folder of pairs")],
    limit: Annotated[int | None, typer.Option(min=1, help="the first so many pairs only")] = None,
    weights: Annotated[Path, typer.Option(help="weights of a parser")] = WEIGHTS,
) -> None:
    """Print the IoU of every label over all pixels of all people, and the means; a JSON object last."""
    labels, parts, missed = np.zeros((LABELS, LABELS), int), np.zeros((PARTS, PARTS), int), 0
    with plain_errors(), progress_bar() as report:
        detector, parser = LandmarkDetector(), Parser.load(weights)
        cases = find_cases(pairs, limit)
        for number, case in enumerate(cases):
            try:
                seen = look(read_picture(case / "person.png"), detector, parser)
            except (NoPerson, PersonTooSmall):
                missed += 1
                continue
            labels += confusion(case / "labels.png", seen.labels, LABELS)
            parts += confusion(case / "parts.png", seen.parts, PARTS)
            report("people", number + 1, len(cases))
    table = Table("label", "IoU")
    ious = overlap(labels)
    for name, iou in zip(NAMES, ious, strict=True):
        if not np.isnan(iou):
            table.add_row(name, f"{iou:.2f}")
    table.add_row("mean of the labels", f"{np.nanmean(ious):.3f}")
    table.add_row("mean of the parts", f"{np.nanmean(overlap(parts)):.3f}")
    Console().print(table)
    facts = {"people": len(cases), "nobody_found": missed, "labels_miou": float(np.nanmean(ious))}
    print(json.dumps(facts | {"parts_miou": float(np.nanmean(overlap(parts)))}))


def confusion(true: Path, found: np.ndarray, classes: int) -> np.ndarray:
    """How many pixels of each true class were given each class: [classes, classes]."""
    numbers = np.array(open_picture(true).convert("L"), int) * classes + found
    return np.bincount(numbers.ravel(), minlength=classes**2).reshape(classes, classes)


def overlap(counts: np.ndarray) -> np.ndarray:
    """IoU of each class; NaN for classes that do not occur."""
    true, both = counts.sum(1), np.diag(counts)
    union = true + counts.sum(0) - both
    return np.where(true > 0, both / np.maximum(union, 1), np.nan)


if __name__ == "__main__":
    typer.run(main)
