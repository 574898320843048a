"""Bodies: the baked mesh, random adult shapes and looks, and posing by linear blend skinning."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from leffa.synth import kernels
from leffa.synth.poses import Pose, bone_rotations

ASSET = Path(__file__).parent / "assets" / "body.npz"
FACE_SHELLS = ("body", "eyes", "hair", "shoes", "scalp")
HAIR_LOOKS = ("bald", "buzz", "short", "side_part", "afro", "bob", "shoulder", "long", "bun", "ponytail")
HAIR_ODDS = (0.05, 0.07, 0.19, 0.13, 0.06, 0.13, 0.12, 0.13, 0.06, 0.06)
HAIR_COLOURS = np.array(
    [[0.05, 0.04, 0.04], [0.16, 0.10, 0.07], [0.32, 0.20, 0.11], [0.68, 0.52, 0.30], [0.52, 0.52, 0.53],
     [0.42, 0.17, 0.08], [0.86, 0.80, 0.68]], np.float32,
)  # fmt: skip


@dataclass(frozen=True)
class Panels:
    """A garment shell cut into a front and a back panel; U panel vertices weld onto V shell vertices."""

    weld: np.ndarray  # [U] int
    faces: np.ndarray  # [F, 3] int32 into U
    front: np.ndarray  # [U] bool
    uv: np.ndarray  # [U, 2] float32, metric texture coordinates
    layout: np.ndarray  # [U, 2] float32, metric positions in the flat picture, before placing
    canon: np.ndarray  # [U, 3] float32, rest position on the mean body
    arm: np.ndarray  # [U] float32, 0 shoulder, 1 elbow, 2 wrist
    arm_weight: np.ndarray  # [U] float32 0..1
    links: np.ndarray  # [V, 12] int32 neighbours of each shell vertex, itself where it has fewer
    shell_faces: np.ndarray  # [F, 3] int32 into V


@dataclass(frozen=True)
class BodyAssets:
    """The baked asset, widened for computing. Shell vertices lie in `span[name]` of one block."""

    mean: np.ndarray  # [V, 3] float32, metres, x left, y back, z up
    shapes: np.ndarray  # [K, V, 3] float32
    span: dict[str, slice]
    faces: dict[str, np.ndarray]  # shell -> [F, 3] int32, local to the shell
    skin_bones: np.ndarray  # [V, 4] int32
    skin_weights: np.ndarray  # [V, 4] float32
    bone_names: tuple[str, ...]
    bone_parents: tuple[int, ...]
    joint_mean: np.ndarray  # [J, 3]
    joint_shapes: np.ndarray  # [K, J, 3]
    codes: np.ndarray  # [N, K] shape coefficients of the sampled adults
    part: np.ndarray  # [F_body] uint8 DensePose part
    lips: np.ndarray  # [V_body] float32 0..1
    covered_by: np.ndarray  # [V_body] int, nearest suit shell vertex, -1 where none is near
    panels: dict[str, Panels]  # suit, skirt


@dataclass(frozen=True)
class Person:
    """One random adult: shape, colours and hair."""

    code: np.ndarray  # [K]
    skin: np.ndarray  # [3] 0..1
    lips: np.ndarray  # [3]
    eyes: np.ndarray  # [3]
    hair: np.ndarray  # [3]
    hair_look: str
    hair_seed: int
    fringe: float  # metres the hairline comes down the forehead
    shoe: np.ndarray | None  # [3], None = barefoot
    sole: np.ndarray  # [3]
    shoe_height: float  # rest z of the shoe's upper edge
    sock: np.ndarray | None  # [3]
    sock_height: float
    fold_seed: int


@dataclass(frozen=True)
class PosedBody:
    """Vertices of every shell and the bones' rigid transforms, in world coordinates."""

    vertices: np.ndarray  # [V, 3] float32
    rest: np.ndarray  # [V, 3] float32
    rotations: np.ndarray  # [J, 3, 3]
    translations: np.ndarray  # [J, 3]
    joints: np.ndarray  # [J, 3] posed
    rest_joints: np.ndarray  # [J, 3]


@cache
def load_assets() -> BodyAssets:
    """Read the committed asset once."""
    with np.load(ASSET) as file:
        raw = {name: file[name] for name in file.files}
    ends = raw["ranges"].astype(int)
    span = {str(n): slice(ends[i], ends[i + 1]) for i, n in enumerate(raw["names"])}
    mean = raw["mean"].astype(np.float32)
    weights = raw["skin_weights"].astype(np.float32)
    covered = raw["body_covered_by"].astype(np.int64)
    return BodyAssets(
        mean=mean,
        shapes=raw["shapes"].astype(np.float32),
        span=span,
        faces={name: raw[f"{name}_faces"].astype(np.int32) for name in FACE_SHELLS},
        skin_bones=raw["skin_bones"].astype(np.int32),
        skin_weights=weights / weights.sum(1, keepdims=True),
        bone_names=tuple(str(n) for n in raw["bone_names"]),
        bone_parents=tuple(int(p) for p in raw["bone_parents"]),
        joint_mean=raw["joint_mean"].astype(np.float32),
        joint_shapes=raw["joint_shapes"].astype(np.float32),
        codes=raw["codes"].astype(np.float32),
        part=raw["body_part"].astype(np.uint8),
        lips=raw["body_lips"].astype(np.float32),
        covered_by=np.where(covered == 65535, -1, covered),
        panels={name: _panels(raw, name, mean[span[name]]) for name in ("suit", "skirt")},
    )


