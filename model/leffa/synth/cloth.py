"""Garments as layers of the picture: cloth, its trimmings, and where it lies in the flat picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leffa.synth.bodies import PosedBody, load_assets
from leffa.synth.drape import drape
from leffa.synth.garments import Details, Garment, Piece
from leffa.synth.labels import LIP_COAT, LIP_OF_ATR
from leffa.synth.render import Fragments, Layer, Paint
from leffa.synth.textures import fold_bump

BELT = 8


@dataclass(frozen=True)
class Cloth:
    """What is interpolated at every fragment of a garment, each [N] or [N, 2]."""

    uv: np.ndarray
    x: np.ndarray  # rest position on the mean body
    z: np.ndarray
    neck: np.ndarray  # distances from the edges, metres
    hem: np.ndarray
    cuff: np.ndarray
    front: np.ndarray


def cloth_at(fragments: Fragments, piece: Piece) -> Cloth:
    """Interpolate a piece's fields at fragments drawn with its panel vertices."""
    panels = load_assets().panels[piece.shell]
    values = fragments.value(
        np.column_stack([panels.uv, panels.canon[:, [0, 2]], piece.neck, piece.hem, piece.cuff])
    )
    x, z, neck, hem, cuff = values[:, 2:].T
    return Cloth(values[:, :2], x, z, neck, hem, cuff, fragments.at_first_corner(panels.front))


def cloth_colours(garment: Garment, cloth: Cloth, pixel: float) -> np.ndarray:
    """Colours [N, 3] of cloth with its trimmings; `pixel`: metres under one picture element."""
    colours = garment.texture.colours(np.ascontiguousarray(cloth.uv), cloth.front, pixel)
    details = garment.details
    colours = _ribbing(colours, details, cloth)
    if details.collar > 0:
        colours = _collar(colours, details, cloth, pixel)
    if details.buttons > 0:
        colours = _buttons(colours, garment, cloth, pixel)
    if details.zip:
        colours = _zip(colours, garment, cloth, pixel)
    if details.pocket != "none":
        colours = _pockets(colours, details.pocket, garment, cloth, pixel)
    return np.clip(colours, 0, 1)


def _line(distance: np.ndarray, width: float, pixel: float) -> np.ndarray:
    """Soft mask [N] of a line: 1 on it, 0 off it."""
    return np.clip((width / 2 - np.abs(distance)) / pixel + 0.75, 0, 1)


def _tinted(colours: np.ndarray, other: np.ndarray, share: np.ndarray) -> np.ndarray:
    return colours + (other - colours) * share[:, None].astype(np.float32)


def _ribbing(colours: np.ndarray, details: Details, cloth: Cloth) -> np.ndarray:
    if details.rib <= 0:
        return colours
    edge = np.minimum(np.minimum(cloth.neck, cloth.hem), cloth.cuff)
    inside = edge < details.rib
    if details.trim is not None:
        colours = np.where(inside[:, None], details.trim, colours)
    seam = _line(edge - details.rib, 0.002, 0.004)
    return colours * (1 - 0.06 * inside - 0.18 * seam)[:, None]


def _collar(colours: np.ndarray, details: Details, cloth: Cloth, pixel: float) -> np.ndarray:
    flap = np.where(
        cloth.front,
        details.collar * (0.75 + 0.5 * np.clip((0.66 - cloth.z) / 0.06, 0, 1)),
        details.collar * 0.8,
    )
    inside = cloth.neck < flap
    if details.trim is not None:
        colours = np.where(inside[:, None], details.trim, colours)
    edge = _line(cloth.neck - flap, 0.003, pixel)
    shadow = np.clip(1 - (cloth.neck - flap) / 0.012, 0, 1) * ~inside
    return colours * (1 + 0.05 * inside - 0.28 * edge - 0.18 * shadow)[:, None]


