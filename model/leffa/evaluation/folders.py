"""Scoring pictures that are already made: a folder of them against a folder of true ones."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from leffa.errors import BadFolder, FileMissing
from leffa.evaluation.facts import facts_of_run
from leffa.evaluation.figures import KINDS
from leffa.evaluation.pairs import read_picture
from leffa.evaluation.perceptual import (
    KID_SEED,
    KID_SUBSET_SIZE,
    KID_SUBSETS,
    SMALLEST_SIDE,
    Gallery,
    Likeness,
    Networks,
    SetFigures,
    likeness,
)

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
NAMED = 5  # names in a message
PACKAGES = ("torchmetrics", "torchvision", "pytorch-fid", "pillow")
Progress = Callable[[str, int, int], None]
"""Called with the stage, the pictures done in it and those in all."""


@dataclass(frozen=True)
class Matched:
    """Two folders by the names of their pictures, without suffix."""

    predictions: dict[str, Path]
    truth: dict[str, Path]

    @property
    def unmatched(self) -> dict[str, list[str]]:
        """Names that only one of the folders has."""
        return {
            "predictions": sorted(self.predictions.keys() - self.truth.keys()),
            "truth": sorted(self.truth.keys() - self.predictions.keys()),
        }


@dataclass(frozen=True)
class ScoredPicture:
    """A prediction beside its true picture; ``fingerprint`` is of the latter."""

    name: str
    fingerprint: str
    figures: Likeness


@dataclass(frozen=True)
class FolderReport:
    """Figures of two folders; ``pictures`` is empty for unpaired ones."""

    matched: Matched
    paired: bool
    sets: SetFigures
    pictures: tuple[ScoredPicture, ...]
    facts: dict[str, Any]

    @property
    def mean(self) -> dict[str, float]:
        """Every figure by name: those of pictures as means over the pictures, then those of the sets."""
        each = [asdict(picture.figures) for picture in self.pictures]
        means = {name: float(np.mean([one[name] for one in each])) for name in each[0]} if each else {}
        return {**means, **asdict(self.sets)}

    def to_json(self) -> dict[str, Any]:
        """The report as plain data; layout as in ``leffa score --json``."""
        return {
            "setting": "paired" if self.paired else "unpaired",
            "cases": len(self.matched.predictions),
            "true_pictures": len(self.matched.truth),
            "unmatched": self.matched.unmatched,
            "formats": {
                "predictions": _formats(self.matched.predictions),
                "truth": _formats(self.matched.truth),
            },
            "mean": {name: round(value, 6) for name, value in self.mean.items()},
            **self.facts,
            "per_case": [
                {
                    "name": picture.name,
                    "fingerprint": picture.fingerprint,
                    **{name: round(value, 6) for name, value in asdict(picture.figures).items()},
                }
                for picture in self.pictures
            ],
        }

    def table(self) -> Table:
        """The means, to be printed with Rich."""
        setting = "paired" if self.paired else "unpaired"
        count, true = len(self.matched.predictions), len(self.matched.truth)
        table = Table("figure", title=f"{count} pictures, {setting}, against {true} true ones")
        table.add_column("value", justify="right")
        for name, value in self.mean.items():
            table.add_row(KINDS[name].full_title, KINDS[name].text(value))
        return table


def match_folders(predictions: Path, truth: Path, paired: bool) -> Matched:
    """Find the pictures of two folders and check all of them, by name and size; reads every file once.

    Raises FileMissing for a folder that is not there; BadFolder for one without pictures or with anything
    else in it, for names that only one has (paired), for sizes that differ; BadFile for damaged pictures.
    """
    matched = Matched(list_pictures(predictions), list_pictures(truth))
    missing = matched.unmatched
    if paired and any(missing.values()):
        raise BadFolder(
            f"The folders do not match: only in {predictions}: {named(missing['predictions'])}; "
            f"only in {truth}: {named(missing['truth'])}.",
            fix="Name every prediction after its true picture, and leave out the rest.",
        )
    if min(len(matched.predictions), len(matched.truth)) < 2:
        raise BadFolder("FID and KID need at least 2 pictures in each folder.")
    _check_sizes(matched, paired)
    return matched


def list_pictures(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by name without suffix, in order; hidden files are left out.

    Raises FileMissing, and BadFolder for a folder with none, with anything else, or with one name twice.
    """
    if not folder.is_dir():
        raise FileMissing(f"There is no folder {folder}.")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if not path.is_file() or path.suffix.lower() not in SUFFIXES:
            raise BadFolder(
                f"{path} is no picture; it would have been measured or silently left out.",
                fix=f"Keep nothing but {', '.join(SUFFIXES)} in the folder.",
            )
        if path.stem in found:
            raise BadFolder(f"{folder} has two pictures named {path.stem}.", fix="Delete one of them.")
        found[path.stem] = path
    if not found:
        raise BadFolder(f"{folder} holds no pictures.")
    return found


