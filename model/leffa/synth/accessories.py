"""Hats, sunglasses, bags and scarves: rigid meshes that ride on one bone each.

They are modelled on the mean body in its rest pose (metres; x to the person's left, forward is -y,
z up) and stand off from it by what clothes and hair need.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leffa.synth.palette import contrasting, garment_colour, hsv
from leffa.synth.shapes import Mesh, Vector, grid, join, pillow, ribbon, sheet, tube, turned

HAT, SUNGLASSES, BAG, SCARF = 1, 3, 16, 17  # ATR labels
SHARES = {"hat": 0.07, "sunglasses": 0.07, "bag": 0.10, "scarf": 0.06}  # of persons

# The mean body, measured.
CROWN = np.array([0.0, -0.056, 0.876])  # middle of the skull at the height of a hat's rim
CROWN_HALF = np.array([0.099, 0.122, 0.112])  # half sizes of a close hat over hair
RIM_FALL = 0.20  # a rim sits lower behind than in front, metres a metre
EYE = np.array([0.032, -0.165, 0.852])  # middle of the left lens
EAR = np.array([0.085, -0.046, 0.855])
NECK = np.array([0.0, -0.036, 0.706])
LEFT_FIST = np.array([0.527, -0.296, 0.198])
LEFT_FOREARM = np.array([0.46, -0.68, -0.57])  # from elbow to hand, unit length
CLEARANCE = 0.028  # between skin and a strap: room for a shirt
TORSO = np.array(  # height, half width, front, back
    [
        (-0.10, 0.200, -0.128, 0.060),
        (0.00, 0.197, -0.127, 0.060),
        (0.06, 0.192, -0.121, 0.087),
        (0.14, 0.180, -0.138, 0.099),
        (0.22, 0.167, -0.146, 0.070),
        (0.30, 0.149, -0.144, 0.051),
        (0.38, 0.144, -0.148, 0.055),
        (0.46, 0.154, -0.162, 0.069),
        (0.50, 0.163, -0.162, 0.076),
        (0.54, 0.168, -0.147, 0.080),
        (0.58, 0.178, -0.128, 0.080),
        (0.62, 0.186, -0.106, 0.076),
        (0.66, 0.176, -0.089, 0.064),
        (0.71, 0.115, -0.083, 0.040),
    ]
)
ROUNDNESS = 2.6  # exponent of the superellipse that a slice of the torso resembles
FRONT, SIDE, BACK = -1.0, 0.0, 1.0  # SIDE: over the shoulder or round the flank


@dataclass(frozen=True)
class Accessory:
    """One rigid thing worn or carried.

    kind: "cap", "tote", ..; label: ATR id; bone: name of the bone it follows; vertices: float32
    [V, 3] in rest-pose coordinates of the mean body; faces: int32 [F, 3]; colours: float32 RGB
    [V, 3] in 0..1.
    """

    kind: str
    label: int
    bone: str
    vertices: np.ndarray
    faces: np.ndarray
    colours: np.ndarray


def random_accessories(rng: np.random.Generator) -> list[Accessory]:
    """Return what one person carries: most often nothing. A scarf or a bag may be of several parts."""
    makers = {"hat": random_hat, "sunglasses": random_sunglasses, "bag": random_bag, "scarf": random_scarf}
    worn: list[Accessory] = []
    for name, share in SHARES.items():
        if rng.random() < share:
            worn += makers[name](rng)
    return worn


def random_hat(rng: np.random.Generator) -> list[Accessory]:
    """Return a cap, a beanie or a hat with a brim."""
    kind = str(rng.choice(["cap", "beanie", "brimmed"], p=[0.4, 0.3, 0.3]))
    mesh = {"cap": _cap, "beanie": _beanie, "brimmed": _brimmed}[kind](rng)
    return [_accessory(kind, HAT, "Head", mesh)]


def random_sunglasses(rng: np.random.Generator) -> list[Accessory]:
    """Return dark or tinted glasses of a round, square or wide shape."""
    frame, lens = _frame_colour(rng), _lens_colour(rng)
    half = np.array([rng.uniform(0.025, 0.031), rng.uniform(0.019, 0.027)])
    power = float(rng.choice([2.0, 2.8, 4.0]))
    parts = [_lens(side, half, power, lens) for side in (-1, 1)]
    parts += [_lens_rim(side, half, power, frame) for side in (-1, 1)]
    parts += [_temple(side, half[0], frame) for side in (-1, 1)]
    gap = EYE[0] - half[0]
    bridge = np.array([(x, _glass_depth(x), EYE[2] + 0.006) for x in np.linspace(-gap, gap, 5)])
    parts.append(tube(bridge, 0.003, frame, sides=5))
    return [_accessory("sunglasses", SUNGLASSES, "Head", join(parts))]


def random_bag(rng: np.random.Generator) -> list[Accessory]:
    """Return a bag in a hand, on a strap across the body, on one shoulder, or a backpack."""
    kind = str(rng.choice(["handbag", "crossbody", "tote", "backpack"], p=[0.35, 0.3, 0.2, 0.15]))
    side = float(rng.choice([-1, 1]))
    if kind == "handbag":
        bone = "LeftHand" if side > 0 else "RightHand"
        return [_accessory(kind, BAG, bone, _mirrored(_handbag(rng), side))]
    mesh = {"crossbody": _crossbody, "tote": _tote, "backpack": _backpack}[kind](rng)
    return [_accessory(kind, BAG, "Spine2", _mirrored(mesh, side))]


def random_scarf(rng: np.random.Generator) -> list[Accessory]:
    """Return the coil round the neck and, most often, one or two ends that hang down the chest."""
    colours = [garment_colour(rng)]
    colours.append(contrasting(rng, colours))
    plain = rng.random() < 0.5
    turn = np.linspace(0, 2 * np.pi, 33)[:-1]
    thick = rng.uniform(0.018, 0.028)
    coils = []
    for lift in np.arange(rng.integers(1, 4)) * 1.3 * thick - 0.01:
        reach = 0.078 + 0.6 * thick - 0.2 * lift
        wobble = 1 + 0.05 * np.sin(3 * turn + rng.uniform(0, 6))
        x, y = reach * 1.1 * wobble * np.cos(turn), reach * wobble * np.sin(turn)
        path = np.stack([x, NECK[1] + y, NECK[2] + lift + 0.35 * y], 1)
        coils.append(tube(path, thick, _stripes(colours, 32, plain), sides=8, closed=True))
    parts = [_accessory("scarf", SCARF, "Neck", join(coils))]
    sides = rng.choice([-1.0, 1.0], rng.integers(0, 3), replace=False)
    ends = [_scarf_end(rng, side, _stripes(colours, 16, plain)) for side in sides]
    return parts + ([_accessory("scarf", SCARF, "Spine2", join(ends))] if ends else [])


# ---- hats


def _cap(rng: np.random.Generator) -> Mesh:
    """A baseball cap; now and then worn back to front."""
    colour = garment_colour(rng)
    peak_colour = contrasting(rng, [colour]) if rng.random() < 0.35 else colour
    crown = pillow(CROWN, CROWN_HALF, 2.3, colour, 9, 24, (0.0, np.pi / 2))
    angle = np.linspace(-1.15, 1.15, 15)[None]
    out = np.linspace(0, 1, 5)[:, None]
    length = rng.uniform(0.055, 0.085)
    x = CROWN_HALF[0] * np.sin(angle) * (1 + 0.06 * out)
    y = CROWN[1] - CROWN_HALF[1] * np.cos(angle) - length * out * np.cos(angle * (0.5 * np.pi / 1.16)) ** 0.6
    z = CROWN[2] + 0.004 - out * (0.012 + rng.uniform(1, 4) * x**2)
    # Columns run from the right to the left, rows outward: that grid faces up.
    peak = sheet(np.stack([x, y, z], -1), 0.004, peak_colour)
    button = pillow(CROWN + (0, 0, CROWN_HALF[2]), (0.01, 0.01, 0.006), 2, peak_colour, 4, 8)
    return _tilted(join([crown, peak, button]), backwards=rng.random() < 0.12)


def _beanie(rng: np.random.Generator) -> Mesh:
    """A knitted cap with a turned-up edge, perhaps with stripes or a bobble."""
    colours = [garment_colour(rng)]
    colours.append(contrasting(rng, colours))
    rows = 11
    paint = _stripes(colours, rows, plain=rng.random() < 0.7)
    slack = rng.uniform(0.0, 0.05)
    half = CROWN_HALF + (0.003, 0.003, slack)
    parts = [pillow(CROWN, half, 2.3, paint, rows, 24, (0.0, np.pi / 2))]
    edge = colours[int(rng.random() < 0.3)]
    parts.append(_turned_up_edge(rng.uniform(0.035, 0.055), edge))
    if rng.random() < 0.3:
        top = CROWN + (0, 0, half[2] + 0.02)
        parts.append(pillow(top, (0.033, 0.033, 0.03), 2, colours[int(rng.random() < 0.5)], 7, 12))
    return _tilted(join(parts))


def _brimmed(rng: np.random.Generator) -> Mesh:
    """Felt or straw: a flat or round crown, a band, a wavy brim all round."""
    straw = rng.random() < 0.4
    colour = hsv(rng.uniform(0.09, 0.13), rng.uniform(0.25, 0.5), 0.85) if straw else garment_colour(rng)
    rows = 18
    paint = np.tile(colour, (rows, 1, 1))
    if rng.random() < 0.7:
        paint[-5:] = contrasting(rng, [colour])  # the band
    crown = pillow(CROWN, CROWN_HALF + 0.002, rng.uniform(2.3, 4), paint, rows, 24, (0.0, np.pi / 2))
    turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)[None]
    out = np.linspace(0, 1, 5)[:, None]
    reach = 1 + out * rng.uniform(0.045, 0.11) / 0.12
    x, y = CROWN_HALF[0] * reach * np.cos(turn), CROWN_HALF[1] * reach * np.sin(turn)
    sag = rng.uniform(-0.02, 0.04) + rng.uniform(0, 0.02) * np.cos(2 * turn)
    z = CROWN[2] + 0.004 - out**1.5 * sag
    above = np.stack([x, CROWN[1] + y, z], -1)
    brim = grid(np.concatenate([above, above[::-1] - (0, 0, 0.005)]), colour)
    return _tilted(join([crown, brim]))


def _turned_up_edge(tall: float, colour: np.ndarray) -> Mesh:
    """Return the thick band at the rim of a beanie."""
    turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    outward = np.stack([np.cos(turn), np.sin(turn), 0 * turn], 1)
    path = CROWN + outward * CROWN_HALF * np.array([1.03, 1.03, 0]) + (0, 0, tall / 2 - 0.02)
    return ribbon(path, outward, tall, 0.01, colour, closed=True)


def _tilted(mesh: Mesh, backwards: bool = False) -> Mesh:
    """Let the rim fall towards the nape; `backwards` first turns the hat half round."""
    if backwards:
        mesh = turned(mesh, np.diag([-1.0, -1.0, 1.0]), (0, 2 * CROWN[1], 0))
    vertices = mesh.vertices.copy()
    vertices[:, 2] -= RIM_FALL * (vertices[:, 1] - np.float32(CROWN[1]))
    return Mesh(vertices, mesh.faces, mesh.colours)


# ---- sunglasses


def _glass_depth(x: float | np.ndarray) -> np.ndarray:
    """Return y of the glasses' front, which curves round the face."""
    return EYE[1] + 5.0 * np.square(x)


