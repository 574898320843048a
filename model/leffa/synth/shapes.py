"""Small smooth meshes made of grids: pillows, domes, ribbons, tubes and sheets."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

UP = np.array([0.0, 0.0, 1.0])
Vector = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Mesh:
    """Triangles with one colour a vertex.

    vertices: float32 [V, 3] metres; faces: int32 [F, 3], counter-clockwise seen from outside;
    colours: float32 RGB [V, 3] in 0..1.
    """

    vertices: np.ndarray
    faces: np.ndarray
    colours: np.ndarray


def join(meshes: Sequence[Mesh]) -> Mesh:
    """Return one mesh of several."""
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]], dtype=np.int32)
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]),
        np.concatenate([mesh.colours for mesh in meshes]),
    )


def grid(points: np.ndarray, colours: np.ndarray, closed_rows: bool = False) -> Mesh:
    """Return the surface through points [R, C, 3] whose columns close on themselves.

    Outside is where rows x columns point: rows from top to bottom, columns counter-clockwise seen
    from above. colours broadcasts to [R, C, 3]. With `closed_rows` the last row meets the first.
    """
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    if closed_rows:
        index = np.concatenate([index, index[:1]])
    a, b = index[:-1], np.roll(index[:-1], -1, 1)
    c, d = index[1:], np.roll(index[1:], -1, 1)
    faces = np.concatenate([np.stack([a, c, d], -1).reshape(-1, 3), np.stack([a, d, b], -1).reshape(-1, 3)])
    paint = np.broadcast_to(np.asarray(colours, np.float32), points.shape).reshape(-1, 3)
    return Mesh(points.reshape(-1, 3).astype(np.float32), faces.astype(np.int32), paint.copy())


def pillow(
    centre: Vector,
    half: Vector,
    power: float,
    colours: np.ndarray,
    rows: int = 9,
    columns: int = 20,
    polar: tuple[float, float] = (0.0, np.pi),
) -> Mesh:
    """Return a superellipsoid: power 2 an egg, 4 to 8 a box with round edges.

    half: half sizes along x, y, z; polar: how far it reaches from the top, so (0, pi/2) is a dome;
    colours [3] or, from the top down, [rows, 1, 3].
    """
    theta = np.linspace(*polar, rows)[:, None]
    phi = np.linspace(0, 2 * np.pi, columns, endpoint=False)[None]
    ring = _bulge(np.sin(theta), power)
    x, y = ring * _bulge(np.cos(phi), power), ring * _bulge(np.sin(phi), power)
    z = np.broadcast_to(_bulge(np.cos(theta), power), x.shape)
    return grid(np.stack([x, y, z], -1) * np.asarray(half) + np.asarray(centre), colours)


def ribbon(
    path: np.ndarray,
    outward: np.ndarray,
    width: float,
    thickness: float,
    colours: np.ndarray,
    closed: bool = False,
) -> Mesh:
    """Return a flat band along path [K, 3] that lies on the side away from `outward` [K, 3]."""
    along = np.gradient(path, axis=0)
    if closed:
        along = np.roll(path, -1, 0) - np.roll(path, 1, 0)
    side = _unit(np.cross(outward, along)) * (width / 2)
    lift = _unit(np.cross(along, side)) * thickness
    section = [path + side, path + side * 0.8 + lift, path - side * 0.8 + lift, path - side]
    return _sleeve(np.stack(section, 1), colours, closed)


def tube(
    path: np.ndarray, radius: float | np.ndarray, colours: np.ndarray, sides: int = 7, closed: bool = False
) -> Mesh:
    """Return a round cord along path [K, 3]; a radius [K] that ends in 0 gives round tips."""
    along = np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0)
    along = _unit(along)
    aside = np.array([0.3, 0.9, 0.1]) if abs(along[:, 2]).max() > 0.9 else UP
    first = _unit(np.cross(along, aside))
    second = np.cross(along, first)
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)[None, :, None]
    wide = np.broadcast_to(np.asarray(radius, float), len(path))[:, None, None]
    points = path[:, None] + wide * (np.cos(turn) * first[:, None] + np.sin(turn) * second[:, None])
    return _sleeve(points, colours, closed)


def sheet(points: np.ndarray, thickness: float, colours: np.ndarray) -> Mesh:
    """Return a thin plate [R, C, 3] that faces up, with an under side `thickness` below."""
    below = points[:, ::-1] - np.array([0, 0, thickness])
    paint = np.broadcast_to(np.asarray(colours, np.float32), points.shape)
    return grid(np.concatenate([points, below], 1), np.concatenate([paint, paint[:, ::-1] * 0.7], 1))


def turned(mesh: Mesh, rotation: np.ndarray, centre: Vector = (0.0, 0.0, 0.0)) -> Mesh:
    """Return the mesh turned by a matrix [3, 3] about the origin and then moved to `centre`."""
    vertices = mesh.vertices @ np.asarray(rotation).T + np.asarray(centre)
    return Mesh(vertices.astype(np.float32), mesh.faces, mesh.colours)


def _sleeve(points: np.ndarray, colours: np.ndarray, closed: bool) -> Mesh:
    """Return the skin of cross sections [K, S, 3], with end caps unless it is closed."""
    points = points[:, ::-1]  # sections are given clockwise seen along the path
    paint = np.broadcast_to(np.asarray(colours, np.float32), points.shape)
    if not closed:
        tips = [np.repeat(points[[end]].mean(1, keepdims=True), points.shape[1], 1) for end in (0, -1)]
        points = np.concatenate([tips[0], points, tips[1]])
        paint = np.concatenate([paint[:1], paint, paint[-1:]])
    return grid(points, paint, closed_rows=closed)


def _bulge(value: np.ndarray, power: float) -> np.ndarray:
    """Return |value|^(2/power) with the sign kept."""
    return np.sign(value) * np.abs(value) ** (2 / power)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-12)
