"""Colours as clothes have them: many whites, blacks, greys, navies and beiges, and saturated ones."""

import colorsys
from collections.abc import Iterable

import numpy as np

MIN_CONTRAST = 0.25  # smallest weighted RGB distance between two colours that must be told apart
LUMA = np.array([0.30, 0.59, 0.11], np.float32)
NAMED = {  # share among garments, one typical colour; the rest of the draws is saturated
    "white": (0.13, (0.94, 0.93, 0.91)),
    "black": (0.12, (0.06, 0.06, 0.07)),
    "grey": (0.08, (0.48, 0.48, 0.50)),
    "navy": (0.08, (0.10, 0.13, 0.27)),
    "beige": (0.06, (0.80, 0.72, 0.60)),
    "brown": (0.04, (0.38, 0.26, 0.18)),
    "olive": (0.03, (0.35, 0.36, 0.22)),
    "denim": (0.04, (0.27, 0.38, 0.54)),
}
SPREAD = {"grey": 0.16, "denim": 0.09, "beige": 0.07}


def hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    """Return float32 RGB [3] in 0..1 of hue, saturation and value in 0..1."""
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, saturation, value), np.float32)


def contrast(first: np.ndarray, second: np.ndarray) -> float:
    """Return how well two colours [3] can be told apart: 0 equal .. about 1 black and white."""
    return float(np.sqrt((LUMA * (first - second) ** 2).sum()))


def garment_colour(rng: np.random.Generator) -> np.ndarray:
    """Return a colour, float32 RGB [3] in 0..1, with the frequencies of a clothes shop."""
    draw = rng.random()
    for name, (share, typical) in NAMED.items():
        if draw < share:
            return _near(rng, np.array(typical, np.float32), SPREAD.get(name, 0.03))
        draw -= share
    if rng.random() < 0.25:  # pastel
        return hsv(rng.random(), rng.uniform(0.12, 0.35), rng.uniform(0.80, 0.96))
    return hsv(rng.random(), rng.uniform(0.45, 0.95), rng.uniform(0.35, 0.95))


def contrasting(rng: np.random.Generator, others: Iterable[np.ndarray]) -> np.ndarray:
    """Return a garment colour at least MIN_CONTRAST away from every colour in `others`.

    With so many others that no such colour is found, the best of the tries is returned.
    """
    taken = list(others)
    tries: list[tuple[float, int, np.ndarray]] = []
    for _ in range(24):
        colour = garment_colour(rng)
        distance = min((contrast(colour, other) for other in taken), default=1.0)
        if distance >= MIN_CONTRAST:
            return colour
        tries.append((distance, len(tries), colour))
    return max(tries)[2]


def colours(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return `count` colours [count, 3], each distinct from its neighbours (and the last from the first)."""
    chosen = [garment_colour(rng)]
    while len(chosen) < count:
        near = [chosen[-1]] + ([chosen[0]] if len(chosen) == count - 1 else [])
        chosen.append(contrasting(rng, near))
    return np.stack(chosen)


def _near(rng: np.random.Generator, typical: np.ndarray, spread: float) -> np.ndarray:
    """Move a colour in lightness by up to `spread` and in tint by a little."""
    moved = typical + rng.uniform(-spread, spread) + rng.normal(0, 0.012, 3)
    return np.clip(moved, 0.02, 0.98).astype(np.float32)
