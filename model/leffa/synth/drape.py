"""Draping: garment shells laid over a posed body, and which skin they hide."""

from __future__ import annotations

import numpy as np

from leffa.synth import kernels
from leffa.synth.bodies import PosedBody, load_assets
from leffa.synth.garments import NO_CUT, Garment, Piece, column_min


def flared_rest(garment: Garment | None, rest: np.ndarray) -> np.ndarray:
    """Rest vertices [V, 3] with the skirt shell widened downwards by the garment's flare."""
    if garment is None:
        return rest
    span = load_assets().span["skirt"]
    skirt = rest[span].copy()
    top = skirt[:, 2].max()
    grow = 1 + garment.flare * np.maximum(0, top - 0.06 - skirt[:, 2])
    middle = np.array([0, skirt[:, 1].mean()], np.float32)
    skirt[:, :2] = (skirt[:, :2] - middle) * grow[:, None] + middle
    result = rest.copy()
    result[span] = skirt
    return result


def drape(garment: Garment, shell: str, body: PosedBody, layer: float) -> tuple[np.ndarray, np.ndarray]:
    """Posed panel vertices and normals, each [U, 3]; `layer`: metres added for what is worn beneath."""
    assets = load_assets()
    panels = assets.panels[shell]
    posed = body.vertices[assets.span[shell]]
    steps = garment.relax if shell == "suit" else 2
    posed = kernels.relax(posed, panels.links, steps, np.float32(0.6))
    normals = kernels.vertex_normals(posed, panels.shell_faces)
    posed = posed + normals * (_offset(garment, shell) + layer)[:, None]
    normals = kernels.vertex_normals(posed, panels.shell_faces)
    return posed[panels.weld], normals[panels.weld]


def _offset(garment: Garment, shell: str) -> np.ndarray:
    """Distance [V] of the cloth from the body."""
    assets = load_assets()
    panels, z = assets.panels[shell], assets.mean[assets.span[shell], 2]
    if shell == "skirt":
        return np.full(len(z), 0.004 + garment.ease * 0.5, np.float32)
    arm, weight = np.zeros(len(z), np.float32), np.zeros(len(z), np.float32)
    arm[panels.weld], weight[panels.weld] = panels.arm, panels.arm_weight
    if garment.kind == "trousers":
        return (garment.ease + garment.limb_ease * np.clip((0.1 - z) / 0.8, 0, 1)).astype(np.float32)
    trunk = garment.hang * np.clip((0.5 - z) / 0.35, 0, 1)
    sleeve = garment.limb_ease * np.clip(arm, 0, 1)
    return (garment.ease + trunk * (1 - weight) + sleeve * weight).astype(np.float32)


def coverage(piece: Piece) -> np.ndarray:
    """How far inside the garment each shell vertex lies, [V] metres; negative where it is bare."""
    assets = load_assets()
    panels = assets.panels[piece.shell]
    span = assets.span[piece.shell]
    result = np.full(span.stop - span.start, NO_CUT, np.float32)
    least = column_min(piece.keep)
    front = panels.front
    result[panels.weld[front]] = least[front]
    result[panels.weld[~front]] = np.minimum(result[panels.weld[~front]], least[~front])
    return result
