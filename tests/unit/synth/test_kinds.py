"""Harder kinds of pairs: each changes one thing about the usual pair of its seed, and nothing else."""

import dataclasses
import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from leffa.cli import app
from leffa.errors import BadParameter
from leffa.synth import SynthPair, sample, write_pairs
from leffa.synth.backgrounds import studio
from leffa.synth.bodies import load_assets, pose_body, random_person, rest_shape
from leffa.synth.flats import random_style
from leffa.synth.kinds import KINDS, SNAPSHOT_TURN, busy_background, busyness, snapshot_style
from leffa.synth.occluders import HIDDEN_SHARE
from leffa.synth.pairs import flow_psnr
from leffa.synth.poses import cross_arms, random_pose, rotation, turn_aside

Pairs = dict[int, SynthPair]
SEEDS = range(24)
HARDER = [name for name in KINDS if name != "usual"]
BLUR = np.ones((9, 9), np.uint8)  # how far the finish of a photograph carries a colour


@pytest.fixture(scope="module")
def harder() -> dict[str, Pairs]:
    """The pairs of SEEDS in every harder kind, by kind and seed."""
    return {kind: {seed: sample(seed, kind=kind) for seed in SEEDS} for kind in HARDER}


def equal(first: SynthPair, second: SynthPair, *names: str) -> bool:
    """Whether the named fields of two pairs are the same, byte for byte."""
    pairs = [(getattr(first, name), getattr(second, name)) for name in names]
    return all(a == b if isinstance(a, str) else a.tobytes() == b.tobytes() for a, b in pairs)


def everything_but(*names: str) -> list[str]:
    """The names of all arrays of a pair but these."""
    return [field.name for field in dataclasses.fields(SynthPair) if field.name not in (*names, "origin")]


def test_usual_is_the_kind_without_a_name(pairs: Pairs) -> None:
    assert equal(sample(5, kind="usual"), pairs[5], *everything_but())


@pytest.mark.parametrize("kind", HARDER)
def test_same_seed_same_bytes(kind: str, pairs: Pairs, harder: dict[str, Pairs]) -> None:
    assert equal(sample(3, kind=kind), harder[kind][3], *everything_but())
    assert all(not equal(harder[kind][seed], pairs[seed], *everything_but()) for seed in SEEDS)


def test_clutter_changes_only_what_stands_behind(pairs: Pairs, harder: dict[str, Pairs]) -> None:
    for seed, pair in harder["clutter"].items():
        assert equal(pair, pairs[seed], *everything_but("person", "target"))
        inner = cv2.erode((pair.labels > 0).astype(np.uint8), BLUR) > 0
        assert np.array_equal(pair.person[inner], pairs[seed].person[inner])


def test_clutter_is_never_calm() -> None:
    drawn = np.zeros((256, 192, 3), np.float32)
    busy = [busyness(busy_background(np.random.default_rng(seed), drawn)) for seed in range(50)]
    calm = [busyness(studio(np.random.default_rng(seed), 256, 192)) for seed in range(50)]
    assert min(busy) > 3 * max(calm)


def test_crossed_arms_lie_before_the_trunk() -> None:
    names = load_assets().bone_names
    for seed in range(60):
        rng = np.random.default_rng(seed)
        pose, person = cross_arms(rng, random_pose(rng)), random_person(rng)
        joints = pose_body(*rest_shape(person.code), pose).joints
        turned = (joints - joints[names.index("Hips")]) @ rotation((0, 0, 1), pose.yaw)
        shoulders = turned[names.index("Neck")][2]
        assert abs(math.degrees(pose.yaw)) <= 35
        for hand in ("LeftHand", "RightHand"):
            x, y, z = turned[names.index(hand)]
            assert abs(x) < 0.16 and y < -0.06 and -0.05 < z < shoulders


def test_side_is_turned_to_both_sides_and_never_to_the_back() -> None:
    yaws = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        pose = random_pose(rng)
        turned = turn_aside(rng, pose)
        assert turned.directions is pose.directions
        yaws.append(math.degrees(turned.yaw))
    assert np.abs(yaws).min() >= 35
    assert np.abs(yaws).max() <= 80
    assert 0.35 < np.mean(np.array(yaws) > 0) < 0.65


@pytest.mark.parametrize("kind", ["crossed", "side"])
def test_another_pose_wears_the_same_garments(kind: str, pairs: Pairs, harder: dict[str, Pairs]) -> None:
    for seed, pair in harder[kind].items():
        assert equal(pair, pairs[seed], "garment_type", "garment", "garment_alpha", "source_garment")


