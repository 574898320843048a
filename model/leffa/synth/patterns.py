"""Colour patterns over a flat garment: bands, checks, dots, pictures, gradients.

A pattern knows the flat's metric frame (metres; u across, v up; the middle of the chest at about
(0, 0.42)) and softens its edges over one picture element, `pixel` metres wide.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from leffa.synth.noise import sample_tile

RAMP = 512  # entries of a one-dimensional colour table


class Pattern(Protocol):
    """A colour for every point of the flat."""

    def colours(self, uv: np.ndarray, pixel: float) -> np.ndarray:
        """Return float32 [N, 3] in 0..1 for points uv [N, 2] in metres."""
        ...


@dataclass(frozen=True)
class Plain:
    """One colour everywhere."""

    colour: np.ndarray

    def colours(self, uv: np.ndarray, pixel: float) -> np.ndarray:
        """Return the colour, repeated [N, 3]."""
        return np.tile(self.colour, (len(uv), 1))


@dataclass(frozen=True)
class Bands:
    """Parallel bands of colour: stripes when they repeat, blocks when they do not.

    direction: unit vector across the bands; period: metres; edges: where each band ends, 0..1 of
    the period, one less than there are colours; colour table [K, 3].
    """

    palette: np.ndarray
    edges: tuple[float, ...]
    direction: tuple[float, float]
    period: float
    start: float = 0.0
    repeat: bool = True

    def colours(self, uv: np.ndarray, pixel: float) -> np.ndarray:
        """Return the band colours [N, 3]."""
        place = (uv[:, 0] * self.direction[0] + uv[:, 1] * self.direction[1]) / self.period + self.start
        return _ramp(self.palette, self.edges, pixel / self.period, self.repeat).take(self._index(place), 0)

    def _index(self, place: np.ndarray) -> np.ndarray:
        index = np.floor(place * RAMP).astype(np.int32)
        return index & (RAMP - 1) if self.repeat else np.clip(index, 0, RAMP - 1)


@dataclass(frozen=True)
class Woven:
    """Two sets of bands through each other: gingham, windowpane and tartan."""

    warp: Bands
    weft: Bands

    def colours(self, uv: np.ndarray, pixel: float) -> np.ndarray:
        """Return the mean of both thread colours [N, 3]."""
        return 0.5 * (self.warp.colours(uv, pixel) + self.weft.colours(uv, pixel))


@dataclass(frozen=True)
class Checkerboard:
    """Squares of two colours [2, 3]; size of a square in metres."""

    palette: np.ndarray
    size: float

    def colours(self, uv: np.ndarray, pixel: float) -> np.ndarray:
        """Return the square colours [N, 3]."""
        wave = _square_wave(uv / np.float32(2 * self.size), pixel / (2 * self.size))
        odd = wave[:, :1] + wave[:, 1:] - 2 * wave[:, :1] * wave[:, 1:]
        return self.palette[0] + (self.palette[1] - self.palette[0]) * odd


@dataclass(frozen=True)
class Dots:
    """Discs in rows, every other row moved by half a step; radius and step in metres."""

    palette: np.ndarray
    step: float
    radius: float

    def colours(self, uv: np.ndarray, pixel: float) -> np.ndarray:
        """Return disc or ground colour [N, 3]."""
        v = uv[:, 1] / np.float32(self.step)
        row = np.floor(v)
        u = uv[:, 0] / np.float32(self.step) + 0.5 * (row % 2)
        distance = np.hypot(u - np.floor(u) - 0.5, v - row - 0.5) * np.float32(self.step)
        inside = np.clip((self.radius - distance) / pixel + 0.5, 0, 1)[:, None]
        return self.palette[0] + (self.palette[1] - self.palette[0]) * inside


@dataclass(frozen=True)
class Printed:
    """A picture that repeats over the cloth: tile [S, S, 3], size in metres, offset in metres."""

    tile: np.ndarray
    size: float
    offset: tuple[float, float]

    def colours(self, uv: np.ndarray, pixel: float) -> np.ndarray:
        """Return the picture's colours [N, 3]."""
        texels = (uv + np.array(self.offset, np.float32)) * np.float32(len(self.tile) / self.size)
        return sample_tile(self.tile, texels[:, 0], -texels[:, 1])


@dataclass(frozen=True)
class Gradient:
    """A soft run from one colour to another, along a direction or out from the chest."""

    palette: np.ndarray
    direction: tuple[float, float]
    middle: float
    length: float
    radial: bool

    def colours(self, uv: np.ndarray, pixel: float) -> np.ndarray:
        """Return the mixed colours [N, 3]."""
        if self.radial:
            place = np.hypot(uv[:, 0], uv[:, 1] - 0.35)
        else:
            place = uv[:, 0] * self.direction[0] + uv[:, 1] * self.direction[1]
        share = np.clip((place - self.middle) / self.length + 0.5, 0, 1)
        share = (share * share * (3 - 2 * share)).astype(np.float32)[:, None]
        return self.palette[0] + (self.palette[1] - self.palette[0]) * share


@dataclass(frozen=True)
class Sleeves:
    """Raglan look: body and sleeves differ; edge is how far from the middle the body reaches, metres."""

    palette: np.ndarray
    edge: float

    def colours(self, uv: np.ndarray, pixel: float) -> np.ndarray:
        """Return body or sleeve colour [N, 3]."""
        limit = self.edge + 0.45 * np.clip(0.45 - uv[:, 1], -0.2, 1)
        outside = np.clip((np.abs(uv[:, 0]) - limit) / pixel + 0.5, 0, 1)[:, None]
        return self.palette[0] + (self.palette[1] - self.palette[0]) * outside


def _square_wave(phase: np.ndarray, softness: float) -> np.ndarray:
    """Return 0 in the first and 1 in the second half of every unit of `phase`, with soft edges."""
    triangle = np.abs(phase - np.floor(phase) - 0.5) * 2  # 1 .. 0 .. 1
    return np.clip((0.5 - triangle) / (2 * softness) + 0.5, 0, 1).astype(np.float32)


def _ramp(palette: np.ndarray, edges: tuple[float, ...], softness: float, repeat: bool) -> np.ndarray:
    """Return a table [RAMP, 3] of one period; each edge is `softness` of a period wide."""
    place = (np.arange(RAMP, dtype=np.float32)[:, None] + 0.5) / RAMP
    table = np.tile(palette[-1] if repeat else palette[0], (RAMP, 1)).astype(np.float32)
    steps = [(edge, palette[k + 1] - palette[k]) for k, edge in enumerate(edges)]
    if repeat:  # the seam between the last and the first band has two halves
        steps += [(0.0, palette[0] - palette[-1]), (1.0, palette[0] - palette[-1])]
    for edge, step in steps:
        table += np.clip((place - edge) / max(softness, 1e-4) + 0.5, 0, 1) * step
    return table
