"""Layers of the person without garments: skin, eyes, socks, shoes, hair and accessories."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from leffa.synth import kernels
from leffa.synth.accessories import Accessory
from leffa.synth.bodies import Person, PosedBody, load_assets
from leffa.synth.labels import LIP_OF_ATR, LIP_SOCKS, SKIN_LABEL_OF_PART
from leffa.synth.noise import smooth_noise
from leffa.synth.render import Fragments, Layer, Paint, faces_within

HAIR, LEFT_SHOE, RIGHT_SHOE, BAG, SCARF = 2, 9, 10, 16, 17
HEAD_CENTRE = np.array([0.0, -0.06, 0.87], np.float32)
# cut of the long hair: rest z where it ends
HAIR_ENDS = {"bob": 0.76, "shoulder": 0.66, "long": 0.45}
SCALP_THICKNESS = {"buzz": 0.007, "short": 0.017, "side_part": 0.021, "afro": 0.05}


def skin_layer(person: Person, body: PosedBody, hidden: np.ndarray) -> Layer:
    """The bare body; `hidden` [V_body] bool marks vertices well inside a garment."""
    assets = load_assets()
    vertices = body.vertices[assets.span["body"]]
    faces = assets.faces["body"]
    normals = kernels.vertex_normals(vertices, faces)
    canon = assets.mean[assets.span["body"]]
    if person.shoe is not None:
        hidden = hidden | (canon[:, 2] < person.shoe_height - 0.008)
    shown = np.flatnonzero(~faces_within(faces, hidden))
    parts = assets.part[shown]

    def paint(fragments: Fragments) -> Paint:
        place, part = fragments.value(canon), parts[fragments.face]
        label = SKIN_LABEL_OF_PART[part]
        colour = _skin_colours(person, place, fragments.value(assets.lips[:, None]), part >= 23)
        if person.hair_look != "bald":  # under the hair the head has the hair's colour
            rooted = (
                (part >= 23)
                & (place[:, 2] > _hairline(person, place) + 0.004)
                & (np.abs(place[:, 0]) < 0.074)
            )
            colour = np.where(rooted[:, None], person.hair, colour)
            label = np.where(rooted, HAIR, label).astype(np.uint8)
        return Paint(colour, label, LIP_OF_ATR[label], gloss=0.05)

    return Layer("skin", vertices, normals, faces[shown], paint)


def _skin_colours(person: Person, place: np.ndarray, lips: np.ndarray, head: np.ndarray) -> np.ndarray:
    x, y, z = np.abs(place[:, 0]), place[:, 1], place[:, 2]
    colour = np.repeat(person.skin[None], len(place), 0)
    face = (head & (y < -0.08)).astype(np.float32)
    cheek = 0.12 * face * np.exp(-((x - 0.05) ** 2 + (z - 0.82) ** 2) / 0.02**2)
    colour = _mix(colour, person.skin * np.array([1.0, 0.55, 0.5], np.float32), cheek)
    colour = _mix(colour, person.lips, 0.8 * lips[:, 0] * head)
    across, above = (x - 0.036) / 0.021, z - (0.872 - 0.004 * ((x - 0.036) / 0.02) ** 2)
    brow = 0.75 * face * np.exp(-(across**4) - (above / 0.0045) ** 2)
    return _mix(colour, person.hair * 0.6, brow)


def _mix(colour: np.ndarray, other: np.ndarray, share: np.ndarray) -> np.ndarray:
    return (colour + (other - colour) * share[:, None]).astype(np.float32)


def eye_layer(person: Person, body: PosedBody) -> Layer:
    """Both eyeballs."""
    assets = load_assets()
    vertices, faces = body.vertices[assets.span["eyes"]], assets.faces["eyes"]
    canon = assets.mean[assets.span["eyes"]]
    centre_x, centre_z = float(np.abs(canon[:, 0]).mean()), float(canon[canon[:, 1] < -0.14, 2].mean())

    def paint(fragments: Fragments) -> Paint:
        place = fragments.value(canon)
        radius = np.hypot(np.abs(place[:, 0]) - centre_x, place[:, 2] - centre_z)[:, None]
        colour = np.where(radius < 0.0065, person.eyes, np.float32(0.88))
        return Paint(np.where(radius < 0.003, np.float32(0.03), colour).astype(np.float32), 11, 13, gloss=0.1)

    return Layer("eyes", vertices, kernels.vertex_normals(vertices, faces), faces, paint)


def shoe_layer(person: Person, body: PosedBody) -> Layer:
    """Shoes: the smoothed feet, blown up a little."""
    assets = load_assets()
    vertices, faces = body.vertices[assets.span["shoes"]], assets.faces["shoes"]
    canon = assets.mean[assets.span["shoes"]]
    normals = kernels.vertex_normals(vertices, faces)
    keep = (person.shoe_height - canon[:, 2:3]).astype(np.float32)
    shoe, sole = person.shoe if person.shoe is not None else person.sole, person.sole
    lift = 0.012 + 0.12 * np.clip(-0.10 - canon[:, 1:2], 0, 0.1)  # room for the toes

    def paint(fragments: Fragments) -> Paint:
        place = fragments.value(canon)
        colour = np.where(place[:, 2:3] < -0.808, sole, shoe).astype(np.float32)
        label = np.where(place[:, 0] > 0, LEFT_SHOE, RIGHT_SHOE).astype(np.uint8)
        return Paint(colour, label, LIP_OF_ATR[label], gloss=0.08)

    return Layer("shoes", vertices + normals * lift, normals, faces, paint, keep, 0.004)


def sock_layer(person: Person, body: PosedBody) -> Layer:
    """Socks: the lower legs in another colour. ATR has no socks and counts them to the legs."""
    assets = load_assets()
    vertices, faces = body.vertices[assets.span["body"]], assets.faces["body"]
    canon = assets.mean[assets.span["body"]]
    low = np.flatnonzero(faces_within(faces, canon[:, 2] < person.sock_height + 0.03))
    normals = kernels.vertex_normals(vertices, faces[low])
    keep = (person.sock_height - canon[:, 2:3]).astype(np.float32)
    sock = person.sock if person.sock is not None else person.sole

    def paint(fragments: Fragments) -> Paint:
        side = fragments.value(canon[:, :1])[:, 0] > 0
        label = np.where(side, 12, 13).astype(np.uint8)
        return Paint(np.repeat(sock[None], len(label), 0), label, LIP_SOCKS)

    return Layer("socks", vertices + normals * 0.004, normals, faces[low], paint, keep, 0.002)


def hair_layers(person: Person, body: PosedBody) -> list[Layer]:
    """The hair as one to three layers: scalp shell, hanging hair, a bun or tail."""
    look = person.hair_look
    if look == "bald":
        return []
    layers = [_scalp_layer(person, body)]
    if look in HAIR_ENDS:
        layers.append(_hanging_layer(person, body))
    if look in ("bun", "ponytail"):
        layers.append(_knot_layer(person, body))
    return layers


def _scalp_layer(person: Person, body: PosedBody) -> Layer:
    assets = load_assets()
    vertices, faces = body.vertices[assets.span["scalp"]], assets.faces["scalp"]
    canon = assets.mean[assets.span["scalp"]]
    normals = kernels.vertex_normals(vertices, faces)
    thickness = SCALP_THICKNESS.get(person.hair_look, 0.014)
    rough = np.random.default_rng(person.hair_seed).normal(0, 1, len(canon)).astype(np.float32)
    top = np.clip((canon[:, 2] - 0.80) / 0.10, 0.15, 1)
    if person.hair_look == "side_part":
        top = top * (1 + 0.5 * np.tanh((canon[:, 0] + 0.03) * 40))
    lift = 0.004 + thickness * top * (1 + 0.08 * rough)
    keep = (canon[:, 2] - _hairline(person, canon))[:, None].astype(np.float32)
    paint = _hair_paint(person, canon)
    return Layer("scalp", vertices + normals * lift[:, None], normals, faces, paint, keep, 0.008)


def _hairline(person: Person, canon: np.ndarray) -> np.ndarray:
    """Rest z [V] above which hair grows: high over the forehead, over the ears, down to the nape."""
    y = canon[:, 1]
    line = np.interp(y, [-0.13, -0.10, -0.075, -0.04, 0.02], [0.938, 0.918, 0.882, 0.85, 0.79])
    return line - person.fringe * np.clip((-0.085 - y) / 0.02, 0, 1)


def _hanging_layer(person: Person, body: PosedBody) -> Layer:
    assets = load_assets()
    vertices, faces = body.vertices[assets.span["hair"]], assets.faces["hair"]
    canon = assets.mean[assets.span["hair"]]
    normals = kernels.vertex_normals(vertices, faces)
    rng = np.random.default_rng(person.hair_seed)
    end = HAIR_ENDS[person.hair_look] + rng.uniform(-0.05, 0.04) + 0.012 * np.sin(canon[:, 0] * 90)
    face_free = canon[:, 1] + 0.075 + 0.6 * np.maximum(0, canon[:, 2] - 0.905) + 0.4 * person.fringe
    keep = np.stack([canon[:, 2] - end, face_free], 1).astype(np.float32)
    paint = _hair_paint(person, canon)
    return Layer("hair", vertices + normals * 0.006, normals, faces, paint, keep, 0.004, True)


def _knot_layer(person: Person, body: PosedBody) -> Layer:
    rng = np.random.default_rng(person.hair_seed)
    tail = person.hair_look == "ponytail"
    height = rng.uniform(0.88, 0.95) if tail else rng.uniform(0.86, 0.99)
    centre = np.array([0.0, 0.055 - max(0.0, height - 0.93) * 0.9, height])
    points, faces = _ball(centre, 0.04 if tail else rng.uniform(0.035, 0.05))
    if tail:  # stretch the lower half downwards and over one shoulder
        drop = np.maximum(0, centre[2] - points[:, 2])
        points[:, 2] -= drop * 5.0
        points[:, 0] += rng.choice([-1, 1]) * drop * rng.uniform(0, 2.0)
        points[:, 1] += 0.02
    vertices = carried(points.astype(np.float32), "Head", body)
    normals = kernels.vertex_normals(vertices, faces)
    return Layer("knot", vertices, normals, faces, _hair_paint(person, points.astype(np.float32)))


def _ball(
    centre: np.ndarray, radius: float, rows: int = 10, columns: int = 14
) -> tuple[np.ndarray, np.ndarray]:
    v, u = np.meshgrid(np.linspace(0, math.pi, rows), np.linspace(0, 2 * math.pi, columns), indexing="ij")
    sphere = np.stack([np.sin(v) * np.cos(u), np.sin(v) * np.sin(u), np.cos(v)], -1).reshape(-1, 3)
    i, j = (a.ravel() for a in np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij"))
    a = i * columns + j
    faces = np.concatenate(
        [np.stack([a, a + columns, a + 1], 1), np.stack([a + 1, a + columns, a + columns + 1], 1)]
    )
    return centre + sphere * radius, faces.astype(np.int32)


def _hair_paint(person: Person, canon: np.ndarray) -> Callable[[Fragments], Paint]:
    strands = smooth_noise(np.random.default_rng(person.hair_seed), 64, 256, 40)

    def paint(fragments: Fragments) -> Paint:
        place = fragments.value(canon) - HEAD_CENTRE
        column = (np.arctan2(place[:, 0], place[:, 1]) / (2 * math.pi) + 0.5) * 255
        row = np.clip(place[:, 2] * 60 + 30, 0, 63)
        tone = strands[row.astype(int), column.astype(int)][:, None]
        return Paint((person.hair * (0.55 + 0.9 * tone)).astype(np.float32), HAIR, HAIR, gloss=0.10)

    return paint


def carried(points: np.ndarray, bone: str, body: PosedBody) -> np.ndarray:
    """Rest points [V, 3] of the mean body carried rigidly by a bone of this body."""
    assets = load_assets()
    index = assets.bone_names.index(bone)
    local = points - assets.joint_mean[index]
    return (local @ body.rotations[index].T + body.joints[index]).astype(np.float32)


def accessory_layer(accessory: Accessory, body: PosedBody) -> Layer:
    """An accessory that its bone carries."""
    faces = np.ascontiguousarray(accessory.faces, np.int32)
    vertices = carried(np.asarray(accessory.vertices, np.float32), accessory.bone, body)
    colours = np.asarray(accessory.colours, np.float32)
    lip = LIP_OF_ATR[accessory.label]
    bias = 0.045 if accessory.label in (BAG, SCARF) else 0.01  # worn over any coat

    def paint(fragments: Fragments) -> Paint:
        return Paint(fragments.value(colours), accessory.label, lip, gloss=0.06)

    normals = kernels.vertex_normals(vertices, faces)
    return Layer(accessory.kind, vertices, normals, faces, paint, bias=bias, two_sided=True)
