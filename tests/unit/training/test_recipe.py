"""The embedded model's recipe, one step of every stage on four pairs."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from leffa.errors import BadFolder, BadParameter
from leffa.mini.nets import HEIGHT, WIDTH, Mini
from leffa.mini.parser import Parser
from leffa.synth.kinds import KINDS
from leffa.synth.pairs import sample
from leffa.training.data import draw_shards, kind_of
from leffa.training.loop import LoopConfig, fit
from leffa.training.recipes.mini import FIRST_SEED, STAGES, train


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mini")
    train("all", folder, smoke=True)
    return folder


def test_every_stage_takes_a_step_and_the_result_loads(trained: Path) -> None:
    Mini().load(trained / "leffa-mini.safetensors")
    Parser.load(trained / "leffa-mini-parser.safetensors")


def test_one_pair_in_three_is_of_a_harder_kind_and_all_kinds_have_their_turn(trained: Path) -> None:
    kinds = Counter(kind_of(seed) for seed in range(30))
    assert kinds == {"usual": 20} | {kind: 2 for kind in KINDS if kind != "usual"}
    with np.load(trained / "data" / "train-000.npz") as shard:
        for index, person in enumerate(shard["person"]):
            seed = FIRST_SEED + index
            assert np.array_equal(person, sample(seed, HEIGHT, WIDTH, kind=kind_of(seed)).person)


@pytest.mark.parametrize("stage", ["vae", "parser", "layout", "pair", "refiner"])
def test_every_trained_stage_logs_a_finite_loss(trained: Path, stage: str) -> None:
    lines = (trained / f"{stage}.jsonl").read_text().splitlines()
    assert all(np.isfinite(json.loads(line)["loss"]) for line in lines)


@pytest.mark.parametrize("stage", ["vae", "parser", "refiner"])
def test_sample_sheets_are_written(trained: Path, stage: str) -> None:
    assert (trained / f"{stage}.png").stat().st_size > 1000


def test_a_stage_without_its_predecessor_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(BadFolder, match="run the stage layout first"):
        train("latents", tmp_path, smoke=True)


def test_a_run_that_is_there_is_not_trained_over(tmp_path: Path) -> None:
    config, net = LoopConfig(steps=1, learning_rate=1e-3), nn.Linear(1, 1)
    fit("small", net, lambda model, rng: {"loss": model.weight.sum()}, config, tmp_path, resume=False)
    with pytest.raises(BadFolder, match="small.ckpt"):
        fit("small", net, lambda model, rng: {"loss": model.weight.sum()}, config, tmp_path, resume=False)


def test_a_loss_that_is_no_number_ends_the_run_and_spoils_nothing(tmp_path: Path) -> None:
    net = nn.Linear(1, 1)

    def loss(model: nn.Linear, rng: np.random.Generator) -> dict[str, Tensor]:
        return {"loss": model.weight.sum() * torch.tensor(float("nan"))}

    with pytest.raises(BadParameter, match="no number"):
        fit("small", net, loss, LoopConfig(steps=3, learning_rate=1e-3), tmp_path, resume=False)
    assert not (tmp_path / "small.ckpt").exists()


def test_a_shard_of_a_smaller_run_is_drawn_anew_and_a_whole_one_kept(tmp_path: Path) -> None:
    for count in (1, 2):
        draw_shards(tmp_path, count, FIRST_SEED, HEIGHT, WIDTH, workers=1)
        with np.load(tmp_path / "train-000.npz") as shard:
            assert len(shard["person"]) == count
    before = (tmp_path / "train-000.npz").stat().st_mtime_ns
    draw_shards(tmp_path, 2, FIRST_SEED, HEIGHT, WIDTH, workers=1)
    assert (tmp_path / "train-000.npz").stat().st_mtime_ns == before


def test_an_unknown_stage_is_refused_with_the_list(tmp_path: Path) -> None:
    with pytest.raises(BadParameter) as refused:
        train("nap", tmp_path)
    assert refused.value.allowed == [*STAGES, "all"]


def _regress(model: nn.Linear, rng: np.random.Generator) -> dict[str, Tensor]:
    x = torch.from_numpy(rng.normal(size=(8, 3)).astype(np.float32))
    return {"loss": (model(x) - x.sum(1, keepdim=True)).square().mean()}


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    config = LoopConfig(steps=8, learning_rate=0.1, checkpoint_seconds=0)
    torch.manual_seed(0)
    start = nn.Linear(3, 1)
    whole, halves = nn.Linear(3, 1), nn.Linear(3, 1)
    for model in (whole, halves):
        model.load_state_dict(start.state_dict())
    fit("whole", whole, _regress, config, tmp_path, resume=False)

    calls = 0

    def interrupted(model: nn.Linear, rng: np.random.Generator) -> dict[str, Tensor]:
        nonlocal calls
        calls += 1
        if calls > 5:
            raise KeyboardInterrupt
        return _regress(model, rng)

    with pytest.raises(KeyboardInterrupt):
        fit("halves", halves, interrupted, config, tmp_path, resume=False)
    fit("halves", halves, _regress, config, tmp_path, resume=True)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), halves.parameters(), strict=True))