def _panels(raw: dict[str, np.ndarray], name: str, mean: np.ndarray) -> Panels:
    weld, faces = raw[f"{name}_weld"].astype(np.int64), raw[f"{name}_faces"].astype(np.int32)
    arm = raw["suit_arm"].astype(np.float32) if name == "suit" else np.zeros((len(mean), 2), np.float32)
    shell_faces = weld[faces].astype(np.int32)
    return Panels(
        weld=weld,
        faces=faces,
        front=raw[f"{name}_front"].astype(bool),
        uv=raw[f"{name}_uv"].astype(np.float32),
        layout=raw[f"{name}_layout"].astype(np.float32),
        canon=mean[weld],
        arm=arm[weld, 0],
        arm_weight=arm[weld, 1],
        links=_neighbours(shell_faces, len(mean)),
        shell_faces=shell_faces,
    )


def _neighbours(faces: np.ndarray, count: int, most: int = 12) -> np.ndarray:
    edges = np.unique(faces[:, [[0, 1], [1, 0], [1, 2], [2, 1], [2, 0], [0, 2]]].reshape(-1, 2), axis=0)
    table = np.repeat(np.arange(count, dtype=np.int32)[:, None], most, axis=1)
    position = np.arange(len(edges)) - np.searchsorted(edges[:, 0], edges[:, 0])
    few = position < most
    table[edges[few, 0], position[few]] = edges[few, 1]
    return table


def random_person(rng: np.random.Generator) -> Person:
    """A random adult: a mix of two sampled bodies, with its own colours."""
    codes = load_assets().codes
    first, second = codes[rng.integers(len(codes), size=2)]
    share = rng.uniform(0, 0.35)
    skin = random_skin(rng)
    painted = rng.random() < 0.2
    lips = np.array([0.65, 0.12, 0.18]) if painted else skin * np.array([0.92, 0.55, 0.55])
    hair = HAIR_COLOURS[rng.choice(len(HAIR_COLOURS), p=[0.3, 0.26, 0.16, 0.1, 0.06, 0.07, 0.05])]
    shoe_kind = rng.random()
    return Person(
        code=first * (1 - share) + second * share,
        skin=skin,
        lips=(lips * rng.uniform(0.7, 1.05)).astype(np.float32),
        eyes=_colour(rng.uniform(0.05, 0.6), 0.5, rng.uniform(0.15, 0.5)),
        hair=np.clip(hair * rng.uniform(0.75, 1.25) + rng.normal(0, 0.01, 3), 0, 1).astype(np.float32),
        hair_look=str(rng.choice(HAIR_LOOKS, p=HAIR_ODDS)),
        hair_seed=int(rng.integers(1 << 30)),
        fringe=float(rng.choice([0.0, rng.uniform(0.0, 0.05)], p=[0.6, 0.4])),
        shoe=None if shoe_kind < 0.07 else random_colour(rng),
        sole=random_colour(rng) if rng.random() < 0.6 else np.full(3, 0.9, np.float32),
        shoe_height=float(rng.choice([-0.80, -0.775, -0.735], p=[0.4, 0.4, 0.2])),
        sock=random_colour(rng) if rng.random() < 0.35 else None,
        sock_height=float(rng.uniform(-0.74, -0.55)),
        fold_seed=int(rng.integers(1 << 30)),
    )


def random_skin(rng: np.random.Generator) -> np.ndarray:
    """A skin colour [3], from light to dark with some spread in hue."""
    depth = rng.random() ** 1.3
    light, dark = np.array([0.88, 0.68, 0.57]), np.array([0.27, 0.165, 0.11])
    warm = rng.normal(0, 0.02) * np.array([1.0, 0.1, -0.8])
    return np.clip(light * (1 - depth) + dark * depth + warm + rng.normal(0, 0.01, 3), 0.06, 1).astype(
        np.float32
    )


def random_colour(rng: np.random.Generator) -> np.ndarray:
    """A colour [3] as things have them: whites, blacks and greys often."""
    kind = rng.random()
    if kind < 0.35:
        level = rng.choice([rng.uniform(0.82, 0.97), rng.uniform(0.03, 0.15), rng.uniform(0.2, 0.7)])
        return np.clip(level + rng.normal(0, 0.015, 3), 0, 1).astype(np.float32)
    return _colour(rng.random(), rng.uniform(0.2, 0.9), rng.uniform(0.15, 0.95))


def _colour(hue: float, saturation: float, value: float) -> np.ndarray:
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value), np.float32)


def rest_shape(code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rest-pose vertices [V, 3] and joints [J, 3] of a shape code."""
    assets = load_assets()
    vertices = assets.mean + np.tensordot(code, assets.shapes, 1)
    return vertices.astype(np.float32), assets.joint_mean + np.tensordot(code, assets.joint_shapes, 1)


def pose_body(rest: np.ndarray, joints: np.ndarray, pose: Pose) -> PosedBody:
    """Bend the rest-pose vertices [V, 3] into a pose and turn the whole body by the pose's yaw."""
    assets = load_assets()
    rotations, heads = bone_rotations(assets.bone_names, assets.bone_parents, joints, pose)
    translations = heads - np.einsum("jab,jb->ja", rotations, joints)
    turned, moved = rotations.astype(np.float32), translations.astype(np.float32)
    vertices = kernels.skin(rest, turned, moved, assets.skin_bones, assets.skin_weights)
    return PosedBody(vertices, rest, turned, moved, heads, joints)
