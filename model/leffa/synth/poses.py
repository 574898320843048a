"""Poses: target directions for the limbs, as people stand in shop and street photographs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

ARM_POSES = ("relaxed", "spread", "hips", "bent", "raised", "crossed", "clasped", "pocket")
ARM_ODDS = (0.34, 0.13, 0.11, 0.11, 0.06, 0.08, 0.09, 0.08)
SIDEWAYS = (35.0, 80.0)  # degrees of yaw, to either side
FACING = 35.0  # degrees of yaw up to which arms in front of the trunk are seen
CHILD = {
    "Arm": "ForeArm", "ForeArm": "Hand", "Hand": "HandMiddle1", "UpLeg": "Leg", "Leg": "Foot",
}  # fmt: skip


@dataclass(frozen=True)
class Pose:
    """Unit directions of the limb bones in the body's frame (x left, y back, z up) and angles in radians."""

    directions: dict[str, np.ndarray]
    yaw: float
    lean: float
    twist: float
    head: tuple[float, float, float]  # turn, nod, tilt


def random_pose(rng: np.random.Generator) -> Pose:
    """A standing pose, mostly near frontal (|yaw| below 30 degrees for four out of five)."""
    left, right = _arm_pair(rng)
    walking = rng.random() < 0.15
    directions: dict[str, np.ndarray] = {}
    for side, sign, arm in (("Left", 1.0, left), ("Right", -1.0, right)):
        directions |= {side + bone: d for bone, d in arm_directions(rng, arm, sign).items()}
        directions |= {side + bone: d for bone, d in leg_directions(rng, walking, sign).items()}
    angles = np.radians(rng.normal(0, (2.5, 4, 12, 5, 4)))
    return Pose(directions, _random_yaw(rng), angles[0], angles[1], (angles[2], angles[3], angles[4]))


def cross_arms(rng: np.random.Generator, pose: Pose) -> Pose:
    """The pose with both arms crossed or clasped before the trunk, and the trunk towards the camera."""
    kind = str(rng.choice(["crossed", "clasped"]))
    arms = {
        side + bone: direction
        for side, sign in (("Left", 1.0), ("Right", -1.0))
        for bone, direction in arm_directions(rng, kind, sign).items()
    }
    facing = math.radians(rng.uniform(-FACING, FACING))
    yaw = pose.yaw if abs(pose.yaw) <= math.radians(FACING) else facing
    return replace(pose, directions=pose.directions | arms, yaw=yaw)


def turn_aside(rng: np.random.Generator, pose: Pose) -> Pose:
    """The pose turned to the left or the right, never to the back."""
    return replace(pose, yaw=math.radians(rng.choice([-1, 1]) * rng.uniform(*SIDEWAYS)))


def _arm_pair(rng: np.random.Generator) -> tuple[str, str]:
    left = str(rng.choice(ARM_POSES, p=ARM_ODDS))
    if left in ("crossed", "clasped") or rng.random() < 0.7:
        return left, left
    single = ("relaxed", "spread", "hips", "bent", "raised", "pocket")
    return left, str(rng.choice(single))


def _random_yaw(rng: np.random.Generator) -> float:
    kind = rng.random()
    if kind < 0.84:
        return math.radians(rng.normal(0, 12))
    if kind < 0.95:
        return math.radians(rng.choice([-1, 1]) * rng.uniform(30, 100))
    return math.radians(180 + rng.normal(0, 30))


def arm_directions(rng: np.random.Generator, kind: str, sign: float) -> dict[str, np.ndarray]:
    """Directions of upper arm, forearm and hand; sign +1 for the left side."""
    spread = {"relaxed": (8, 20), "spread": (22, 55), "hips": (38, 52), "bent": (12, 28), "raised": (65, 125),
              "crossed": (6, 16), "clasped": (8, 18), "pocket": (18, 28)}[kind]  # fmt: skip
    forward = {"crossed": (12, 24), "clasped": (0, 14), "hips": (-18, 0), "raised": (-5, 25)}.get(
        kind, (-10, 14)
    )
    out, ahead = np.radians(rng.uniform(*spread)), np.radians(rng.uniform(*forward))
    upper = np.array(
        [sign * math.sin(out), -math.sin(ahead) * math.cos(out), -math.cos(out) * math.cos(ahead)]
    )
    fore = _forearm(rng, kind, sign, upper)
    return {"Arm": upper, "ForeArm": fore, "Hand": fore + rng.normal(0, 0.12, 3)}


