"""Cloth: colour patterns over the flat garment, weave, prints, and the folds that shade it.

Patterns live in the flat metric frame of a garment (metres; u across, v up; the middle of the
chest at about (0, 0.42)), so cloth on a body and its flat picture show the same print exactly.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from leffa.synth.noise import sample_tile, tile_noise
from leffa.synth.palette import colours as distinct_colours
from leffa.synth.palette import contrasting, garment_colour
from leffa.synth.patterns import (
    Bands,
    Checkerboard,
    Dots,
    Gradient,
    Pattern,
    Plain,
    Printed,
    Sleeves,
    Woven,
)
from leffa.synth.prints import Stamp, chest_print

PIXEL = 0.005  # metres of cloth under one picture element of a 256x192 picture, about
TILE = 128  # texels of a printed or woven tile along an edge
FOLD_TILE = 256
FOLD_METRES = 0.9  # how much cloth the fold field covers before it repeats
LOGO_SHARE_PLAIN = 0.5
LOGO_SHARE_PATTERNED = 0.08


@dataclass(frozen=True)
class Weave:
    """Fine structure: tile [S, S] around 0 that lightens and darkens; texel in metres; amount 0..1."""

    tile: np.ndarray
    texel: float
    amount: float
    tint: np.ndarray

    def over(self, colours: np.ndarray, uv: np.ndarray, pixel: float) -> None:
        """Apply to `colours` [N, 3] in place; structure finer than `pixel` fades out."""
        amount = self.amount * min(1.0, 1.5 * self.texel / pixel)
        texels = uv / np.float32(self.texel)
        column = np.floor(texels[:, 0]).astype(np.int32) & (TILE - 1)
        row = np.floor(texels[:, 1]).astype(np.int32) & (TILE - 1)
        grain = self.tile.ravel().take(row * TILE + column)[:, None]
        colours += (np.float32(amount) * grain) * (self.tint + 0.6 * colours)


@dataclass(frozen=True)
class Texture:
    """Everything that colours one garment."""

    kind: str
    pattern: Pattern
    weave: Weave | None
    logo: Stamp | None

    def colours(self, uv: np.ndarray, front: np.ndarray, pixel: float = PIXEL) -> np.ndarray:
        """Return float32 RGB [N, 3] in 0..1.

        uv: float32 [N, 2], metres in the flat; front: bool [N], true on the front panel (the only
        one that carries a print); pixel: metres of cloth that one picture element covers.
        """
        colours = np.asarray(self.pattern.colours(uv, pixel), np.float32)
        if self.logo is not None:
            self.logo.over(colours, uv, front, pixel)
        if self.weave is not None:
            self.weave.over(colours, uv, pixel)
        return np.clip(colours, 0, 1, out=colours)


def random_texture(rng: np.random.Generator, allow_logo: bool) -> Texture:
    """Return one of a shop's textures; prints on the chest only with `allow_logo`."""
    names = list(MAKERS)
    shares = np.array([MAKERS[name][0] for name in names])
    kind = names[rng.choice(len(names), p=shares / shares.sum())]
    pattern = MAKERS[kind][1](rng)
    plain = kind in ("plain", "gradient", "blocks", "sleeves")
    weave = _random_weave(rng) if rng.random() < (0.45 if plain else 0.15) else None
    logo = None
    if allow_logo and rng.random() < (LOGO_SHARE_PLAIN if plain else LOGO_SHARE_PATTERNED):
        logo = chest_print(rng, _chest_colours(pattern))
    return Texture(kind, pattern, weave, logo)


