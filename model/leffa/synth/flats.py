"""Flat product pictures: a garment laid out on a plain ground, and where its cloth lies in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from leffa.synth.bodies import Panels, load_assets
from leffa.synth.cloth import cloth_at, cloth_colours
from leffa.synth.garments import SKIRT_TOP, Garment, Piece, column_min, pieces
from leffa.synth.labels import block_mean, normalised
from leffa.synth.render import Fragments, Frame, Layer, Paint, downsample
from leffa.synth.snapshots import Snapshot, lay_down
from leffa.synth.textures import fold_bump

SHOULDER = np.array([0.165, 0.60])
SKIRT_SEAM = 0.235  # rest z where a dress's skirt is sewn on
INSIDE_SHADE = 0.66  # how dark the inside of the back panel is


@dataclass(frozen=True)
class Placement:
    """How one garment lies in its picture; positions in pixels of the final picture."""

    positions: dict[str, np.ndarray]  # shell -> [U, 2] pixel x, y
    pixel: float  # metres under one picture element


@dataclass(frozen=True)
class Flat:
    """A product picture with what is needed to look cloth up in it."""

    image: np.ndarray  # [H, W, 3] uint8
    alpha: np.ndarray  # [H, W] uint8 0 or 255
    placement: Placement
    cloth_uv: np.ndarray  # [H, W, 2] float32 texture coordinates of the visible front cloth, NaN elsewhere


@dataclass(frozen=True)
class Style:
    """Look of one product picture."""

    ground: np.ndarray  # [3]
    sleeve_turn: tuple[float, float]  # radians, left and right, positive lowers the sleeve
    drop: float  # radians by which long sleeves hang lower than short ones
    turn: float  # radians, of the whole garment
    fill: float  # share of the picture the garment may take
    offset: tuple[float, float]  # shares of the picture
    folds: float
    shadow: float
    side: float  # -1..1, from where light falls
    snapshot: Snapshot | None = None  # photographed by hand, not in a studio


def random_style(rng: np.random.Generator) -> Style:
    """White and near-white grounds mostly, sometimes grey or coloured."""
    kind = rng.random()
    ground = np.full(3, rng.uniform(0.96, 1.0))
    if kind > 0.62:
        ground = np.full(3, rng.uniform(0.84, 0.96)) + rng.normal(0, 0.008, 3)
    if kind > 0.88:
        ground = np.clip(rng.uniform(0.45, 0.95) + rng.normal(0, 0.1, 3), 0, 1)
    base = rng.normal(0.05, 0.1)
    return Style(
        ground=ground.astype(np.float32),
        sleeve_turn=(float(base + rng.normal(0, 0.02)), float(base + rng.normal(0, 0.02))),
        drop=float(rng.uniform(0.0, 0.42)),
        turn=float(np.radians(rng.normal(0, 1.8))),
        fill=float(rng.uniform(0.78, 0.95)),
        offset=(float(rng.normal(0, 0.012)), float(rng.normal(0, 0.012))),
        folds=float(rng.uniform(0.01, 0.05)),
        shadow=float(rng.choice([0.0, rng.uniform(0.05, 0.3)], p=[0.3, 0.7])),
        side=float(rng.uniform(-1, 1)),
    )


def make_flat(garment: Garment, style: Style, height: int, width: int, supersample: int) -> Flat:
    """Draw the product picture of a garment."""
    cut = pieces(garment)
    placement = _place(garment, cut, style, height, width)
    frame = Frame(height * supersample, width * supersample)
    layers = _flat_layers(garment, cut, placement, style)
    frame.draw(layers, FlatCamera(supersample))
    colours, cloth_uv = _shade(frame, layers, cut)
    if style.snapshot is None:
        image = _on_ground(colours, frame.layer > 0, style, height * supersample)
    else:
        image = lay_down(style.snapshot, colours, frame.layer > 0, cloth_uv, supersample)
    mask = downsample((frame.layer > 0)[..., None].astype(np.float32), supersample)[..., 0] >= 0.5
    small = cv2.GaussianBlur(downsample(image, supersample).astype(np.float32), (0, 0), 0.4 * height / 256)
    picture = (np.clip(small, 0, 1) * 255 + 0.5).astype(np.uint8)
    return Flat(picture, mask.astype(np.uint8) * 255, placement, block_mean(cloth_uv, supersample))


class FlatCamera:
    """Stands in for a camera: vertices are already pixel positions."""

    def __init__(self, scale: int = 1) -> None:
        """`scale`: rendered pixels to a pixel of the picture."""
        self.scale = np.array([scale, scale, 1], np.float32)

    def project(self, points: np.ndarray) -> np.ndarray:
        """[N, 3] pixel x, pixel y and depth, to the same in rendered pixels."""
        return points * self.scale


def _spread(garment: Garment, shell: str, style: Style) -> np.ndarray:
    """Metric positions [U, 2] of panel vertices in the flat: widened by ease, sleeves turned."""
    panels = load_assets().panels[shell]
    plane = panels.layout.astype(np.float64).copy()
    x, z = plane[:, 0], panels.canon[:, 2]
    if shell == "skirt":
        plane[:, 0] *= 1 + garment.flare * np.maximum(0, SKIRT_TOP - 0.05 - z)
        if garment.kind != "skirt":  # sewn to the bodice: as wide as that at the seam
            low, high = _extent_at(_spread(garment, "suit", style), load_assets().panels["suit"], SKIRT_SEAM)
            left, right = _extent_at(plane, panels, SKIRT_SEAM)
            sewn = low + (plane[:, 0] - left) * (high - low) / (right - left)
            share = np.clip((SKIRT_SEAM - z) / 0.22, 0, 1) ** 0.7
            plane[:, 0] = sewn * (1 - share) + plane[:, 0] * share
        return plane
    if garment.kind == "trousers":
        leg = np.sign(x) * np.interp(z, [-0.74, -0.30, 0.10], [0.19, 0.15, 0.115])
        wide = 1 + garment.limb_ease * np.clip((0.1 - z) / 0.8, 0, 1) / 0.08
        below = np.clip((0.08 - z) / 0.1, 0, 1)
        plane[:, 0] = x + (x - leg) * (wide - 1) * below
        return plane
    loose = (garment.ease + garment.hang * np.clip((0.5 - z) / 0.35, 0, 1)) / 0.16
    plane[:, 0] *= 1 + loose * (1 - panels.arm_weight)
    share = np.clip(panels.arm_weight, 0, 1)
    for side, turn in zip((1, -1), style.sleeve_turn, strict=True):
        chosen = (np.sign(x) == side) & (share > 0)
        angle = -side * (turn + style.drop * (garment.sleeve > 1.1)) * share[chosen]
        plane[chosen] = _turned(plane[chosen], SHOULDER * [side, 1], angle)
    return plane


def _extent_at(plane: np.ndarray, panels: Panels, z: float) -> tuple[float, float]:
    """Least and greatest x of the trunk at a rest height."""
    near = (np.abs(panels.canon[:, 2] - z) < 0.02) & (panels.arm_weight < 0.3)
    return float(plane[near, 0].min()), float(plane[near, 0].max())


def _turned(plane: np.ndarray, centre: np.ndarray, angle: np.ndarray | float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    x, y = (plane - centre).T
    return np.stack([c * x - s * y, s * x + c * y], 1) + centre


def _place(garment: Garment, cut: list[Piece], style: Style, height: int, width: int) -> Placement:
    spread = {
        piece.shell: _turned(_spread(garment, piece.shell, style), np.zeros(2), style.turn) for piece in cut
    }
    kept = np.concatenate([spread[piece.shell][column_min(piece.keep) > 0] for piece in cut])
    low, high = kept.min(0), kept.max(0)
    scale = style.fill * min(width / (high[0] - low[0]), height / (high[1] - low[1]))
    middle = (low + high) / 2
    centre = np.array([width * (0.5 + style.offset[0]), height * (0.5 + style.offset[1])])
    positions = {name: centre + (plane - middle) * scale * [1, -1] for name, plane in spread.items()}
    return Placement(positions, 1 / scale)


def _flat_layers(garment: Garment, cut: list[Piece], placement: Placement, style: Style) -> list[Layer]:
    """For every piece the back panel's inside, then the front panel."""
    layers = []
    for order, piece in enumerate(cut):
        panels = load_assets().panels[piece.shell]
        front_face = panels.front[panels.faces[:, 0]]
        for front in (False, True):
            depth = (1.0 if front else 2.0) - 0.1 * order
            place = placement.positions[piece.shell]
            vertices = np.column_stack([place, np.full(len(place), depth)]).astype(np.float32)
            paint = _flat_paint(garment, piece, front, placement.pixel, style)
            faces = panels.faces[front_face == front]
            layers.append(Layer("front" if front else "inside", vertices, vertices, faces, paint, piece.keep))
    return layers