def _forearm(rng: np.random.Generator, kind: str, sign: float, upper: np.ndarray) -> np.ndarray:
    fixed = {
        "hips": (-sign * rng.uniform(0.45, 0.75), -rng.uniform(0.05, 0.35), -0.62),
        "crossed": (-sign * rng.uniform(0.85, 1.0), -rng.uniform(0.4, 0.6), rng.uniform(0.0, 0.25)),
        "clasped": (-sign * rng.uniform(0.55, 0.75), -rng.uniform(0.5, 0.7), -rng.uniform(0.2, 0.6)),
        "pocket": (-sign * rng.uniform(0.2, 0.35), -rng.uniform(0.25, 0.4), -0.9),
    }
    if kind in fixed:
        return np.array(fixed[kind])
    bend = np.radians(rng.uniform(*{"bent": (60, 125), "raised": (0, 70)}.get(kind, (4, 26))))
    if kind == "raised":
        return upper * math.cos(bend) + np.array([0, -0.25, 1.0]) * math.sin(bend)
    inward = np.radians(rng.uniform(5, 45) if kind == "bent" else rng.uniform(-6, 14))
    across = np.array([-sign * math.sin(inward), -math.cos(inward), 0.1])
    across -= upper * (across @ upper)
    return upper * math.cos(bend) + across / np.linalg.norm(across) * math.sin(bend)


def leg_directions(rng: np.random.Generator, walking: bool, sign: float) -> dict[str, np.ndarray]:
    """Directions of thigh and shin."""
    out = math.radians(rng.uniform(0, 8))
    ahead = math.radians(rng.uniform(-20, 22) if walking else rng.uniform(-5, 7))
    thigh = np.array(
        [sign * math.sin(out), -math.sin(ahead) * math.cos(out), -math.cos(out) * math.cos(ahead)]
    )
    bend = math.radians(rng.uniform(2, 28) if walking else rng.uniform(0, 6))
    shin = thigh * math.cos(bend) + np.array([0, math.cos(ahead), -math.sin(ahead)]) * math.sin(bend)
    return {"UpLeg": thigh, "Leg": shin}


def rotation(axis: np.ndarray | tuple[float, float, float], angle: float) -> np.ndarray:
    """Rotation matrix [3, 3] about an axis (Rodrigues)."""
    x, y, z = np.asarray(axis, float) / (np.linalg.norm(axis) + 1e-12)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def align(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The shortest rotation that turns one direction into another."""
    a, b = source / np.linalg.norm(source), target / np.linalg.norm(target)
    axis = np.cross(a, b)
    sine = float(np.linalg.norm(axis))
    return rotation(axis if sine > 1e-6 else (0.0, 0.0, 1.0), math.atan2(sine, float(a @ b)))


def bone_rotations(
    names: tuple[str, ...], parents: tuple[int, ...], joints: np.ndarray, pose: Pose
) -> tuple[np.ndarray, np.ndarray]:
    """World rotations [J, 3, 3] and head positions [J, 3] of all bones, yaw included."""
    count = len(names)
    turns, heads = np.zeros((count, 3, 3)), np.zeros((count, 3))
    for bone in _parents_first(parents):
        parent = parents[bone]
        if parent < 0:
            turns[bone] = rotation((0, 0, 1), pose.yaw) @ rotation((1, 0, 0), pose.lean)
            heads[bone] = turns[bone] @ joints[bone]
            continue
        heads[bone] = heads[parent] + turns[parent] @ (joints[bone] - joints[parent])
        turns[bone] = _bone_turn(names, bone, joints, turns[parent], pose)
    return turns, heads


def _parents_first(parents: tuple[int, ...]) -> list[int]:
    depth = [0] * len(parents)
    for bone in range(len(parents)):
        step = parents[bone]
        while step >= 0:
            depth[bone], step = depth[bone] + 1, parents[step]
    return sorted(range(len(parents)), key=depth.__getitem__)


def _bone_turn(
    names: tuple[str, ...], bone: int, joints: np.ndarray, parent: np.ndarray, pose: Pose
) -> np.ndarray:
    name = names[bone]
    side = "Left" if name.startswith("Left") else "Right"
    short = name.removeprefix(side)
    if name in pose.directions and short in CHILD:
        rest = parent @ (joints[names.index(side + CHILD[short])] - joints[bone])
        wanted = rotation((0, 0, 1), pose.yaw) @ pose.directions[name]
        if short == "Hand":  # hands follow the forearm more than their own direction
            wanted = 0.6 * rest / np.linalg.norm(rest) + 0.4 * wanted / np.linalg.norm(wanted)
        return align(rest, wanted) @ parent
    if name in ("Spine1", "Spine2"):
        return rotation((0, 0, 1), pose.twist / 2) @ parent
    if name in ("Neck", "Head"):
        turn, nod, tilt = (angle / 2 for angle in pose.head)
        local = rotation((0, 0, 1), turn) @ rotation((1, 0, 0), nod) @ rotation((0, 1, 0), tilt)
        facing = rotation((0, 0, 1), pose.yaw)
        return facing @ local @ facing.T @ parent
    if short == "Shoulder":  # the collarbone rises with a raised arm
        lift = max(0.0, float(pose.directions[side + "Arm"][2]) + 0.55) * 0.25
        axis = rotation((0, 0, 1), pose.yaw) @ np.array([0.0, -1.0 if side == "Left" else 1.0, 0.0])
        return rotation(axis, lift) @ parent
    return parent