def fold_bump(seed: int, uv: np.ndarray, strength: float) -> np.ndarray:
    """Return float32 [N]: how far cloth at uv [N, 2] (metres) leans sideways in soft folds.

    Mean about 0; `strength` is its standard deviation. Add it to the normal or to the shading.
    """
    rng = np.random.default_rng(seed)
    scale = FOLD_TILE / (FOLD_METRES * rng.uniform(0.75, 1.3))
    shear, mirror = rng.normal(0, 0.25), rng.choice([-1.0, 1.0])
    x = (uv[:, 0] + shear * uv[:, 1]) * np.float32(scale * mirror) + np.float32(rng.uniform(0, FOLD_TILE))
    y = uv[:, 1] * np.float32(scale) + np.float32(rng.uniform(0, FOLD_TILE))
    return sample_tile(_fold_field(), x, y) * np.float32(strength)


# ---- shared tables


@lru_cache(maxsize=1)
def _fold_field() -> np.ndarray:
    """Return the slope [S, S] of a wavy surface with folds mostly up and down; deviation 1."""
    rng = np.random.default_rng(20)
    bend = 7 * tile_noise(rng, FOLD_TILE, (4, 4))
    y, x = np.mgrid[:FOLD_TILE, :FOLD_TILE].astype(np.float32)
    surface = np.zeros((FOLD_TILE, FOLD_TILE), np.float32)
    for cells, height in (((4, 8), 1.0), ((8, 16), 0.45), ((16, 16), 0.2)):
        layer = tile_noise(rng, FOLD_TILE, cells)
        surface += height * sample_tile(layer, (x + bend).ravel(), (y + bend.T).ravel()).reshape(x.shape)
    slope = np.roll(surface, -2, 1) - np.roll(surface, 2, 1)
    slope = np.tanh(1.3 * slope / slope.std())  # no fold sticks out of the rest
    slope = cv2.GaussianBlur(np.pad(slope, 8, mode="wrap"), (0, 0), 2)[8:-8, 8:-8]
    return np.ascontiguousarray((slope - slope.mean()) / slope.std(), np.float32)


@lru_cache(maxsize=8)
def _weave_tile(kind: str) -> np.ndarray:
    """Return the fine structure [TILE, TILE] of a cloth, deviation about 1."""
    rng = np.random.default_rng(31)
    fine = rng.standard_normal((TILE, TILE), dtype=np.float32)
    y, x = np.mgrid[:TILE, :TILE].astype(np.float32)
    turn = 2 * math.pi / TILE
    if kind == "melange":
        tile = tile_noise(rng, TILE, (64, 32)) + 0.7 * fine
    elif kind == "knit":
        tile = np.sin(turn * 32 * x) + 0.6 * np.sin(turn * 32 * (y + np.abs(x % 4 - 2))) + 0.3 * fine
    elif kind == "rib":
        tile = np.sin(turn * 16 * x) + 0.2 * fine
    elif kind == "denim":
        tile = np.sin(turn * 32 * (x + y)) * 0.5 + fine * 0.6 + 1.2 * tile_noise(rng, TILE, (4, 4))
    else:
        tile = tile_noise(rng, TILE, (32, 16)) + 0.4 * fine
    return ((tile - tile.mean()) / tile.std()).astype(np.float32)


def _random_weave(rng: np.random.Generator) -> Weave:
    kind = str(rng.choice(["melange", "knit", "rib", "denim", "brushed"], p=[0.3, 0.2, 0.15, 0.15, 0.2]))
    texel = float(rng.uniform(0.0015, 0.003)) * (1.5 if kind in ("knit", "rib") else 1.0)
    tint = np.full(3, 0.25, np.float32)
    return Weave(_weave_tile(kind), texel, float(rng.uniform(0.04, 0.13)), tint)


def _chest_colours(pattern: Pattern) -> list[np.ndarray]:
    """Return the darkest, the lightest and the mean colour [3] where a print would go."""
    u, v = np.meshgrid(np.linspace(-0.1, 0.1, 6), np.linspace(0.3, 0.5, 6))
    found = pattern.colours(np.stack([u.ravel(), v.ravel()], 1).astype(np.float32), PIXEL)
    lightness = found.sum(1)
    return [found[lightness.argmin()], found[lightness.argmax()], found.mean(0)]


