"""Whether every file that training would read is there and opens, told before hours are spent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from leffa.errors import BadFolder, LeffaError
from leffa.evaluation.pairs import open_picture
from leffa.training.datasets import Source
from leffa.training.datasets.samples import Case

SAME_PROPORTIONS = 0.01  # files of one frame may be stored at different sizes
SHOWN = 20


@dataclass(frozen=True)
class Fault:
    """A file that training cannot use, and why."""

    path: Path
    words: str


def find_missing(source: Source) -> list[Fault]:
    """The files that are not there, in the order of the cases, each once; nothing is opened."""
    paths = dict.fromkeys(path for case in source.cases for path in [*case.in_frame(), case.garment])
    return [Fault(path, "is missing") for path in paths if not path.is_file()]


def find_faults(source: Source, report: Callable[[int, int], None]) -> list[Fault]:
    """Every file that is missing, cannot be decoded or has other proportions than its person's picture.

    Each file once, in the order of the cases. report(done, cases).
    """
    faults: dict[Path, Fault] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow decodes without the interpreter's lock
        for done, found in enumerate(pool.map(_look, source.cases), 1):
            faults |= {fault.path: fault for fault in found}
            report(done, len(source.cases))
    return list(faults.values())


def require_none(faults: list[Fault], tell: Callable[[str], None] = print) -> None:
    """Tell the first faults, a line each, and raise BadFolder with their count where there are any."""
    if not faults:
        return
    for fault in faults[:SHOWN]:
        tell(f"{fault.path} {fault.words}")
    more = f" (the first {SHOWN} are named)" if len(faults) > SHOWN else ""
    files = "1 file" if len(faults) == 1 else f"{len(faults)} files"
    raise BadFolder(
        f"{files} of the training data cannot be used{more}.", fix="See docs/training.md for the layout."
    )


def _look(case: Case) -> Iterable[Fault]:
    sizes: dict[Path, tuple[int, int]] = {}
    for path in dict.fromkeys([*case.in_frame(), case.garment]):
        try:
            sizes[path] = open_picture(path).size
        except LeffaError as error:
            yield Fault(path, error.detail.removeprefix(f"{path} ").rstrip("."))
    if case.person not in sizes:
        return
    width, height = sizes[case.person]
    for path in case.in_frame():
        if path in sizes and not _alike(sizes[path], (width, height)):
            found = "{} x {}".format(*sizes[path])
            yield Fault(path, f"is {found} pixels, which does not fit the person's {width} x {height}")


def _alike(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """The same proportions, as far as whole pixels allow."""
    (width, height), (other_width, other_height) = size, other
    slack = SAME_PROPORTIONS + 1 / min(*size, *other)
    return abs(width * other_height / (height * other_width) - 1) <= slack
