"""How often the pre-flight check is right, on a pairs folder that `leffa synth` wrote.

    leffa synth --count 200 --seed 7 --out pairs
    python scripts/measure_preflight.py pairs

Prints, for the pairs as they are and for each of the ways to spoil them, how many got which finding; and
whether an error was told exactly where a try-on refuses the pictures. Arms in
front of the trunk are held against the truth in the pairs.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from leffa.errors import LeffaError
from leffa.mini.landmarks import LandmarkDetector
from leffa.mini.parser import Parser
from leffa.mini.scenes import garment_half, look, person_half
from leffa.preflight import Report, check
from leffa.tryon import GARMENT_TYPES, MaskRequest


class Case(NamedTuple):
    """Two pictures uint8 RGB [H, W, 3] and what is asked for."""

    person: np.ndarray
    garment: np.ndarray
    garment_type: str


def blurred(sigma: float) -> Callable[[Case], Case]:
    """Both pictures out of focus; `sigma` in pixels of a longer side of 512."""

    def blur(picture: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(picture, (0, 0), sigma * max(picture.shape) / 512)

    return lambda case: case._replace(person=blur(case.person), garment=blur(case.garment))


def exposed(stops: float) -> Callable[[Case], Case]:
    """Both pictures darker or brighter by so many stops."""
    table = (np.clip((np.arange(256) / 255) ** 2.2 * 2**stops, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)
    return lambda case: case._replace(person=table[case.person], garment=table[case.garment])


def cut(top: float, bottom: float) -> Callable[[Case], Case]:
    """The photo's rows from `top` to `bottom`, as shares of its height."""

    def crop(case: Case) -> Case:
        height = len(case.person)
        return case._replace(person=case.person[round(top * height) : round(bottom * height)].copy())

    return crop


def tiny(case: Case) -> Case:
    """The person a quarter as large, in the middle of a grey wall."""
    height, width = case.person.shape[:2]
    wall = np.full_like(case.person, 180)
    small = cv2.resize(case.person, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    top, left = height // 3, width // 3
    wall[top : top + height // 4, left : left + width // 4] = small
    return case._replace(person=wall)


def busy(case: Case) -> Case:
    """The garment on a carpet of coloured squares."""
    rng = np.random.default_rng(len(case.garment))
    height, width = case.garment.shape[:2]
    carpet = rng.integers(0, 256, (height // 24 + 1, width // 24 + 1, 3), dtype=np.uint8)
    carpet = carpet.repeat(24, 0).repeat(24, 1)[:height, :width]
    flat = np.linalg.norm(case.garment.astype(int) - case.garment[2, 2].astype(int), axis=2) < 24
    return case._replace(garment=np.where(flat[..., None], carpet, case.garment))


SPOILT: dict[str, Callable[[Case], Case]] = {
    "as they are": lambda case: case,
    "blurred, sigma 2": blurred(2),
    "blurred, sigma 3": blurred(3),
    "2 stops darker": exposed(-2),
    "3 stops darker": exposed(-3),
    "2 stops brighter": exposed(2),
    "upper half of the photo": cut(0, 0.5),
    "lower half of the photo": cut(0.5, 1),
    "upper fifth of the photo": cut(0, 0.2),
    "person a quarter as large": tiny,
    "garment on a carpet": busy,
    "another type asked for": lambda case: case._replace(
        garment_type=GARMENT_TYPES[(GARMENT_TYPES.index(case.garment_type) + 1) % 3]
    ),
    "the person twice": lambda case: case._replace(garment=case.person),
    "the garment twice": lambda case: case._replace(person=case.garment),
}


def refused(case: Case, detector: LandmarkDetector, parser: Parser) -> bool:
    """Whether a try-on of the embedded model raises an error for these pictures."""
    try:
        person_half(MaskRequest(case.person, case.garment_type), look(case.person, detector, parser))
        garment_half(case.garment, case.garment_type, detector, parser)
    except LeffaError:
        return True
    return False


def read(folder: Path, count: int) -> Iterator[tuple[Case, Path]]:
    """The first pairs of a folder."""
    for pair in sorted(path.parent for path in folder.glob("*/meta.json"))[:count]:
        person, garment = (
            cv2.imread(str(pair / name))[..., ::-1].copy() for name in ("person.png", "garment.png")
        )
        yield Case(person, garment, json.loads((pair / "meta.json").read_text())["garment_type"]), pair


def arms_truth(pair: Path) -> float:
    """How much of the trunk, between its keypoints, the drawn forearms and hands cover."""
    parts = cv2.imread(str(pair / "parts.png"), cv2.IMREAD_GRAYSCALE)
    points = np.array(json.loads((pair / "meta.json").read_text())["keypoints"])
    trunk = np.zeros(parts.shape, np.uint8)
    cv2.fillConvexPoly(trunk, cv2.convexHull(points[[5, 6, 11, 12], :2].round().astype(np.int32)), 1)
    arms = np.isin(parts, (3, 4, 19, 20, 21, 22))
    return float((arms & (trunk > 0)).sum() / max(1, trunk.sum()))


def tell(name: str, reports: list[Report], wrong: int) -> None:
    """One line of findings a way, commonest first; and how often error and refusal differ."""
    codes = Counter(
        f"{'*' if finding.severity != 'info' else ''}{finding.code}({finding.field.split('_')[0]})"
        for report in reports
        for finding in report.findings
    )
    shares = ", ".join(f"{code} {count / len(reports):.0%}" for code, count in codes.most_common())
    ok = sum(report.ok for report in reports) / len(reports)
    print(f"{name}: ok {ok:.0%}, {wrong} disagree; {shares}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--count", type=int, default=200)
    asked = parser.parse_args()
    detector, labels = LandmarkDetector(), Parser.load()
    cases = list(read(asked.pairs, asked.count))
    for name, spoil in SPOILT.items():
        spoilt = [spoil(case) for case, _ in cases]
        reports = [check(*case, detector, labels) for case in spoilt]
        wrong = sum(
            report.ok == refused(case, detector, labels) for case, report in zip(spoilt, reports, strict=True)
        )
        tell(name, reports, wrong)
        if name == "as they are":
            tell_truth(cases, reports)


def tell_truth(cases: list[tuple[Case, Path]], reports: list[Report]) -> None:
    """Arms in front against the truth; guesses of the garment's type."""
    table = Counter(
        (arms_truth(pair) > 0.08, any(finding.code == "arms_in_front" for finding in report.findings))
        for (case, pair), report in zip(cases, reports, strict=True)
        if case.garment_type != "lower_body"
    )
    print("  (arms really in front, told):", dict(table))
    guesses = Counter(
        (case.garment_type, report.garment.garment_type if report.garment else None)
        for (case, _), report in zip(cases, reports, strict=True)
    )
    print("  (garment type, guess):", dict(guesses))


if __name__ == "__main__":
    main()
