"""Layout coordinates: which place of cloth is where, on a person and in a flat picture alike.

Every garment is cut from two shells, a suit and a skirt, whose fronts can be spread out in a plane. Metres in
that plane name a place of cloth whatever body it is worn on and however it lies, so the layout coordinates of
a person and of a flat picture say together where each pixel of the person finds its cloth. On the person they
are those of plain shells, uncut: hardly anything of a garment's own cut shows in them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from leffa.mini.layout import FLAT_CELL as CELL
from leffa.mini.layout import MARGIN
from leffa.synth.bodies import Panels, load_assets, pose_body
from leffa.synth.drape import drape, flared_rest
from leffa.synth.flats import SKIRT_SEAM, FlatCamera, Placement
from leffa.synth.garments import Garment, pieces, random_bottom, random_top
from leffa.synth.labels import block_mean
from leffa.synth.render import Fragments, Frame, Layer, Paint, Projector
from leffa.synth.scene import Scene


def worn_layout(scene: Scene) -> np.ndarray:
    """x, z on the suit and x, z on the skirt over a scene's picture: float32 [H/4, W/4, 4], metres.

    NaN where the front of that shell is not in sight.
    """
    flared = pose_body(flared_rest(_plain_skirt(), scene.rest), scene.joints, scene.pose)
    shells = []
    for garment, shell, body in ((_plain_top(), "suit", scene.body), (_plain_skirt(), "skirt", flared)):
        panels = load_assets().panels[shell]
        vertices, _ = drape(garment, shell, body, 0.0)
        size = scene.camera.height, scene.camera.width
        shells.append(_seen(vertices, panels, panels.faces, None, scene.camera, size))
    return np.concatenate(shells, 2)


def flat_layout(
    garment: Garment, placement: Placement, box: tuple[float, float, float, float], height: int, width: int
) -> np.ndarray:
    """x, z and which shell (0 suit, 1 skirt) over what `box` shows of a flat picture, metres.

    `box`: left, top, right, bottom in the flat's pixels; it is seen at height x width pixels. Returns float32
    [height/4 + 16, width/4 + 16, 3], MARGIN cells around the box included; NaN where no shell lies. The
    shells lie there uncut, so the coordinates go on beyond hems and sleeve ends.
    """
    left, top, right, bottom = box
    scale = np.array([width / (right - left), height / (bottom - top)])
    size = height + 2 * MARGIN * CELL, width + 2 * MARGIN * CELL
    result = np.full((size[0] // CELL, size[1] // CELL, 3), np.nan, np.float32)
    cut = pieces(garment)
    for piece in cut:
        panels = load_assets().panels[piece.shell]
        skirt = piece.shell == "skirt"
        place = (placement.positions[piece.shell] - (left, top)) * scale + MARGIN * CELL
        vertices = np.column_stack([place, np.ones(len(place))]).astype(np.float32)
        above = (panels.canon[:, 2:] - SKIRT_SEAM).astype(np.float32)
        keep = None if len(cut) == 1 else -above if skirt else above
        front = panels.faces[panels.front[panels.faces[:, 0]]]
        layout = _seen(vertices, panels, front, keep, FlatCamera(), size)
        there = ~np.isnan(layout[..., 0])
        result[there, :2], result[there, 2] = layout[there], skirt
    return result


@cache
def _plain_top() -> Garment:
    top = random_top(np.random.default_rng(0), "tshirt")
    return replace(top, ease=0.012, hang=0.01, limb_ease=0.01, relax=6)


@cache
def _plain_skirt() -> Garment:
    return replace(random_bottom(np.random.default_rng(0)), kind="skirt", flare=0.4, ease=0.012)


def _seen(
    vertices: np.ndarray, panels: Panels, faces: np.ndarray, keep: np.ndarray | None, camera: Projector,
    size: tuple[int, int],
) -> np.ndarray:  # fmt: skip
    """Layout coordinates of the front of a shell where it is in sight: [H/4, W/4, 2]."""
    frame = Frame(*size)
    frame.draw([Layer("shell", vertices, vertices, faces, _unpainted, keep, two_sided=True)], camera)
    fragments = frame.fragments(1)
    front = fragments.at_first_corner(panels.front)
    layout = np.full((*size, 2), np.nan, np.float32)
    layout.reshape(-1, 2)[fragments.pixels[front]] = fragments.value(panels.layout)[front]
    return block_mean(layout, CELL)


def _unpainted(fragments: Fragments) -> Paint:
    raise AssertionError("of a frame without paint only positions are read")