def test_occluded_hides_a_part_of_the_person(pairs: Pairs, harder: dict[str, Pairs]) -> None:
    least, most = HIDDEN_SHARE
    for seed, pair in harder["occluded"].items():
        for name in ("labels", "target_labels"):
            usual, left = getattr(pairs[seed], name), getattr(pair, name)
            assert np.isin(left, usual).all() and np.array_equal(left[left > 0], usual[left > 0])
            assert least - 0.01 <= ((usual > 0) & (left == 0)).sum() / (usual > 0).sum() <= most + 0.01


def test_what_hides_the_person_is_the_same_in_both_pictures(pairs: Pairs, harder: dict[str, Pairs]) -> None:
    compared = 0
    for seed, pair in harder["occluded"].items():
        inner = cv2.erode(hidden(pairs[seed], pair).astype(np.uint8), BLUR) > 0
        assert np.array_equal(pair.person[inner], pair.target[inner])
        compared += int(inner.sum())
    assert compared > 3000


def test_no_map_tells_what_is_hidden(pairs: Pairs, harder: dict[str, Pairs]) -> None:
    changed = 0
    for seed, pair in harder["occluded"].items():
        usual, away = pairs[seed], hidden(pairs[seed], pair)
        for name in ("labels", "target_labels", "lip_labels", "garment_mask", "source_garment_mask"):
            assert not getattr(pair, name)[away].any()
        assert not pair.parts[cv2.erode(away.astype(np.uint8), np.ones((3, 3))) > 0].any()
        assert np.isnan(pair.flow[away]).all() and np.isnan(pair.source_flow[away]).all()
        kept = pair.garment_mask > 0
        assert np.array_equal(pair.flow[kept], usual.flow[kept], equal_nan=True)
        lost = pair.keypoints[:, 2] != usual.keypoints[:, 2]
        assert (usual.keypoints[lost, 2] == 2).all() and (pair.keypoints[lost, 2] == 1).all()
        assert np.array_equal(pair.keypoints[:, :2], usual.keypoints[:, :2])
        x, y = pair.keypoints[pair.keypoints[:, 2] == 2, :2].astype(int).T
        assert not away[y, x].any()
        changed += int(lost.sum())
    assert changed > 10


def hidden(usual: SynthPair, occluded: SynthPair) -> np.ndarray:
    """Where something is before the person in either picture, [H, W] bool."""
    before = (usual.labels > 0) | (usual.target_labels > 0)
    return before & (occluded.labels == 0) & (occluded.target_labels == 0)


def test_photographed_changes_only_the_garments_pictures(pairs: Pairs, harder: dict[str, Pairs]) -> None:
    shown = ("person", "target", "labels", "target_labels", "lip_labels", "parts", "keypoints")
    for seed, pair in harder["photographed"].items():
        assert equal(pair, pairs[seed], *shown)
        assert equal(pair, pairs[seed], "garment_type") and np.array_equal(
            pair.garment_mask > 0, pairs[seed].garment_mask > 0
        )


def test_photographed_garments_lie_on_an_uneven_ground(harder: dict[str, Pairs]) -> None:
    for pair in harder["photographed"].values():
        ground = pair.garment[cv2.dilate(pair.garment_alpha, np.ones((41, 41))) == 0]
        assert ground.mean() < 250 and ground.std(0).max() > 3


def test_photographed_garments_are_a_little_askew() -> None:
    turns = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        turns.append(math.degrees(snapshot_style(rng, random_style(rng)).turn))
    assert np.abs(turns).max() <= SNAPSHOT_TURN and np.std(turns) > 4


def test_photographed_garments_keep_an_exact_flow(harder: dict[str, Pairs]) -> None:
    scores = []
    for pair in harder["photographed"].values():
        sides = (
            (pair.garment, pair.flow, pair.garment_mask, pair.target),
            (pair.source_garment, pair.source_flow, pair.source_garment_mask, pair.person),
        )
        scores += [flow_psnr(*side) for side in sides if (side[2] == 1).sum() > 200]
    assert len(scores) > 30
    assert np.mean(scores) >= 21


def test_the_folder_tells_its_kind(tmp_path: Path) -> None:
    for kind in ("usual", "side"):
        (case,) = write_pairs(1, 4, tmp_path / kind, 128, 96, kind=kind)
        assert json.loads((case / "meta.json").read_text())["kind"] == kind


def test_an_unknown_kind_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(BadParameter):
        write_pairs(1, 0, tmp_path / "pairs", kind="upside-down")
    result = CliRunner().invoke(app, ["synth", "--out", str(tmp_path / "pairs"), "--kind", "upside-down"])
    assert result.exit_code == 2
    assert all(name in result.output for name in KINDS)
    assert not (tmp_path / "pairs").exists()


def test_the_help_names_every_kind() -> None:
    output = " ".join(CliRunner().invoke(app, ["synth", "--help"], env={"COLUMNS": "200"}).output.split())
    assert all(name in output for name in KINDS)
