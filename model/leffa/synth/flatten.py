"""Flatten a garment panel: as-rigid-as-possible parametrisation, so that lengths on it stay metric."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

STEPS = 60


def flatten(
    points: np.ndarray,
    faces: np.ndarray,
    pinned: np.ndarray | None = None,
    targets: np.ndarray | None = None,
) -> np.ndarray:
    """Positions [V, 2] in the plane (x, z) nearest to an isometry of the surface.

    points [V, 3] metres, faces [F, 3]; `pinned` [P] vertices stay at `targets` [P, 2]. Without pins the
    panel keeps its mean position. Starts from the frontal projection.
    """
    edges = _triangle_plane(points[faces])
    weights = _cotangents(edges)
    laplacian = _laplacian(faces, weights, len(points))
    plane = points[:, [0, 2]].astype(np.float64)
    fixed = np.array([0]) if pinned is None else pinned
    held = plane[fixed] if targets is None else targets
    free = np.setdiff1d(np.arange(len(points)), fixed)
    solver = splu(laplacian[free][:, free].tocsc())
    coupling = laplacian[free][:, fixed] @ held
    plane[fixed] = held
    for _ in range(STEPS):
        right = _rotated_edges(plane, faces, edges, weights)
        plane[free] = solver.solve(right[free] - coupling)
    return plane if pinned is not None else plane - plane.mean(0) + points[:, [0, 2]].mean(0)


def _triangle_plane(corners: np.ndarray) -> np.ndarray:
    """Edge vectors [F, 3, 2] (corner k to k+1) of every triangle laid into a plane without reflection."""
    a, b, c = corners.transpose(1, 0, 2)
    length = np.linalg.norm(b - a, axis=1)
    along = (b - a) / length[:, None]
    x = ((c - a) * along).sum(1)
    height = np.linalg.norm((c - a) - along * x[:, None], axis=1)
    flat = np.zeros((len(corners), 3, 2))
    flat[:, 1, 0], flat[:, 2, 0] = length, x
    flat[:, 2, 1] = height * np.sign(np.sign(_signed_area(corners[:, :, [0, 2]])).sum() + 0.5)
    return np.roll(flat, -1, axis=1) - flat


def _signed_area(corners: np.ndarray) -> np.ndarray:
    a, b, c = corners.transpose(1, 0, 2)
    return (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]


def _cotangents(edges: np.ndarray) -> np.ndarray:
    """[F, 3]: cotangent of the angle opposite to each edge, kept positive."""
    result = np.zeros(edges.shape[:2])
    for k in range(3):
        u, v = edges[:, (k + 2) % 3], -edges[:, (k + 1) % 3]
        cross = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
        result[:, k] = (u * v).sum(1) / np.maximum(cross, 1e-12)
    return np.clip(result, 0.05, 20)


def _laplacian(faces: np.ndarray, weights: np.ndarray, count: int) -> sparse.csr_matrix:
    i, j, w = faces.ravel(), np.roll(faces, -1, axis=1).ravel(), weights.ravel()
    links = sparse.csr_matrix((np.r_[w, w], (np.r_[i, j], np.r_[j, i])), (count, count))
    return (sparse.diags(np.asarray(links.sum(1)).ravel()) - links).tocsr()


def _rotated_edges(plane: np.ndarray, faces: np.ndarray, edges: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Right-hand side of the global step: every triangle's rest edges turned by its best rotation."""
    now = np.roll(plane[faces], -1, axis=1) - plane[faces]
    cosine = (w * (now * edges).sum(2)).sum(1)
    sine = (w * (edges[..., 0] * now[..., 1] - edges[..., 1] * now[..., 0])).sum(1)
    scale = np.maximum(np.hypot(cosine, sine), 1e-12)
    c, s = (cosine / scale)[:, None], (sine / scale)[:, None]
    turned = np.stack([c * edges[..., 0] - s * edges[..., 1], s * edges[..., 0] + c * edges[..., 1]], -1)
    turned *= w[..., None]
    right = np.zeros_like(plane)
    for k in range(3):
        np.add.at(right, faces[:, k], -turned[:, k])
        np.add.at(right, faces[:, (k + 1) % 3], turned[:, k])
    return right
