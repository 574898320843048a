"""What stands or is held before a person: plants, chairs, parcels, railings, tables, flowers, phones.

Things are meshes in metres, drawn as the nearest layer of a scene, so they carry no label and hide what
lies behind them from every map. x points to the person's left, forward is -y, z up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from leffa.synth import kernels
from leffa.synth.bodies import load_assets
from leffa.synth.palette import garment_colour, hsv
from leffa.synth.render import Fragments, Frame, Layer, Paint
from leffa.synth.scene import Scene, Worn, silhouette
from leffa.synth.shapes import Mesh, grid, join, pillow, tube
from leffa.synth.textures import fold_bump

HIDDEN_SHARE = (0.05, 0.25)  # of the person in the picture
TRIES = 80
BOX = 9.0  # power of a pillow with hardly rounded edges
GRAIN = np.array([2.4, 0.5], np.float32)  # how grain runs in the x, z plane: mostly up and down
HAND_REACH = 0.14  # metres from the middle of the trunk to a hand that holds something before it


@dataclass(frozen=True)
class Place:
    """Where a thing can be: metres in the world; `front` is the y nearest to the camera so far."""

    middle: float  # x of the trunk
    front: float
    floor: float
    hips: float
    shoulders: float
    left_edge: float  # x of the picture's edges at the front
    right_edge: float
    hands: np.ndarray  # [K, 3] those before the trunk
    skin: np.ndarray  # [3] colour


Thing = Callable[[np.random.Generator, Place], Mesh]


def stand_in_front(rng: np.random.Generator, scene: Scene, frames: Sequence[Frame]) -> list[Layer]:
    """One thing that hides HIDDEN_SHARE of the person in each of the frames, as a layer to draw on top."""
    place = _place(scene, frames)
    outlines = [silhouette(frame) for frame in frames]
    things = [thing for thing, hands in THINGS.items() if hands <= len(place.hands)]
    best, error = [], math.inf
    for _ in range(TRIES):
        layer = _layer(things[rng.integers(len(things))](rng, place), int(rng.integers(1 << 30)))
        front = Frame(scene.camera.height, scene.camera.width)
        front.draw([layer], scene.camera)
        shares = [float((front.layer > 0)[outline].mean()) for outline in outlines]
        off = max(HIDDEN_SHARE[0] - min(shares), max(shares) - HIDDEN_SHARE[1])
        if off < error:
            best, error = [layer], off
        if off <= 0:
            break
    return best


def conceal(
    layers: list[Layer], scene: Scene, worn: Sequence[Worn], parts: np.ndarray, points: np.ndarray
) -> None:
    """Draw layers into all frames and take what they hide out of parts [H, W] and keypoints [17, 3]."""
    front = Frame(scene.camera.height, scene.camera.width)
    front.draw(layers, scene.camera)
    for each in worn:
        each.frame.draw(layers, scene.camera)
    hidden = front.layer > 0
    parts[hidden] = 0
    seen = points[:, 2] == 2
    column, row = points[seen, :2].astype(int).T
    points[seen, 2] = np.where(hidden[row, column], 1, 2)


def _place(scene: Scene, frames: Sequence[Frame]) -> Place:
    names, camera = load_assets().bone_names, scene.camera
    joint = {name: scene.body.joints[i] for i, name in enumerate(names)}
    front = min(float(frame.depth.min()) for frame in frames) - camera.distance
    middle = float(0.5 * (joint["Hips"][0] + joint["Neck"][0]))
    hips, shoulders = float(joint["Hips"][2]), float(joint["Neck"][2])
    hands = np.array([joint[side + "HandMiddle1"] for side in ("Left", "Right")])
    before = (
        (abs(hands[:, 0] - middle) < HAND_REACH)
        & (hands[:, 1] < joint["Hips"][1] - 0.1)
        & (hands[:, 2] > hips - 0.05)
        & (hands[:, 2] < shoulders - 0.12)
    )
    half = camera.width / 2 / camera.pixels_per_metre * (camera.distance + front) / camera.distance
    return Place(
        middle=middle,
        front=front,
        floor=float(scene.body.vertices[load_assets().span["body"], 2].min()),
        hips=hips,
        shoulders=shoulders,
        left_edge=camera.centre_x - half,
        right_edge=camera.centre_x + half,
        hands=hands[before],
        skin=scene.person.skin,
    )


def _layer(mesh: Mesh, seed: int) -> Layer:
    def paint(fragments: Fragments) -> Paint:
        grain = fold_bump(seed, fragments.value(mesh.vertices)[:, [0, 2]] * GRAIN, 0.06)
        return Paint(fragments.value(mesh.colours) * (1 + grain)[:, None], 0, 0, gloss=0.04)

    normals = kernels.vertex_normals(mesh.vertices, mesh.faces)
    return Layer("front", mesh.vertices, normals, mesh.faces, paint, two_sided=True)


def _in_front(mesh: Mesh, place: Place, gap: float) -> Mesh:
    """The mesh moved along y so that its back is `gap` nearer than everything."""
    move = np.array([0, place.front - gap - mesh.vertices[:, 1].max(), 0], np.float32)
    return Mesh(mesh.vertices + move, mesh.faces, mesh.colours)


def _block(low: Sequence[float], high: Sequence[float], colour: np.ndarray) -> Mesh:
    """A box between two corners."""
    a, b = np.asarray(low, float), np.asarray(high, float)
    return pillow((a + b) / 2, (b - a) / 2, BOX, colour, rows=13, columns=28)


def _rod(start: Sequence[float], end: Sequence[float], radius: float, colour: np.ndarray) -> Mesh:
    path = np.linspace(np.asarray(start, float), np.asarray(end, float), 4)
    return tube(path, radius, colour, sides=10)


def _wood(rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.25:  # painted
        return garment_colour(rng)
    tint = np.array([1.0, 0.74, 0.5]) + rng.normal(0, 0.03, 3)
    return (rng.uniform(0.25, 0.8) * tint).astype(np.float32)


# ---- things that stand


def chair(rng: np.random.Generator, place: Place) -> Mesh:
    """A wooden chair with its back to the camera."""
    x = place.middle + rng.uniform(-0.25, 0.25)
    half, seat = rng.uniform(0.19, 0.25), place.floor + rng.uniform(0.43, 0.48)
    top, deep, wood = place.floor + rng.uniform(0.85, 1.08), rng.uniform(0.38, 0.46), _wood(rng)
    meshes = [_block((x - half, 0, seat - 0.035), (x + half, deep, seat), wood)]
    for side in (-1, 1):
        foot = x + side * (half - 0.02)
        meshes.append(_rod((foot, 0, place.floor), (foot, -0.05, top), 0.02, wood * 0.95))
        meshes.append(_rod((foot, deep - 0.03, place.floor), (foot, deep - 0.03, seat), 0.02, wood * 0.8))
    rail = rng.uniform(0.07, 0.16)
    meshes.append(_block((x - half, -0.065, top - rail), (x + half, -0.035, top), wood))
    if rng.random() < 0.5:
        for slat in np.linspace(-1, 1, int(rng.integers(3, 8)))[1:-1] * half:
            meshes.append(
                _block((x + slat - 0.022, -0.05, seat), (x + slat + 0.022, -0.03, top - 0.03), wood)
            )
    else:
        for z in np.linspace(seat, top, int(rng.integers(4, 6)))[1:-1]:
            meshes.append(_block((x - half, -0.05, z - 0.03), (x + half, -0.03, z + 0.03), wood))
    return _in_front(join(meshes), place, rng.uniform(0.02, 0.25))


def parcels(rng: np.random.Generator, place: Place) -> Mesh:
    """Cardboard boxes on top of one another, each closed with tape."""
    x, z, meshes = place.middle + rng.uniform(-0.3, 0.3), place.floor, []
    half = rng.uniform(0.19, 0.34)
    for _ in range(rng.integers(1, 5)):
        tall, aside = rng.uniform(0.18, 0.42), x + rng.normal(0, 0.02)
        meshes.append(_carton(rng, aside, z, half, tall))
        z, half = z + tall, half * rng.uniform(0.75, 1)
    return _in_front(join(meshes), place, rng.uniform(0.05, 0.3))


def _carton(rng: np.random.Generator, x: float, z: float, half: float, tall: float) -> Mesh:
    card = (rng.uniform(0.55, 0.85) * np.array([1.0, 0.78, 0.55])).astype(np.float32)
    deep, tape = half * rng.uniform(1.1, 1.6), np.clip(card * 1.25 + 0.05, 0, 1)
    box = _block((x - half, 0, z), (x + half, deep, z + tall), card)
    strip = _block((x - 0.03, -0.003, z + tall * 0.72), (x + 0.03, deep * 0.9, z + tall + 0.003), tape)
    slip = _block(
        (x + half * 0.3, -0.003, z + tall * 0.2), (x + half * 0.8, 0.1, z + tall * 0.5), np.full(3, 0.92)
    )
    return join([box, strip, slip])


def railing(rng: np.random.Generator, place: Place) -> Mesh:
    """A balcony's railing from one edge of the picture to the other."""
    top = place.floor + rng.uniform(0.85, 1.1)
    low, left, right = place.floor + 0.1, place.left_edge - 0.1, place.right_edge + 0.1
    paint = _wood(rng) if rng.random() < 0.4 else np.full(3, rng.choice([0.08, 0.3, 0.55, 0.88]), np.float32)
    meshes = [_rod((left, 0, top), (right, 0, top), rng.uniform(0.018, 0.035), paint)]
    if rng.random() < 0.6:
        step, thick = rng.uniform(0.09, 0.14), rng.uniform(0.006, 0.012)
        for x in np.arange(left + rng.uniform(0, step), right, step):
            meshes.append(_rod((x, 0.01, low), (x, 0.01, top), thick, paint))
        meshes.append(_rod((left, 0.01, low), (right, 0.01, low), 0.015, paint))
    else:
        for z in np.linspace(low, top, int(rng.integers(4, 8)))[:-1]:
            meshes.append(_rod((left, 0.01, z), (right, 0.01, z), 0.011, paint))
        x = place.middle + rng.uniform(-0.3, 0.3)
        meshes.append(_rod((x, -0.01, place.floor), (x, -0.01, top), 0.022, paint))
    return _in_front(join(meshes), place, rng.uniform(0.05, 0.3))