def _check_sizes(matched: Matched, paired: bool) -> None:
    """Scaling would change every figure, so it is left to whoever knows how the pictures came about."""
    sizes, true_sizes = (
        {name: read_picture(path).shape[1::-1] for name, path in folder.items()}
        for folder in (matched.predictions, matched.truth)
    )
    for name in sizes.keys() & true_sizes.keys():
        if paired and min(sizes[name]) < SMALLEST_SIDE:
            raise BadFolder(f"{matched.predictions[name]} has less than {SMALLEST_SIDE} pixels a side.")
        if sizes[name] != true_sizes[name]:
            raise _different_sizes(
                matched.predictions[name], sizes[name], matched.truth[name], true_sizes[name]
            )
    for name, size in sizes.items():
        if not paired and size not in true_sizes.values():
            other, true_size = next(iter(true_sizes.items()))
            raise _different_sizes(matched.predictions[name], size, matched.truth[other], true_size)


def _different_sizes(path: Path, size: tuple[int, ...], other: Path, true_size: tuple[int, ...]) -> BadFolder:
    return BadFolder(
        f"{path} is {size[0]} x {size[1]} pixels, {other} is {true_size[0]} x {true_size[1]}.",
        fix="Bring both folders to one size yourself, losslessly; nothing is resized here.",
    )


def score_folders(
    matched: Matched, networks: Networks, paired: bool, progress: Progress = lambda *_: None
) -> FolderReport:
    """Measure the predictions: FID and KID of the sets, and if ``paired`` every picture beside its own.

    Raises BadParameter for sets of one picture.
    """
    made, true = Gallery(networks), Gallery(networks)
    pictures = []
    for done, (name, path) in enumerate(matched.predictions.items(), start=1):
        picture = read_picture(path)
        made.add(picture)
        if paired:
            target = read_picture(matched.truth[name])
            pictures.append(ScoredPicture(name, _fingerprint(target), likeness(networks, picture, target)))
        progress("predictions", done, len(matched.predictions))
    for done, path in enumerate(matched.truth.values(), start=1):
        true.add(read_picture(path))
        progress("truth", done, len(matched.truth))
    facts = {"perceptual_settings": settings(networks), **facts_of_run(PACKAGES)}
    return FolderReport(matched, paired, made.distance(true), tuple(pictures), facts)


def settings(networks: Networks) -> dict[str, Any]:
    """What the perceptual figures depend on: seed and subsets of KID, weights, device."""
    return {
        "kid": {"subsets": KID_SUBSETS, "largest_subset": KID_SUBSET_SIZE, "seed": KID_SEED},
        "ssim": {"window": 11, "sigma": 1.5},
        "weights": networks.hashes,
        "device": networks.device,
    }


def _fingerprint(picture: np.ndarray) -> str:
    return sha256(str(picture.shape).encode() + picture.tobytes()).hexdigest()[:16]


def _formats(pictures: dict[str, Path]) -> list[str]:
    return sorted({path.suffix.lower().lstrip(".") for path in pictures.values()})


def named(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    if not names:
        return "none"
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
