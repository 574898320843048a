"""Hats, glasses, bags and scarves: sound meshes, outside the body, as often as people wear them."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial import cKDTree

from leffa.synth.accessories import (
    CROWN,
    SHARES,
    TORSO,
    Accessory,
    random_accessories,
    random_bag,
    random_hat,
    random_scarf,
    random_sunglasses,
)
from leffa.synth.bodies import load_assets
from leffa.synth.shapes import join, pillow, ribbon, sheet, tube

LABELS = {random_hat: 1, random_sunglasses: 3, random_bag: 16, random_scarf: 17}
BONES = {"Head", "Neck", "Spine2", "LeftHand", "RightHand"}
HEAD_TOP = 0.968  # of the mean body, metres
WHITE = np.ones(3, np.float32)


def many(maker: Callable[[np.random.Generator], list[Accessory]], count: int = 40) -> list[Accessory]:
    """Return all parts of `count` random things."""
    return [part for seed in range(count) for part in maker(np.random.default_rng(seed))]


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Return the volume inside a closed surface; positive when faces turn outwards."""
    a, b, c = (vertices[faces[:, k]].astype(float) for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize("maker", list(LABELS))
def test_every_mesh_is_sound(maker: Callable[[np.random.Generator], list[Accessory]]) -> None:
    for part in many(maker):
        assert part.label == LABELS[maker]
        assert part.bone in BONES
        assert part.vertices.dtype == part.colours.dtype == np.float32
        assert part.faces.dtype == np.int32
        assert part.vertices.shape == part.colours.shape
        assert np.isfinite(part.vertices).all()
        assert 0 <= part.faces.min() <= part.faces.max() < len(part.vertices)
        assert 0 <= part.colours.min() <= part.colours.max() <= 1
        assert len(part.faces) < 4_000
        assert np.abs(part.vertices).max() < 1.2


def test_same_seed_same_things() -> None:
    for seed in range(60):
        first, again = (random_accessories(np.random.default_rng(seed)) for _ in range(2))
        assert [part.kind for part in first] == [part.kind for part in again]
        for one, two in zip(first, again, strict=True):
            assert np.array_equal(one.vertices, two.vertices)
            assert np.array_equal(one.colours, two.colours)


def test_things_are_worn_as_often_as_planned() -> None:
    people = 1_500
    worn: Counter[int] = Counter()
    for seed in range(people):
        worn.update({part.label for part in random_accessories(np.random.default_rng(seed))})
    for label, name in ((1, "hat"), (3, "sunglasses"), (16, "bag"), (17, "scarf")):
        assert abs(worn[label] / people - SHARES[name]) < 0.025


def test_kinds_of_every_sort_occur() -> None:
    assert {part.kind for part in many(random_hat)} == {"cap", "beanie", "brimmed"}
    assert {part.kind for part in many(random_bag)} == {"handbag", "crossbody", "tote", "backpack"}
    assert {part.bone for part in many(random_bag)} == {"LeftHand", "RightHand", "Spine2"}
    assert {part.bone for part in many(random_scarf)} == {"Neck", "Spine2"}


def test_hats_clear_the_skull_and_leave_the_eyes_free() -> None:
    for hat in many(random_hat):
        top = hat.vertices[:, 2].max()
        assert HEAD_TOP < top < HEAD_TOP + 0.15
        crown = hat.vertices[hat.vertices[:, 2] > CROWN[2] + 0.03]
        # the skull above the rim, an ellipsoid that the mean head fits into
        inside = ((crown - CROWN) / (0.080, 0.106, 0.092)) ** 2
        assert inside.sum(1).min() > 1
        ahead = (hat.vertices[:, 1] < -0.12) & (np.abs(hat.vertices[:, 0]) < 0.05)
        assert hat.vertices[ahead, 2].min() > 0.858


def test_sunglasses_sit_before_the_eyes_and_reach_the_ears() -> None:
    for glasses in many(random_sunglasses):
        lens = glasses.vertices[np.abs(np.abs(glasses.vertices[:, 0]) - 0.032) < 0.01]
        lens = lens[lens[:, 1] < -0.12]
        assert lens[:, 1].max() < -0.148  # the eyeballs end at -0.1465
        assert abs(lens[:, 2].mean() - 0.853) < 0.01
        assert glasses.vertices[:, 1].max() > -0.04


def test_straps_and_scarf_ends_stand_off_the_trunk() -> None:
    for part in many(random_bag) + many(random_scarf):
        if part.bone != "Spine2":
            continue
        points = part.vertices[(part.vertices[:, 2] > 0.1) & (part.vertices[:, 2] < 0.55)]
        wide, front, back = (np.interp(points[:, 2], TORSO[:, 0], TORSO[:, k]) for k in (1, 2, 3))
        across = np.abs(points[:, 0] / wide)
        along = np.abs((points[:, 1] - (front + back) / 2) / ((back - front) / 2))
        assert (across**2.6 + along**2.6 > 1.0).mean() > 0.96


def test_nothing_sinks_into_the_mean_body() -> None:
    assets = load_assets()
    body, faces = assets.mean[assets.span["body"]].astype(float), assets.faces["body"]
    turned = np.cross(body[faces[:, 1]] - body[faces[:, 0]], body[faces[:, 2]] - body[faces[:, 0]])
    normals = np.zeros_like(body)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], turned)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    nearest = cKDTree(body)
    for maker in LABELS:
        for part in many(maker, 20):
            if part.bone in ("LeftHand", "RightHand"):
                continue  # fingers close round a handle
            vertex = nearest.query(part.vertices)[1]
            height = ((part.vertices - body[vertex]) * normals[vertex]).sum(1)
            share = 0.80 if part.bone == "Neck" else 0.93  # a scarf is pressed to the neck
            assert (height > 0).mean() > share
            assert height.min() > -0.035


def test_a_handbag_hangs_from_its_hand() -> None:
    for bag in many(random_bag, 80):
        if bag.kind != "handbag":
            continue
        fist = np.array([0.524 if bag.bone == "LeftHand" else -0.524, -0.296, 0.198])
        distance = np.linalg.norm(bag.vertices - fist, axis=1)
        assert distance.min() < 0.09
        assert 0.1 < distance.max() < 0.6


def test_surfaces_turn_outwards() -> None:
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn), 0 * turn], 1)
    x, y = np.meshgrid(np.linspace(-1, 1, 5), np.linspace(1, -1, 4))
    shapes = [
        pillow((0, 0, 0), (1, 2, 3), 2, WHITE),
        ribbon(ring, ring, 0.3, 0.1, WHITE, closed=True),
        ribbon(ring[:12], ring[:12], 0.3, 0.1, WHITE),
        tube(ring, 0.1, WHITE, closed=True),
        tube(ring[:12], 0.1, WHITE),
        sheet(np.stack([x, y, 0 * x], -1), 0.1, WHITE),
    ]
    for mesh in [*shapes, join(shapes)]:
        assert volume(mesh.vertices, mesh.faces) > 0
    assert volume(shapes[0].vertices, shapes[0].faces) == pytest.approx(4 / 3 * np.pi * 6, rel=0.08)
