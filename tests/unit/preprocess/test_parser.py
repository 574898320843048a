"""The parser keeps the photo's size, and its recipe makes it better in a few steps."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from leffa.errors import UnsupportedWeights
from leffa.mini.landmarks import Pose
from leffa.mini.parser import LABELS, PARTS, Parser, ParserNet, net_inputs, save_net
from leffa.training.data import draw_shards
from leffa.training.disturb import KEYPOINT_MIRROR, PART_MIRROR, detected, mirrored, moved
from leffa.training.loop import LoopConfig
from leffa.training.recipes import mini_parser as recipe

SMALL = (8, 16, 24, 32)
SEED = 7_100_000


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    draw_shards(folder, 6, SEED, 256, 192, workers=1)
    return folder


def sample_of(people: dict[str, np.ndarray], index: int = 0) -> dict[str, np.ndarray]:
    return {name: array[index] for name, array in people.items()}


def test_the_overlap_counts_what_is_small_as_much_as_what_is_large() -> None:
    true = torch.zeros(1, 4, 4, dtype=torch.long)
    true[0, 0, 0] = 1  # of three classes two occur
    right = 50 * F.one_hot(true, 3).permute(0, 3, 1, 2).float()
    missed = 50 * F.one_hot(torch.zeros_like(true), 3).permute(0, 3, 1, 2).float()
    assert float(recipe.lacking_overlap(right, true)) == pytest.approx(0)
    assert float(recipe.lacking_overlap(missed, true)) == pytest.approx(1 - (15 / 16 + 0) / 2)


def test_maps_have_half_the_picture_and_all_classes() -> None:
    inputs = net_inputs(np.zeros((2, 256, 192, 3), np.uint8), np.zeros((2, 256, 192), np.float32),
                        np.zeros((2, 17, 3), np.float32))  # fmt: skip
    labels, parts = ParserNet()(*inputs)
    assert labels.shape == (2, LABELS, 128, 96)
    assert parts.shape == (2, PARTS, 128, 96)


def test_weights_fit_the_repository(tmp_path: Path) -> None:
    save_net(ParserNet(), tmp_path / "parser.safetensors")
    assert (tmp_path / "parser.safetensors").stat().st_size < 8e6
    Parser.load(tmp_path / "parser.safetensors")


def test_foreign_weights_are_told(tmp_path: Path) -> None:
    save_net(ParserNet(SMALL), tmp_path / "parser.safetensors")
    with pytest.raises(UnsupportedWeights):
        Parser.load(tmp_path / "parser.safetensors")
    with pytest.raises(UnsupportedWeights):
        Parser.load(tmp_path / "absent.safetensors")
    (tmp_path / "noise.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(UnsupportedWeights):
        Parser.load(tmp_path / "noise.safetensors")


@pytest.mark.parametrize("size", [(256, 192), (300, 500), (900, 200)])
def test_answers_have_the_photo_s_size(size: tuple[int, int]) -> None:
    mask = np.zeros(size, np.float32)
    mask[size[0] // 4 :, size[1] // 3 : size[1] // 2] = 1
    pose = Pose(np.full((17, 3), 50, np.float32), mask, 1.0)
    labels, parts = Parser(ParserNet(SMALL)).parse(np.full((*size, 3), 90, np.uint8), pose)
    assert labels.shape == parts.shape == size
    assert labels.dtype == parts.dtype == np.uint8


def test_mirroring_twice_changes_nothing(shards: Path) -> None:
    person = sample_of(recipe.load_people(shards))
    again = mirrored(mirrored(person))
    for name, array in person.items():
        np.testing.assert_allclose(again[name], array, atol=1e-4)


def test_mirroring_swaps_left_and_right(shards: Path) -> None:
    people = recipe.load_people(shards)
    person = sample_of(people, int((people["labels"] == 14).any((1, 2)).argmax()))
    other = mirrored(person)
    assert (person["labels"] == 14).any()
    assert ((other["labels"] == 15) == (person["labels"] == 14)[:, ::-1]).all()
    assert sorted(PART_MIRROR) == list(range(25))
    assert sorted(KEYPOINT_MIRROR) == list(range(17))


def test_disturbed_samples_keep_shapes_and_ranges(shards: Path) -> None:
    people = recipe.load_people(shards)
    batch = recipe.draw_batch(people, np.arange(12), np.random.default_rng(3))
    assert batch["picture"].shape == (12, 256, 192, 3) and batch["picture"].dtype == np.uint8
    assert batch["labels"].max() < LABELS and batch["parts"].max() < PARTS
    assert batch["silhouette"].min() >= 0 and batch["silhouette"].max() <= 1
    assert batch["keypoints"][..., 2].min() >= 0 and batch["keypoints"][..., 2].max() <= 1


def test_a_real_detection_is_used_where_there_is_one_and_follows_the_framing(shards: Path) -> None:
    people = recipe.load_people(shards)
    assert people["found_keypoints"][..., 2].any(1).mean() > 0.5  # the detector knows drawn people, too
    sample = next(
        each for each in map(partial(sample_of, people), range(12)) if each["found_keypoints"].any()
    )
    rng = np.random.default_rng(0)
    seen = [detected(sample, rng)["keypoints"] for _ in range(40)]
    real = [np.array_equal(each, sample["found_keypoints"]) for each in seen]
    assert 10 < sum(real) < 35
    framed = moved(sample, np.random.default_rng(1))
    apart = framed["found_keypoints"][:, :2] - framed["keypoints"][:, :2]
    before = sample["found_keypoints"][:, :2] - sample["keypoints"][:, :2]
    assert np.median(np.hypot(*apart.T)) < 2.5 * np.median(np.hypot(*before.T)) + 1


def test_the_recipe_learns_and_resumes(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "HELD_OUT", 4)
    torch.manual_seed(0)
    net = ParserNet(SMALL)
    recipe.train_parser(
        net, shards, tmp_path, LoopConfig(steps=6, learning_rate=3e-3, warmup=1, log_every=1), 2, False
    )
    recipe.train_parser(
        net, shards, tmp_path, LoopConfig(steps=8, learning_rate=3e-3, warmup=1, log_every=1), 2, True
    )
    losses = [json.loads(line)["loss"] for line in (tmp_path / "parser.jsonl").read_text().splitlines()]
    assert len(losses) == 8
    assert min(losses[-3:]) < losses[0]
    assert 0 <= json.loads((tmp_path / "parser.json").read_text())["labels_miou"] <= 1
    assert (tmp_path / "parser.png").stat().st_size > 1000