def _lens(side: int, half: np.ndarray, power: float, colour: np.ndarray) -> Mesh:
    """One lens, lighter towards the bottom."""
    turn = np.linspace(0, 2 * np.pi, 16, endpoint=False)[None] * side
    out = np.linspace(0, 1, 3)[:, None]
    x = side * EYE[0] + out * half[0] * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** (2 / power)
    z = EYE[2] + out * half[1] * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** (2 / power)
    points = np.stack([x, _glass_depth(x), z], -1)
    fade = 1 + 0.5 * (EYE[2] - z)[..., None] / half[1]
    return grid(points, np.clip(colour * fade, 0, 1))


def _lens_rim(side: int, half: np.ndarray, power: float, colour: np.ndarray) -> Mesh:
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    x = side * EYE[0] + half[0] * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** (2 / power)
    z = EYE[2] + half[1] * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** (2 / power)
    path = np.stack([x, _glass_depth(x) - 0.001, z], 1)
    outward = np.tile([0.0, -1.0, 0.0], (len(path), 1))
    return ribbon(path, outward, 0.006, 0.004, colour, closed=True)


def _temple(side: int, reach: float, colour: np.ndarray) -> Mesh:
    """The arm from the hinge to behind the ear."""
    x = EYE[0] + reach
    hinge = np.array([x, float(_glass_depth(x)), EYE[2] + 0.008])
    stops = np.stack([hinge, (EAR[0] - 0.005, -0.10, EAR[2] + 0.006), EAR, EAR + (-0.006, 0.022, -0.012)])
    path = stops * np.array([side, 1, 1])
    outward = np.tile([float(side), 0.0, 0.0], (len(path), 1))
    return ribbon(path, outward, 0.009, 0.004, colour)