# ---- one maker a kind


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(math.exp(rng.uniform(math.log(low), math.log(high))))


def _plain(rng: np.random.Generator) -> Pattern:
    return Plain(garment_colour(rng))


def _direction(rng: np.random.Generator) -> tuple[float, float]:
    """Return across 50 %, down 30 %, or slanted."""
    angle = float(
        rng.choice([math.pi / 2, 0.0, rng.choice([-1, 1]) * rng.uniform(0.5, 1.1)], p=[0.5, 0.3, 0.2])
    )
    return math.cos(angle), math.sin(angle)


def _stripes(rng: np.random.Generator) -> Pattern:
    period = _log_uniform(rng, 0.022, 0.15)
    if rng.random() < 0.65:
        return Bands(
            distinct_colours(rng, 2), (float(rng.uniform(0.2, 0.75)),), _direction(rng), period, rng.random()
        )
    count = int(rng.integers(3, 6))
    shares = rng.uniform(0.4, 1.6, count)
    edges = tuple(np.cumsum(shares / shares.sum())[:-1].tolist())
    return Bands(distinct_colours(rng, count), edges, _direction(rng), max(period, 0.06), rng.random())


def _gingham(rng: np.random.Generator) -> Pattern:
    palette = distinct_colours(rng, 2)
    period = _log_uniform(rng, 0.022, 0.11)
    edge = float(rng.choice([0.5, 0.5, rng.uniform(0.75, 0.9)]))
    warp = Bands(palette, (edge,), (1.0, 0.0), period)
    return Woven(warp, Bands(palette, (edge,), (0.0, 1.0), period))


def _tartan(rng: np.random.Generator) -> Pattern:
    palette = distinct_colours(rng, int(rng.integers(3, 5)))
    order = rng.integers(0, len(palette), 7)
    order[:3] = (0, 1, 0)
    edges = tuple(np.sort(rng.uniform(0.05, 0.95, 6)).tolist())
    period = _log_uniform(rng, 0.09, 0.22)
    warp = Bands(palette[order], edges, (1.0, 0.0), period)
    return Woven(warp, Bands(palette[order], edges, (0.0, 1.0), period))


def _checkerboard(rng: np.random.Generator) -> Pattern:
    return Checkerboard(distinct_colours(rng, 2), _log_uniform(rng, 0.015, 0.06))


def _dots(rng: np.random.Generator) -> Pattern:
    step = _log_uniform(rng, 0.025, 0.09)
    return Dots(distinct_colours(rng, 2), step, step * float(rng.uniform(0.2, 0.4)))


def _gradient(rng: np.random.Generator) -> Pattern:
    direction = (0.0, 1.0) if rng.random() < 0.8 else (1.0, 0.0)
    radial = rng.random() < 0.15
    middle = 0.2 if radial else (0.0 if direction[0] else float(rng.uniform(0.15, 0.4)))
    return Gradient(distinct_colours(rng, 2), direction, middle, float(rng.uniform(0.15, 0.5)), radial)


def _blocks(rng: np.random.Generator) -> Pattern:
    """Two or three broad bands across, halves left and right, or a slanted cut."""
    draw = rng.random()
    if draw < 0.65:
        edges = [0.5] if rng.random() < 0.6 else [0.42, float(rng.uniform(0.5, 0.62))]
        palette = distinct_colours(rng, len(edges) + 1)
        return Bands(palette, tuple(edges), (0.0, 1.0), 1.0, float(rng.uniform(0.1, 0.22)), repeat=False)
    angle = 0.0 if draw < 0.85 else float(rng.uniform(0.5, 1.0))
    direction = (math.cos(angle), math.sin(angle))
    start = 0.5 - 0.35 * direction[1]
    return Bands(distinct_colours(rng, 2), (0.5,), direction, 1.0, start, repeat=False)


