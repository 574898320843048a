"""What kind of garment a silhouette looks like: a top, something for the legs, a dress, or unsure.

The rules were set on the flats of 600 synthetic pairs and six product pictures: see the rates in
`scripts/measure_preflight.py`. A T-shirt of a slim cut and a short dress may have the same outline, so
many are left unsure.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

GRID: Final = 64  # rows and columns that the silhouette's box is cut into
WIDE_SLIM: Final = 1.8  # a trunk at least as slim as this may be a dress's


@dataclass(frozen=True)
class Outline:
    """Measures of a silhouette; widths are shares of the widest place.

    aspect: height over width. shoulder, chest, middle, hem: widths from the top down. split: how open the
    middle is towards the hem, neck: the same at the top, 0..1. slim: height over the narrowest trunk.
    """

    aspect: float
    shoulder: float
    chest: float
    middle: float
    hem: float
    split: float
    neck: float
    slim: float

    @property
    def flare(self) -> float:
        """How much wider the hem is than the middle."""
        return self.hem - self.middle

    @property
    def widens(self) -> bool:
        """Whether it gets wider and wider from a broad top on, as a skirt does."""
        return (
            self.shoulder >= 0.5 and self.chest >= self.shoulder - 0.02 and self.middle >= self.chest - 0.02
        )


def type_of(alpha: NDArray[np.float32]) -> str | None:
    """The garment type of a silhouette, float32 [H, W] 0..1 and somewhere above 0.5; None where unsure."""
    return _type_of(_measure(alpha > 0.5))


def surely_not(alpha: NDArray[np.float32], guess: str, garment_type: str) -> bool:
    """Whether a silhouette taken for `guess` can hardly be of `garment_type`."""
    top_or_dress = guess == "upper_body" and garment_type == "dresses"
    return guess != garment_type and not (top_or_dress and _measure(alpha > 0.5).slim > WIDE_SLIM)


def _type_of(outline: Outline) -> str | None:
    if outline.split > 0.12:
        legs = outline.split > 0.5 and outline.shoulder > 0.5 and outline.hem > 0.5
        return "lower_body" if legs else None
    if outline.aspect > 1.5:
        return "dresses"
    if outline.neck >= 0.6:
        return "upper_body"
    if outline.widens and outline.aspect < 1.2:
        skirt = outline.neck < 0.25 and outline.flare >= -0.02
        return "lower_body" if skirt else None
    if outline.slim > WIDE_SLIM and outline.flare > 0.15:
        return "dresses" if outline.slim > 1.9 and outline.aspect > 1.1 else None
    if outline.slim > WIDE_SLIM and (outline.aspect < 1.15 or outline.flare > 0.1):
        return None
    return "upper_body"


def _measure(mask: NDArray[np.bool_]) -> Outline:
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    box = mask[y : y + height, x : x + width].astype(np.float32)
    cells = cv2.resize(box, (GRID, GRID), interpolation=cv2.INTER_AREA) > 0.5
    spans = np.array([_span(row) for row in cells])
    centre = cells[:, GRID // 2 - 4 : GRID // 2 + 4].mean(1)
    trunk = min((_trunk(row) for row in cells[20:44]), default=0.0) * width / height
    return Outline(
        aspect=height / width,
        shoulder=float(spans[2:8].mean()),
        chest=float(spans[8:16].mean()),
        middle=float(spans[26:38].mean()),
        hem=float(spans[52:62].mean()),
        split=float(1 - centre[44:62].mean()),
        neck=float(1 - centre[:6].mean()),
        slim=1 / max(trunk, 1e-3),
    )


def _span(row: NDArray[np.bool_]) -> float:
    """From the first to the last filled cell, as a share of the row."""
    filled = np.flatnonzero(row)
    return float(filled[-1] - filled[0] + 1) / GRID if len(filled) else 0.0


def _trunk(row: NDArray[np.bool_]) -> float:
    """The filled run across the middle of a row, as a share of it; the whole row where the middle is open."""
    half = GRID // 2
    if not row[half - 2 : half + 2].any():
        return 1.0
    before, after = np.flatnonzero(~row[:half]), np.flatnonzero(~row[half:])
    start = before[-1] + 1 if len(before) else 0
    return float(half + (after[0] if len(after) else half) - start) / GRID