def table(rng: np.random.Generator, place: Place) -> Mesh:
    """A table or a counter that the person stands behind."""
    top, wood = place.floor + rng.uniform(0.7, 1.08), _wood(rng)
    x, half = place.middle + rng.uniform(-0.25, 0.25), rng.uniform(0.3, 0.55)
    deep = rng.uniform(0.5, 0.8)
    meshes = [_block((x - half, 0, top - 0.04), (x + half, deep, top), wood)]
    for side in (-1, 1):
        for y in (0.04, deep - 0.04):
            leg = x + side * (half - 0.05)
            meshes.append(
                _block((leg - 0.03, y - 0.03, place.floor), (leg + 0.03, y + 0.03, top - 0.03), wood * 0.85)
            )
    meshes.append(
        _block((x - half + 0.05, 0.02, top - 0.14), (x + half - 0.05, 0.05, top - 0.03), wood * 0.9)
    )
    if rng.random() < 0.5:
        meshes.append(_cup(rng, (x + rng.uniform(-0.6, 0.6) * half, 0.15, top)))
    return _in_front(join(meshes), place, rng.uniform(0.02, 0.15))


def plant(rng: np.random.Generator, place: Place) -> Mesh:
    """A potted plant at one side whose leaves reach before the person."""
    side = rng.choice([-1, 1])
    root = np.array([place.middle + side * rng.uniform(0.05, 0.4), 0.0, place.floor + rng.uniform(0.25, 0.5)])
    tall = rng.uniform(0.45, 0.95) * (place.shoulders - root[2])
    broad = rng.random() < 0.5
    green = hsv(rng.uniform(0.24, 0.38), rng.uniform(0.4, 0.75), rng.uniform(0.3, 0.6))
    clay = hsv(rng.uniform(0.02, 0.1), rng.uniform(0.1, 0.6), rng.uniform(0.3, 0.9))
    pot = np.linspace([root[0], 0, place.floor], [root[0], 0, root[2]], 6)
    meshes = [tube(pot, np.linspace(0.1, 0.15, 6), clay, sides=20)]
    for _ in range(rng.integers(9, 18) if broad else rng.integers(14, 30)):
        lean = rng.normal(-side * 0.15, 0.45)
        tip = root + [lean * tall, rng.normal(0, 0.15), tall * rng.uniform(0.55, 1.0) * math.cos(lean)]
        meshes += _leaf(rng, root, tip, broad, green * rng.uniform(0.7, 1.3))
    return _in_front(join(meshes), place, rng.uniform(0.02, 0.2))