def _sleeves(rng: np.random.Generator) -> Pattern:
    return Sleeves(distinct_colours(rng, 2), float(rng.uniform(0.14, 0.2)))


def _offset(rng: np.random.Generator) -> tuple[float, float]:
    return float(rng.uniform(0, 1)), float(rng.uniform(0, 1))


def _camouflage(rng: np.random.Generator) -> Pattern:
    """Blobs of two or three more colours over a ground, round or drawn out."""
    palette = distinct_colours(rng, int(rng.integers(2, 5)))
    cells = ((8, 8), (16, 8), (8, 16))[rng.integers(3)]
    tile = np.tile(palette[0], (TILE, TILE, 1))
    for colour in palette[1:]:
        blob = tile_noise(rng, TILE, cells) + 0.5 * tile_noise(rng, TILE, (16, 16))
        share = np.clip((blob - rng.uniform(0.2, 0.6)) * 4 + 0.5, 0, 1)[..., None]
        tile = tile + (colour - tile) * share
    return Printed(tile.astype(np.float32), float(rng.uniform(0.25, 0.5)), _offset(rng))


def _floral(rng: np.random.Generator) -> Pattern:
    """Flowers and leaves strewn over a ground; drawn on a torus so that the tile repeats."""
    palette = distinct_colours(rng, 2)
    inks = [palette[1], contrasting(rng, palette[:1]), contrasting(rng, palette[:1])]
    tile = np.tile((palette[0] * 255).astype(np.uint8), (TILE, TILE, 1))
    for _ in range(rng.integers(10, 26)):
        _flower(rng, tile, inks)
    return Printed(tile.astype(np.float32) / 255, float(rng.uniform(0.2, 0.38)), _offset(rng))


def _flower(rng: np.random.Generator, tile: np.ndarray, inks: list[np.ndarray]) -> None:
    """Draw one flower, or two leaves, into uint8 `tile`, wrapped over its borders."""
    x, y = rng.uniform(0, TILE, 2)
    radius, turn = rng.uniform(5, 12), rng.uniform(0, 2 * math.pi)
    petals = int(rng.choice([2, 5, 6]))
    ink = inks[rng.integers(len(inks))]
    for row in (-TILE, 0, TILE):
        for column in (-TILE, 0, TILE):
            if not (-24 < x + column < TILE + 24 and -24 < y + row < TILE + 24):
                continue
            for petal in range(petals):
                angle = turn + 2 * math.pi * petal / petals
                centre = (x + column + radius * math.cos(angle), y + row + radius * math.sin(angle))
                _ellipse(tile, centre, (radius * 0.9, radius * 0.5), angle, ink)
            if petals > 2:
                _ellipse(tile, (x + column, y + row), (radius * 0.45, radius * 0.45), 0, inks[0] * 0.5)


def _ellipse(
    tile: np.ndarray, centre: tuple[float, float], axes: tuple[float, float], angle: float, ink: np.ndarray
) -> None:
    """Fill an ellipse with a smooth border; positions carry four binary places."""
    where = (round(centre[0] * 16), round(centre[1] * 16))
    size = (round(axes[0] * 16), round(axes[1] * 16))
    colour = [int(value * 255) for value in ink]
    cv2.ellipse(tile, where, size, math.degrees(angle), 0, 360, colour, -1, cv2.LINE_AA, 4)


MAKERS: dict[str, tuple[float, Callable[[np.random.Generator], Pattern]]] = {
    "plain": (0.34, _plain),
    "stripes": (0.19, _stripes),
    "gingham": (0.06, _gingham),
    "tartan": (0.05, _tartan),
    "checkerboard": (0.03, _checkerboard),
    "dots": (0.06, _dots),
    "camouflage": (0.06, _camouflage),
    "floral": (0.06, _floral),
    "gradient": (0.05, _gradient),
    "blocks": (0.06, _blocks),
    "sleeves": (0.04, _sleeves),
}
