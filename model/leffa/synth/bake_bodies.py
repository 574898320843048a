"""Random adult bodies from the `anny` package: the only step of the bake that needs it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BODY_COUNT = 900
SHAPE_COMPONENTS = 16
POINT_COUNT = 19158  # vertices of MakeHuman's base mesh, clothing helpers included
KEYPOINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee",
    "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
GROUPS = ("body", "helper-tights", "helper-skirt", "helper-hair", "helper-l-eye", "helper-r-eye")


@dataclass(frozen=True)
class BaseMesh:
    """MakeHuman's base mesh: faces by group, their texture coordinates, rig and keypoint weights."""

    faces: dict[str, np.ndarray]  # group -> [F, 3] int
    face_uv: dict[str, np.ndarray]  # group -> [F, 3, 2] float, 0..1, v up
    bone_names: list[str]
    bone_parents: np.ndarray  # [J] int, -1 = root
    joint_weights: np.ndarray  # [J, 19158]: joint position = weights @ vertices
    skin_weights: np.ndarray  # [19158, J]
    keypoint_weights: np.ndarray  # [17, 19158]
    lips: np.ndarray  # [512, 512] 0..1, drawn in texture coordinates


def sample_bodies(count: int = BODY_COUNT) -> np.ndarray:
    """Rest-pose vertices of random adults: [count, 19158, 3] float32, metres, x left, y back, z up."""
    import torch
    from anny import Anny  # type: ignore[import-not-found]

    model = Anny(topology="anny-full", local_changes="none", phenotypes="all").to(torch.float32)
    phenotypes = _adult_phenotypes(list(model.phenotype_labels), count)
    batches = []
    with torch.no_grad():
        for start in range(0, count, 50):
            batch = {name: torch.from_numpy(v[start : start + 50]) for name, v in phenotypes.items()}
            size = len(next(iter(batch.values())))
            pose = torch.eye(4)[None, None].repeat(size, model.bone_count, 1, 1)
            out = model(pose_parameters=pose, phenotype_kwargs=batch)
            batches.append(out["rest_vertices"].float().numpy())
    return np.concatenate(batches)


def _adult_phenotypes(labels: list[str], count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    ranges = {
        "age": (0.5, 0.95), "muscle": (0.2, 0.85), "weight": (0.15, 0.9), "height": (0.25, 0.75),
        "proportions": (0.3, 0.9),
    }  # fmt: skip
    values = {name: rng.uniform(*ranges.get(name, (0.0, 1.0)), count) for name in labels}
    clear = rng.random(count) < 0.8  # most bodies are clearly male or clearly female
    values["gender"] = np.where(clear, np.round(values["gender"]) * 0.9 + 0.05, values["gender"])
    return {name: v.astype(np.float32) for name, v in values.items()}


def principal_shapes(bodies: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean [V, 3], orthonormal components [K, V, 3] and each body's coefficients [N, K]."""
    mean = bodies.mean(0)
    centred = (bodies - mean).reshape(len(bodies), -1)
    values, vectors = np.linalg.eigh(centred @ centred.T)
    order = np.argsort(-values)[:components]
    basis = (vectors[:, order].T @ centred) / np.sqrt(values[order])[:, None]
    return mean, basis.reshape(components, -1, 3), centred @ basis.T


def read_base_mesh() -> BaseMesh:
    """Read the CC0 files of the installed `anny` package."""
    import anny
    import torch

    data = Path(anny.__file__).parent / "data"
    faces, face_uv = _read_obj(data / "mpfb2/3dobjs/base.obj")
    names, parents, joints = _read_rig(data / "mpfb2")
    regressors = torch.load(data / "keypoints/coco.pth", weights_only=True)
    return BaseMesh(
        faces=faces,
        face_uv=face_uv,
        bone_names=[name.replace("mixamorig:", "") for name in names],
        bone_parents=parents,
        joint_weights=joints,
        skin_weights=_read_skin(data / "mpfb2/rigs/standard/weights.mixamo.json", names),
        keypoint_weights=np.stack([regressors[name].numpy() for name in KEYPOINTS]).astype(np.float32),
        lips=_read_picture(data / "mpfb2/textures/mpfb_lips.jpg"),
    )


def _read_obj(path: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    faces: dict[str, list[list[int]]] = {name: [] for name in GROUPS}
    corners: dict[str, list[list[int]]] = {name: [] for name in GROUPS}
    coordinates: list[list[float]] = []
    group = ""
    for line in path.read_text().splitlines():
        key, *words = line.split() or [""]
        if key == "g":
            group = words[0]
        elif key == "vt":
            coordinates.append([float(word) for word in words[:2]])
        elif key == "f" and group in faces:
            pairs = [[int(number or 0) - 1 for number in word.split("/")[:2]] for word in words]
            for second, third in zip(pairs[1:-1], pairs[2:], strict=True):
                faces[group].append([pairs[0][0], second[0], third[0]])
                corners[group].append([pairs[0][1], second[1], third[1]])
    table = np.array(coordinates, np.float32)
    return (
        {name: np.array(rows, np.int64) for name, rows in faces.items()},
        {name: table[np.array(rows, np.int64)] for name, rows in corners.items()},
    )


def _read_rig(folder: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    rig = json.loads((folder / "rigs/standard/rig.mixamo.json").read_text())
    bones = rig.get("bones", rig)
    groups = json.loads((folder / "mesh_metadata/basemesh_vertex_groups.json").read_text())
    names = list(bones)
    weights = np.zeros((len(names), POINT_COUNT), np.float32)
    for index, name in enumerate(names):
        points = _joint_points(bones[name]["head"], groups)
        weights[index, points] = 1.0 / len(points)
    parents = [names.index(bones[n]["parent"]) if bones[n]["parent"] else -1 for n in names]
    return names, np.array(parents), weights


def _joint_points(head: dict, groups: dict) -> list[int]:
    if head["strategy"] == "CUBE":
        return [point for first, last in groups[head["cube_name"]] for point in range(first, last + 1)]
    return [head["vertex_index"]] if head["strategy"] == "VERTEX" else head["vertex_indices"]


def _read_skin(path: Path, names: list[str]) -> np.ndarray:
    weights = np.zeros((POINT_COUNT, len(names)), np.float32)
    for bone, entries in json.loads(path.read_text())["weights"].items():
        for vertex, weight in entries:
            weights[vertex, names.index(bone)] = weight
    return weights / weights.sum(1, keepdims=True)


def _read_picture(path: Path) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(path).convert("L").resize((512, 512)), np.float32) / 255