def _leaf(
    rng: np.random.Generator, root: np.ndarray, tip: np.ndarray, broad: bool, green: np.ndarray
) -> list[Mesh]:
    """A blade from the root to the tip, or a stalk with a broad leaf that hangs from its end."""
    bend = np.array([0.35 * (tip[0] - root[0]), 0, 0.12 * (tip[2] - root[2])])
    t = np.linspace(0, 1, 12)[:, None]
    path = root + (tip - root) * t - 4 * bend * [1, 0, -1] * t * (1 - t) * 0.5
    if not broad:
        return [_blade(path, rng.uniform(0.02, 0.045), green)]
    out = np.array(
        [math.copysign(rng.uniform(0.06, 0.16), tip[0] - root[0]), -0.03, -rng.uniform(-0.05, 0.18)]
    )
    curve = tip + out * t + np.array([0, 0, 0.05]) * 4 * t * (1 - t)
    return [tube(path, 0.006, green * 0.8, sides=6), _blade(curve, rng.uniform(0.05, 0.09), green)]


def _blade(path: np.ndarray, half: float, green: np.ndarray) -> Mesh:
    """A leaf along path [K, 3], lighter along its rib and turned to the camera."""
    along = np.gradient(path, axis=0)
    side = np.stack([along[:, 2], 0.3 * along[:, 0], -along[:, 0]], 1)
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-9
    t = np.linspace(0, 1, len(path))[:, None]
    wide = half * np.sin(np.pi * t**0.8) ** 0.7
    points = np.stack([path - side * wide, path - [0, 0.35, 0] * wide, path + side * wide], 1)
    tint = np.array([0.85, 1.25, 0.95])[None, :, None] * green
    return grid(points, np.clip(tint, 0, 1))