def _flat_paint(
    garment: Garment, piece: Piece, front: bool, pixel: float, style: Style
) -> Callable[[Fragments], Paint]:
    def paint(fragments: Fragments) -> Paint:
        cloth = cloth_at(fragments, piece)
        colours = cloth_colours(garment, cloth, pixel)
        edge = np.minimum(np.minimum(cloth.neck, cloth.hem), cloth.cuff)
        if front:
            gain = 0.97 + fold_bump(garment.fold_seed, cloth.uv, style.folds)
            gain = gain - 0.10 * np.exp(-np.maximum(edge, 0) / 0.004)
        else:
            gain = np.full(len(colours), INSIDE_SHADE, np.float32)
            tag = (
                (np.abs(cloth.x) < 0.016)
                & (cloth.neck < 0.030)
                & (cloth.neck > 0.008)
                & (piece.shell == "suit")
            )
            colours = np.where(tag[:, None], np.float32(0.9), colours)
        return Paint((colours * gain[:, None]).astype(np.float32), 1, 1)

    return paint


def _shade(frame: Frame, layers: list[Layer], cut: list[Piece]) -> tuple[np.ndarray, np.ndarray]:
    colours = np.zeros((*frame.depth.shape, 3), np.float32)
    cloth_uv = np.full((*frame.depth.shape, 2), np.nan, np.float32)
    for number, layer in enumerate(layers, 1):
        fragments = frame.fragments(number)
        if len(fragments.pixels) == 0:
            continue
        colours.reshape(-1, 3)[fragments.pixels] = layer.paint(fragments).colour
        if layer.name == "front":
            uv = load_assets().panels[cut[(number - 1) // 2].shell].uv
            cloth_uv.reshape(-1, 2)[fragments.pixels] = fragments.value(uv)
    return colours, cloth_uv


def _on_ground(colours: np.ndarray, mask: np.ndarray, style: Style, height: int) -> np.ndarray:
    """Round the cloth's borders off, lay it on the ground and let it cast a soft shadow."""
    solid = mask.astype(np.float32)
    soft = cv2.GaussianBlur(solid, (0, 0), 0.011 * height)
    across = np.roll(soft, int(round(0.008 * height * style.side)), 1) - soft
    volume = 0.80 + 0.20 * np.clip(soft * 1.7 - 0.7, 0, 1) - 0.25 * across
    shift = (int(round(0.008 * height)), int(round(0.008 * height * -style.side)))
    shadow = np.roll(cv2.GaussianBlur(solid, (0, 0), 0.016 * height), shift, (0, 1))
    rows = np.linspace(-0.5, 0.5, mask.shape[0], dtype=np.float32)[:, None, None]
    ground = style.ground * (1 - 0.03 * rows) * (1 - style.shadow * shadow)[..., None]
    return np.where(mask[..., None], colours * volume[..., None], ground)


def look_up(flat: Flat, positions: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Whether cloth with texture coordinates uv [N, 2] is what the flat shows at pixel positions [N, 2]."""
    height, width = flat.alpha.shape
    column = np.clip(positions[:, 0].astype(int), 0, width - 1)
    row = np.clip(positions[:, 1].astype(int), 0, height - 1)
    shown = flat.cloth_uv[row, column]
    distance = np.hypot(*(shown - uv).T)
    x, y = positions.T
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    return inside & ~(distance > 0.03)


def flow_into(flat: Flat, positions: np.ndarray) -> np.ndarray:
    """Pixel positions [..., 2] in the flat as grid_sample coordinates."""
    return normalised(positions, *flat.alpha.shape)
