"""Compiled inner loops (numba): skinning, smoothing, normals, rasterising, sampling, occlusion.

The only module of the package that imports numba, which is a training-time dependency.
"""

from __future__ import annotations

import math

import numba
import numpy as np

FAR = np.float32(1e9)


@numba.njit(cache=True, fastmath=True)
def skin(
    rest: np.ndarray, rotations: np.ndarray, translations: np.ndarray, bones: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Linear blend skinning: rest [V, 3], bones and weights [V, 4] -> [V, 3]."""
    out = np.empty_like(rest)
    for i in range(rest.shape[0]):
        x, y, z = rest[i, 0], rest[i, 1], rest[i, 2]
        a = b = c = np.float32(0)
        for k in range(bones.shape[1]):
            w = weights[i, k]
            if w == 0:
                continue
            r, t = rotations[bones[i, k]], translations[bones[i, k]]
            a += w * (r[0, 0] * x + r[0, 1] * y + r[0, 2] * z + t[0])
            b += w * (r[1, 0] * x + r[1, 1] * y + r[1, 2] * z + t[1])
            c += w * (r[2, 0] * x + r[2, 1] * y + r[2, 2] * z + t[2])
        out[i, 0], out[i, 1], out[i, 2] = a, b, c
    return out


@numba.njit(cache=True, fastmath=True)
def relax(vertices: np.ndarray, links: np.ndarray, steps: int, rate: np.float32) -> np.ndarray:
    """Laplacian smoothing of [V, 3] over a neighbour table [V, M] padded with the vertex itself."""
    now = vertices.copy()
    after = np.empty_like(now)
    for _ in range(steps):
        for i in range(now.shape[0]):
            x = y = z = np.float32(0)
            n = 0
            for k in range(links.shape[1]):
                j = links[i, k]
                if j == i:
                    break
                x += now[j, 0]
                y += now[j, 1]
                z += now[j, 2]
                n += 1
            s = rate / max(n, 1)
            for c, total in ((0, x), (1, y), (2, z)):
                after[i, c] = now[i, c] if n == 0 else now[i, c] * (1 - rate) + s * total
        now, after = after, now
    return now


@numba.njit(cache=True, fastmath=True)
def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals [V, 3]."""
    out = np.zeros_like(vertices)
    for t in range(faces.shape[0]):
        a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
        p, q, r = vertices[a], vertices[b], vertices[c]
        ux, uy, uz = q[0] - p[0], q[1] - p[1], q[2] - p[2]
        wx, wy, wz = r[0] - p[0], r[1] - p[1], r[2] - p[2]
        nx, ny, nz = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
        for corner in (a, b, c):
            out[corner, 0] += nx
            out[corner, 1] += ny
            out[corner, 2] += nz
    for i in range(out.shape[0]):
        length = math.sqrt(out[i, 0] ** 2 + out[i, 1] ** 2 + out[i, 2] ** 2) + 1e-12
        for k in range(3):
            out[i, k] /= length
    return out


@numba.njit(cache=True, fastmath=True)
def rasterise(
    points: np.ndarray,
    faces: np.ndarray,
    keep: np.ndarray,
    bias: float,
    layer: int,
    depth: np.ndarray,
    layers: np.ndarray,
    face_index: np.ndarray,
    corners: np.ndarray,
) -> None:
    """Draw triangles into the buffers, in place.

    points [V, 3]: pixel x, pixel y, depth; keep [V, K]: a fragment is drawn where all K interpolated scalars
    are positive; bias is subtracted from the depth. Buffers: depth, layers (uint8), face_index (int32) [H, W]
    and corners [H, W, 3], the barycentric weights.
    """
    height, width = depth.shape
    count = keep.shape[1]
    for t in range(faces.shape[0]):
        a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
        hidden = False
        for k in range(count):
            if keep[a, k] < 0 and keep[b, k] < 0 and keep[c, k] < 0:
                hidden = True
        if hidden:
            continue
        x0, y0 = points[a, 0], points[a, 1]
        x1, y1 = points[b, 0], points[b, 1]
        x2, y2 = points[c, 0], points[c, 1]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-9:
            continue
        left = max(int(math.ceil(min(x0, x1, x2) - 0.5)), 0)
        right = min(int(math.floor(max(x0, x1, x2) - 0.5)), width - 1)
        top = max(int(math.ceil(min(y0, y1, y2) - 0.5)), 0)
        bottom = min(int(math.floor(max(y0, y1, y2) - 0.5)), height - 1)
        inverse = 1 / area
        for y in range(top, bottom + 1):
            py = y + 0.5
            for x in range(left, right + 1):
                px = x + 0.5
                w1 = ((px - x0) * (y2 - y0) - (x2 - x0) * (py - y0)) * inverse
                w2 = ((x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)) * inverse
                w0 = 1 - w1 - w2
                if w0 < 0 or w1 < 0 or w2 < 0:
                    continue
                z = w0 * points[a, 2] + w1 * points[b, 2] + w2 * points[c, 2] - bias
                if z >= depth[y, x]:
                    continue
                drawn = True
                for k in range(count):
                    if w0 * keep[a, k] + w1 * keep[b, k] + w2 * keep[c, k] < 0:
                        drawn = False
                if drawn:
                    depth[y, x], layers[y, x], face_index[y, x] = z, layer, t
                    corners[y, x, 0], corners[y, x, 1], corners[y, x, 2] = w0, w1, w2


@numba.njit(cache=True, fastmath=True)
def interpolate(
    pixels: np.ndarray, face_index: np.ndarray, corners: np.ndarray, faces: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """Vertex values [V, C] at flat pixel numbers [N] of the buffers -> [N, C] float32."""
    channels = values.shape[1]
    out = np.empty((pixels.shape[0], channels), np.float32)
    for n in range(pixels.shape[0]):
        p = pixels[n]
        t = face_index[p]
        a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
        for k in range(channels):
            out[n, k] = (
                corners[p, 0] * values[a, k] + corners[p, 1] * values[b, k] + corners[p, 2] * values[c, k]
            )
    return out


@numba.njit(cache=True, fastmath=True)
def occlusion(
    depth: np.ndarray,
    step_x: np.ndarray,
    step_y: np.ndarray,
    reach: float,
    steps: int,
    light_x: float,
    light_y: float,
    light_z: float,
    pixels_per_metre: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Light that reaches each drawn pixel, [H, W] x 2 in 0..1: from the surroundings and from the lamp.

    Surroundings: `step_x`, `step_y` [M] pixel offsets; a neighbour nearer to the camera by up to `reach`
    metres takes light away. Lamp: `steps` screen-space steps towards it (x right, y down, z to the camera).
    """
    height, width = depth.shape
    ambient = np.ones((height, width), np.float32)
    lamp = np.ones((height, width), np.float32)
    for y in range(height):
        for x in range(width):
            z = depth[y, x]
            if z > 1e8:
                continue
            total = 0.0
            for m in range(step_x.shape[0]):
                v, u = y + step_y[m], x + step_x[m]
                if 0 <= v < height and 0 <= u < width:
                    nearer = z - depth[v, u] - 0.004
                    if nearer > 0:
                        total += min(nearer / reach, 1.0) * max(0.0, 1.0 - nearer / 0.5)
            ambient[y, x] = 1 - total / step_x.shape[0]
            shade = 0.0
            for s in range(1, steps + 1):
                distance = 0.012 * s
                u = int(x + light_x * distance * pixels_per_metre)
                v = int(y + light_y * distance * pixels_per_metre)
                if not (0 <= v < height and 0 <= u < width):
                    break
                nearer = (z - light_z * distance) - depth[v, u]
                if 0.012 < nearer < 0.12:
                    shade = max(shade, 1.0 - (s - 1.0) / steps)
            lamp[y, x] = 1 - shade
    return ambient, lamp