# ---- things that are held


def held_slab(rng: np.random.Generator, place: Place) -> Mesh:
    """A phone, tablet, book or folder held upright, with the fingers round its edge."""
    half_x, half_z = ((0.04, 0.08), (0.085, 0.12), (0.11, 0.155), (0.15, 0.21))[rng.integers(4)]
    hand = place.hands[rng.integers(len(place.hands))]
    x, z = hand[0] + rng.normal(0, 0.02), hand[2] + half_z * rng.uniform(0.1, 0.7)
    cover = garment_colour(rng)
    meshes = [_block((x - half_x, 0, z - half_z), (x + half_x, 0.02, z + half_z), cover)]
    if half_x < 0.05:
        meshes.append(_block((x - 0.035, -0.004, z + 0.035), (x, 0.01, z + 0.072), cover * 0.4))
    elif rng.random() < 0.6:
        patch = garment_colour(rng)
        meshes.append(
            _block((x - half_x * 0.7, -0.002, z), (x + half_x * 0.7, 0.01, z + half_z * 0.6), patch)
        )
    side = 1.0 if hand[0] >= x else -1.0
    return _in_front(join([*meshes, *_fingers(x + side * half_x, side, hand[2], place.skin)]), place, 0.005)


def _fingers(edge: float, side: float, z: float, skin: np.ndarray) -> list[Mesh]:
    """Four finger tips that come round an upright edge."""
    tips = []
    for number in range(4):
        height = z + 0.019 * (number - 1.5)
        start, end = (edge + side * 0.012, 0.012, height), (edge - side * 0.028, -0.008, height + 0.004)
        path = np.linspace(start, end, 6)
        tips.append(tube(path, 0.0095 * np.sqrt(np.linspace(1, 0.05, 6)), skin, sides=8))
    return tips


def held_parcel(rng: np.random.Generator, place: Place) -> Mesh:
    """A cardboard box carried before the belly."""
    middle = place.hands.mean(0)
    half, tall = rng.uniform(0.13, 0.22), rng.uniform(0.14, 0.3)
    return _in_front(_carton(rng, float(middle[0]), float(middle[2]) - 0.3 * tall, half, tall), place, 0.005)


def flowers(rng: np.random.Generator, place: Place) -> Mesh:
    """A bunch of flowers in paper."""
    hand = place.hands[rng.integers(len(place.hands))]
    tilt, size = rng.normal(0, 0.25), rng.uniform(0.1, 0.17)
    up = np.array([math.sin(tilt), 0, math.cos(tilt)])
    foot = np.array([hand[0], 0, hand[2]]) - 0.08 * up
    crown = foot + up * size * 2.4
    paper, bloom = garment_colour(rng), hsv(rng.random(), rng.uniform(0.3, 0.9), rng.uniform(0.7, 1))
    meshes = [tube(np.linspace(foot, crown, 7), np.linspace(0.025, size * 0.85, 7), paper, sides=18)]
    for _ in range(rng.integers(12, 30)):
        spot = crown + rng.normal(0, 0.5, 3) * size * [1, 0.6, 0.55]
        colour = hsv(0.3, 0.6, rng.uniform(0.25, 0.5)) if rng.random() < 0.3 else bloom * rng.uniform(0.7, 1)
        meshes.append(pillow(spot, np.full(3, rng.uniform(0.018, 0.04)), 2, colour, rows=7, columns=10))
    return _in_front(join(meshes), place, 0.005)


def _cup(rng: np.random.Generator, foot: Sequence[float]) -> Mesh:
    path = np.linspace(foot, np.asarray(foot) + [0, 0, rng.uniform(0.09, 0.14)], 5)
    return tube(path, np.linspace(0.032, 0.042, 5), garment_colour(rng), sides=16)


THINGS: dict[Thing, int] = {  # how many hands before the trunk a thing needs
    chair: 0, parcels: 0, railing: 0, table: 0, plant: 0, held_slab: 1, flowers: 1, held_parcel: 2,
}  # fmt: skip