def _buttons(colours: np.ndarray, garment: Garment, cloth: Cloth, pixel: float) -> np.ndarray:
    details = garment.details
    across = np.where(garment.open_front, cloth.x - 0.012 - (garment.gap or (0, 0))[0], cloth.x)
    strip = cloth.front & (cloth.z > details.placket_end)
    edges = _line(np.abs(across) - 0.016, 0.002, pixel) * strip
    colours = colours * (1 - 0.2 * edges)[:, None]
    step = (cloth.z - 0.03) % details.buttons - details.buttons / 2
    disc = np.clip((0.0065 - np.hypot(across, step)) / pixel + 0.6, 0, 1) * strip
    return _tinted(colours, details.button, disc)


def _zip(colours: np.ndarray, garment: Garment, cloth: Cloth, pixel: float) -> np.ndarray:
    reach = cloth.z > garment.waist - 0.13 if garment.kind == "trousers" else cloth.z > -1
    line = _line(cloth.x - 0.003, 0.003, pixel) * (cloth.front & reach)
    return colours * (1 - 0.35 * line)[:, None]


def _pockets(colours: np.ndarray, kind: str, garment: Garment, cloth: Cloth, pixel: float) -> np.ndarray:
    x, z = cloth.x, cloth.z
    if kind == "chest":
        box = np.maximum(np.abs(x - 0.085) - 0.035, np.abs(z - 0.46) - 0.042)
    elif kind == "kangaroo":
        box = np.maximum(np.abs(x) - 0.13 + 0.6 * np.maximum(0, z - 0.2), np.abs(z - 0.235) - 0.06)
    elif garment.kind == "trousers":
        box = np.where(
            np.abs(z - garment.waist + 0.09) < 0.06, np.abs(x) - 0.115 + (z - garment.waist) * 0.35, 1.0
        )
    else:
        box = np.where(np.abs(z - 0.27) < 0.055, np.abs(x) - 0.09 - (z - 0.27) * 0.3, 1.0)
    return colours * (1 - 0.3 * _line(box, 0.003, pixel) * cloth.front)[:, None]


def garment_layer(
    garment: Garment,
    piece: Piece,
    body: PosedBody,
    lift: float,
    bias: float,
    folds: tuple[int, float],
    pixel: float,
) -> Layer:
    """One piece of a garment on a body.

    `lift`: metres added for what is worn beneath; `folds`: seed and strength; `pixel`: metres per pixel.
    """
    panels = load_assets().panels[piece.shell]
    vertices, normals = drape(garment, piece.shell, body, lift)

    def paint(fragments: Fragments) -> Paint:
        cloth = cloth_at(fragments, piece)
        lean = fold_bump(folds[0] + garment.label, cloth.uv, folds[1])
        lip = LIP_COAT if garment.open_front else LIP_OF_ATR[garment.label]
        return Paint(cloth_colours(garment, cloth, pixel), garment.label, lip, lean)

    return Layer(garment.kind, vertices, normals, panels.faces, paint, piece.keep, bias, True)


def belt_layer(colour: np.ndarray, waist: float, body: PosedBody, garment: Garment, lift: float) -> Layer:
    """A belt with a buckle round the waistband of trousers or a dress."""
    panels = load_assets().panels["suit"]
    vertices, normals = drape(garment, "suit", body, lift)
    x, z = panels.canon[:, 0], panels.canon[:, 2]
    keep = np.column_stack([waist - z, z - waist + 0.032, 0.35 - panels.arm_weight]).astype(np.float32)

    def paint(fragments: Fragments) -> Paint:
        place = fragments.value(np.column_stack([x, z]))
        buckle = (np.abs(place[:, 0]) < 0.022) & fragments.at_first_corner(panels.front)
        metal = np.array([0.75, 0.68, 0.5], np.float32)
        return Paint(
            np.where(buckle[:, None], metal, colour).astype(np.float32), BELT, LIP_OF_ATR[BELT], gloss=0.1
        )

    return Layer("belt", vertices, normals, panels.faces, paint, keep, 0.02, True)
