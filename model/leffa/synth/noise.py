"""Smooth random fields: the raw material of cloth folds, prints, walls and foliage."""

import cv2
import numpy as np

MARGIN = 2  # cells added round a tile so that the cubic filter sees its own other side


def smooth_noise(
    rng: np.random.Generator, height: int, width: int, cells: float, octaves: int = 1
) -> np.ndarray:
    """Return float32 [height, width] in 0..1; `cells` is how many bumps fit into the height."""
    field = np.zeros((height, width), np.float32)
    weight, total = 1.0, 0.0
    for octave in range(octaves):
        rows = min(max(2, round(cells * 2**octave)), height)
        columns = min(max(2, round(rows * width / height)), width)
        grid = rng.random((rows, columns), dtype=np.float32)
        field += weight * cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)
        total += weight
        weight *= 0.5
    return field / np.float32(total)


def tile_noise(rng: np.random.Generator, size: int, cells: tuple[int, int]) -> np.ndarray:
    """Return float32 [size, size], mean 0 and deviation 1, that repeats without a seam.

    `cells` is how many random values lie along (height, width); both must divide `size`.
    """
    grid = rng.standard_normal(cells, dtype=np.float32)
    grid = np.pad(grid, MARGIN, mode="wrap")
    steps = (size // cells[0], size // cells[1])
    field = cv2.resize(
        grid, (grid.shape[1] * steps[1], grid.shape[0] * steps[0]), interpolation=cv2.INTER_CUBIC
    )
    field = field[MARGIN * steps[0] :, MARGIN * steps[1] :][:size, :size]
    return np.ascontiguousarray((field - field.mean()) / field.std())


def sample_tile(tile: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Read a repeating tile [S, S] or [S, S, C] at float texel positions x, y [N] (bilinear)."""
    size = tile.shape[0]
    flat = tile.reshape(size * size, -1)
    column, row = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    across, down = (x - column).astype(np.float32)[:, None], (y - row).astype(np.float32)[:, None]
    left, right = column % size, (column + 1) % size
    top, bottom = (row % size) * size, ((row + 1) % size) * size
    upper = flat.take(top + left, 0) * (1 - across) + flat.take(top + right, 0) * across
    lower = flat.take(bottom + left, 0) * (1 - across) + flat.take(bottom + right, 0) * across
    field = upper * (1 - down) + lower * down
    return field if tile.ndim == 3 else field[:, 0]