def _frame_colour(rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.6:
        return np.full(3, rng.uniform(0.03, 0.12), np.float32)
    return hsv(rng.random(), rng.uniform(0, 0.8), rng.uniform(0.2, 0.9))


def _lens_colour(rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.75:
        return np.full(3, rng.uniform(0.03, 0.16), np.float32)
    return hsv(rng.random(), rng.uniform(0.3, 0.8), rng.uniform(0.2, 0.6))


# ---- scarf


def _scarf_end(rng: np.random.Generator, side: float, paint: np.ndarray) -> Mesh:
    """One end, hanging over the chest and the stomach."""
    bottom = rng.uniform(0.15, 0.5)
    z = np.linspace(0.688, bottom, 16)
    x = side * (0.045 + 0.05 * (0.688 - z)) + 0.006 * np.sin(18 * z + rng.uniform(0, 6))
    y = np.interp(z, TORSO[:, 0], TORSO[:, 2]) - CLEARANCE - 0.008
    path = np.stack([x, np.minimum.accumulate(y), z], 1)
    outward = np.tile([0.25 * side, -1.0, 0.0], (16, 1))
    return ribbon(path, outward, rng.uniform(0.065, 0.11), 0.014, paint)


# ---- bags


def _bag_body(rng: np.random.Generator, half: Vector, colour: np.ndarray) -> Mesh:
    """A box with round edges about the origin (y is its thin side), perhaps with a flap or a clasp."""
    parts = [pillow((0, 0, 0), half, rng.uniform(3.5, 7), colour, 11, 24)]
    accent = contrasting(rng, [colour])
    if rng.random() < 0.4:
        size = (half[0] * 1.02, half[1] * 1.06, half[2] * 0.5)
        parts.append(pillow((0, 0, half[2] * 0.52), size, 6, colour * 0.8, 7, 20))
    if rng.random() < 0.6:
        for front in (FRONT, BACK):
            clasp = (0, front * half[1] * 1.03, half[2] * rng.uniform(-0.1, 0.3))
            parts.append(pillow(clasp, (0.022, 0.006, 0.014), 4, accent, 5, 10))
    return join(parts)


def _handbag(rng: np.random.Generator) -> Mesh:
    """A bag that hangs from the left fist, down along the line of the forearm."""
    half = np.array([rng.uniform(0.07, 0.17), rng.uniform(0.03, 0.06), rng.uniform(0.06, 0.16)])
    colour = garment_colour(rng)
    handle = rng.uniform(0.05, 0.14)
    turn = np.linspace(0, np.pi, 13)
    arc = np.stack([0.6 * half[0] * np.cos(turn), 0 * turn, half[2] * 0.85 + handle * np.sin(turn)], 1)
    straps = [tube(arc + (0, y, 0), 0.007, colour * 0.75, sides=6) for y in half[1] * np.array([-0.5, 0.5])]
    hanging = turned(
        join([_bag_body(rng, half, colour), *straps]), np.eye(3), (0, 0, -half[2] - handle + 0.01)
    )
    spin = rng.uniform(0, np.pi)
    across = np.cross(LEFT_FOREARM, [0.0, 0.0, 1.0])
    across /= np.linalg.norm(across)
    deep = np.cross(-LEFT_FOREARM, across)
    wide = across * np.cos(spin) + deep * np.sin(spin)
    frame = np.stack([wide, np.cross(-LEFT_FOREARM, wide), -LEFT_FOREARM], 1)
    return turned(hanging, frame, LEFT_FIST)


def _crossbody(rng: np.random.Generator) -> Mesh:
    """A strap from the right shoulder over chest and back to a bag at the left hip."""
    colour = garment_colour(rng)
    low = rng.uniform(0.06, 0.2)
    hip = float(np.interp(low, TORSO[:, 0], TORSO[:, 1]))
    stops = [(-0.09, 0.707, SIDE), (-0.07, 0.66, FRONT), (0.9 * hip, low, FRONT),
             (hip + CLEARANCE, low, SIDE), (0.9 * hip, low, BACK), (-0.07, 0.66, BACK),
             (-0.09, 0.707, SIDE)]  # fmt: skip
    strap = _strap(stops, rng.uniform(0.02, 0.05), colour * rng.uniform(0.6, 1.0))
    half = np.array([rng.uniform(0.08, 0.13), rng.uniform(0.03, 0.05), rng.uniform(0.06, 0.11)])
    angle = rng.uniform(0.5, 1.5)  # 0 at the stomach, pi/2 at the side
    return join([strap, _hung(_bag_body(rng, half, colour), half, angle, low - half[2] * 0.6)])


def _tote(rng: np.random.Generator) -> Mesh:
    """A bag under the left arm on a long handle over the shoulder."""
    colour = garment_colour(rng)
    half = np.array([rng.uniform(0.13, 0.18), rng.uniform(0.03, 0.06), rng.uniform(0.12, 0.17)])
    low = rng.uniform(0.24, 0.34)
    bag = float(np.interp(low, TORSO[:, 0], TORSO[:, 1])) + CLEARANCE + half[1]
    stops = [(bag, low, FRONT), (0.14, 0.60, FRONT), (0.13, 0.692, SIDE), (0.14, 0.60, BACK),
             (bag, low, BACK)]  # fmt: skip
    strap = _strap(stops, 0.03, colour * 0.8)
    body = _bag_body(rng, half, colour)
    return join([strap, _hung(body, half, rng.uniform(1.2, 1.6), low - 0.9 * half[2])])


def _backpack(rng: np.random.Generator) -> Mesh:
    """Two straps in front, the bag behind."""
    colour = garment_colour(rng)
    stops = [(0.10, 0.65, BACK), (0.10, 0.702, SIDE), (0.11, 0.64, FRONT), (0.13, 0.46, FRONT),
             (0.14, 0.36, FRONT), (0.175, 0.35, SIDE), (0.14, 0.34, BACK), (0.11, 0.33, BACK)]  # fmt: skip
    width, shade = rng.uniform(0.04, 0.06), rng.uniform(0.6, 1.0)
    left = _strap(stops, width, colour * shade)
    half = np.array([rng.uniform(0.13, 0.17), rng.uniform(0.06, 0.1), rng.uniform(0.17, 0.23)])
    centre = (0, 0.068 + CLEARANCE + half[1], 0.69 - half[2])
    return join([left, _mirrored(left, -1.0), turned(_bag_body(rng, half, colour), np.eye(3), centre)])


def _hung(body: Mesh, half: np.ndarray, angle: float, height: float) -> Mesh:
    """Return a bag that lies against the left front of the body at `angle` from straight ahead."""
    wide, front, back = (np.interp(height, TORSO[:, 0], TORSO[:, k]) for k in (1, 2, 3))
    outward = np.array([np.sin(angle), -np.cos(angle), 0.0])
    half_depth, dual = (back - front) / 2, ROUNDNESS / (ROUNDNESS - 1)
    # how far the slice of the trunk reaches in that direction
    reach = (abs(wide * outward[0]) ** dual + abs(half_depth * outward[1]) ** dual) ** (1 / dual)
    middle = np.array([0.0, (front + back) / 2, height]) + outward * (reach + CLEARANCE + half[1])
    along = np.array([np.cos(angle), np.sin(angle), 0.0])
    frame = np.stack([along, -outward, [0.0, 0.0, 1.0]], 1)
    return turned(body, frame, middle)


def _strap(stops: Sequence[tuple[float, float, float]], width: float, colour: np.ndarray) -> Mesh:
    """Return a band over the torso through stops (x, z, FRONT or SIDE or BACK)."""
    known = np.array(stops)
    place = np.linspace(0, len(stops) - 1, 10 * (len(stops) - 1) + 1)
    x, z, side = (np.interp(place, np.arange(len(stops)), known[:, k]) for k in range(3))
    path, outward = _on_torso(x, z, side)
    return ribbon(path, outward, width, 0.006, colour)


def _on_torso(x: np.ndarray, z: np.ndarray, side: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return points [K, 3] that stand off the torso's surface, and the direction away from it [K, 3].

    side: -1 on the front, 1 on the back, between them the way round the flank or over the shoulder.
    """
    wide, front, back = (np.interp(z, TORSO[:, 0], TORSO[:, k]) for k in (1, 2, 3))
    middle, deep = (front + back) / 2, (back - front) / 2 + CLEARANCE
    wide = wide + CLEARANCE
    share = np.clip(1 - np.abs(x / wide) ** ROUNDNESS, 0, 1) ** (1 / ROUNDNESS)
    y = middle + side * deep * share
    shoulder = np.clip((z - 0.61) / 0.08, 0, 1)
    outward = np.stack([x / wide**2, (y - middle) / deep**2, 12 * shoulder], 1)
    path = np.stack([x, y, z + 0.5 * CLEARANCE * shoulder], 1)
    return path, outward / np.linalg.norm(outward, axis=1, keepdims=True)


# ---- shared


def _stripes(colours: Sequence[np.ndarray], count: int, plain: bool) -> np.ndarray:
    """Return [count, 1, 3]: one colour, or two in turn, two rows each."""
    pick = np.zeros(count, int) if plain else (np.arange(count) // 2) % 2
    return np.stack(colours)[pick][:, None]


def _mirrored(mesh: Mesh, side: float) -> Mesh:
    """Return the mesh as it is for side 1, or its mirror image on the person's right for -1."""
    if side > 0:
        return mesh
    return Mesh(mesh.vertices * np.array([-1, 1, 1], np.float32), mesh.faces[:, ::-1].copy(), mesh.colours)


def _accessory(kind: str, label: int, bone: str, mesh: Mesh) -> Accessory:
    return Accessory(kind, label, bone, mesh.vertices, mesh.faces, np.clip(mesh.colours, 0, 1))
