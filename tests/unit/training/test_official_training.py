"""Training of the official architecture from end to end, on four small people."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file

from leffa.device import Plan
from leffa.errors import BadFolder, BadParameter, FileMissing
from leffa.mini.nets import VAE_CONFIG, WEIGHTS
from leffa.official.networks import load_pipeline
from leffa.training import official
from leffa.training.checkpoints import checkpoints, weights_file
from leffa.training.config import TrainConfig
from leffa.training.journal import Journal
from leffa.training.networks import open_networks
from leffa.training.official import sample_order, train
from leffa.weights.catalogue import SPECS
from leffa.weights.check import checkpoint_shapes
from leffa.weights.fitting import require_fit, shapes_of, without_dead

MakeConfig = Callable[..., TrainConfig]
STAGE: dict[str, Any] = {"height": 96, "width": 72, "steps": 3, "batch": 2}
WITH_LOSS = STAGE | {"leffa_loss": {"timestep": 1000}}
SDXL: dict[str, Any] = {
    "transformer_layers_per_block": [2, 1],
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 80,
}
LAST_ATTENTION = "up_blocks.1.attentions.1.transformer_blocks.0"


def log_of(config: TrainConfig) -> list[dict[str, float]]:
    """The log without the one figure that depends on the clock."""
    lines = [json.loads(line) for line in (config.out / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "samples_per_second"} for line in lines]


def same(first: Path, second: Path) -> bool:
    ours, theirs = load_file(first), load_file(second)
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def newest(config: TrainConfig) -> Path:
    return checkpoints(config.out / "checkpoints")[-1][1]


def test_the_loss_falls(config: MakeConfig) -> None:
    run = config(stages=[STAGE | {"steps": 36, "batch": 2}], learning_rate=4e-3, log_every=12)
    train(run)
    losses = [line["loss"] for line in log_of(run)]
    assert losses[-1] < 0.7 * losses[0], losses


def test_a_resumed_run_equals_an_uninterrupted_one(
    config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed within the second stage, a step after a checkpoint, with gradients accumulated."""
    stages = [STAGE | {"accumulate": 2}, WITH_LOSS]
    whole = config(stages=stages, checkpoint_every=2, sheet_every=2, out=tmp_path / "whole")
    halves = whole.model_copy(update={"out": tmp_path / "halves"})
    expected = train(whole)

    def interrupted(journal: Journal, step: int) -> None:
        if step == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Journal, "advance", interrupted)
        train(halves)
    assert newest(halves).name == "step-00000004"
    assert same(train(halves, resume=True), expected)
    assert same(newest(halves) / "model.safetensors", newest(whole) / "model.safetensors")
    assert log_of(halves) == log_of(whole)


def test_a_finished_run_goes_on_with_a_further_stage(config: MakeConfig) -> None:
    run = config()
    train(run)
    train(run.model_copy(update={"stages": config(stages=[STAGE, WITH_LOSS]).stages}), resume=True)
    assert [line["step"] for line in log_of(run)] == [1, 2, 3, 4, 5, 6]


def test_the_leffa_loss_is_switched_on_at_its_stage(config: MakeConfig) -> None:
    run = config(stages=[STAGE, WITH_LOSS], drop_reference=0)
    train(run)
    lines = log_of(run)
    assert [line["stage"] for line in lines] == [0, 0, 0, 1, 1, 1]
    assert not any("leffa" in line for line in lines[:3])
    assert all(line["leffa"] > 0 for line in lines[3:])
    layers = {name for name in lines[3] if name.startswith("leffa/")}
    assert layers == {"leffa/00_12x9", "leffa/01_6x5", "leffa/02_12x9", "leffa/03_12x9"}
    assert sum(lines[3][name] for name in layers) == pytest.approx(lines[3]["leffa"], rel=1e-3)
    assert {name.replace("leffa", "spread") for name in layers} <= set(lines[3])


def test_a_loss_without_a_layer_is_refused_before_the_first_step(config: MakeConfig) -> None:
    deep = config().networks.unet | {
        "down_block_types": ["DownBlock2D"] * 2,
        "up_block_types": ["UpBlock2D"] * 2,
    }
    finest = STAGE | {"leffa_loss": {"resolution": 0.125}}
    run = config(networks={"unet": deep, "vae": "mini"}, stages=[STAGE, finest])
    with pytest.raises(BadParameter, match="as fine as") as refused:
        train(run)
    assert refused.value.field == "stages.1.leffa_loss.resolution"
    assert not (run.out / "log.jsonl").exists()


def test_without_a_garment_there_is_nowhere_to_look(config: MakeConfig) -> None:
    run = config(stages=[WITH_LOSS | {"steps": 1}], drop_reference=1)
    train(run)
    assert log_of(run)[0]["leffa"] == 0


def test_gradient_checkpointing_changes_no_gradient(config: MakeConfig, tmp_path: Path) -> None:
    run = config(stages=[WITH_LOSS], out=tmp_path / "kept")
    recomputed = run.model_copy(update={"gradient_checkpointing": True, "out": tmp_path / "recomputed"})
    ours, theirs = load_file(train(run)), load_file(train(recomputed))
    for name, tensor in ours.items():
        torch.testing.assert_close(theirs[name], tensor, msg=name)
    assert [line["leffa"] for line in log_of(recomputed)] == pytest.approx(
        [line["leffa"] for line in log_of(run)], rel=1e-4
    )


def test_the_learning_rate_rises_and_stays(config: MakeConfig) -> None:
    run = config(warmup=2, learning_rate=1e-3)
    train(run)
    assert [line["lr"] for line in log_of(run)] == [5e-4, 1e-3, 1e-3]


@pytest.mark.parametrize("model", ["viton_hd", "dress_code"])
def test_the_official_pipeline_loads_what_was_trained(config: MakeConfig, model: str) -> None:
    run = config(model=model)
    written = train(run)
    spec, folder = SPECS[model], run.out / "model"
    assert written == folder / Path(spec.checkpoint).with_suffix(".safetensors")
    state = load_file(written)
    require_fit(without_dead(checkpoint_shapes(folder / spec.base)), shapes_of(state), written.name)
    pipeline = load_pipeline(folder, spec, Plan("cpu", torch.float32, resident=True))
    assert pipeline.vae.config.scaling_factor != 1
    picture, mask = torch.zeros(1, 3, 96, 72), torch.ones(1, 1, 96, 72)
    made = pipeline(
        picture, picture, mask, picture, inference_steps=1, guidance_scale=2.5, generator=torch.Generator()
    )
    assert made.images.shape == picture.shape and made.images.isfinite().all()


def test_pose_transfer_is_trained_in_sdxls_shape(config: MakeConfig, deepfashion: Path) -> None:
    unet = config().networks.unet | SDXL
    data = {"kind": "deepfashion", "folder": deepfashion}
    run = config(model="pose_transfer", data=data, networks={"unet": unet, "vae": "mini"}, stages=[WITH_LOSS])
    train(run)
    load_pipeline(run.out / "model", SPECS["pose_transfer"], Plan("cpu", torch.float32, resident=True))
    assert log_of(run)[-1]["loss"] > 0


def test_the_published_checkpoint_is_a_start(config: MakeConfig) -> None:
    written = load_file(train(config()))
    run = config(start="official", weights=config().out / "model", networks=None)
    _, pair = open_networks(run)
    stem = written["unet.conv_in.weight"]
    assert torch.equal(pair.unet.conv_in.weight, stem.float())
    assert pair.unet.conv_in.weight.requires_grad


def test_an_inpainting_model_is_a_start(config: MakeConfig, tmp_path: Path) -> None:
    """Its nine inputs stay, the body's are silent at first; the reference UNet takes the latent's."""
    unet = UNet2DConditionModel.from_config(config().networks.unet | {"in_channels": 9})
    base = tmp_path / "weights" / SPECS["viton_hd"].base
    unet.save_pretrained(base / "unet")
    AutoencoderKL.from_config(VAE_CONFIG).save_pretrained(base / "vae")
    _, pair = open_networks(config(start="base", weights=tmp_path / "weights", networks=None))
    assert torch.equal(pair.unet.conv_in.weight[:, :9], unet.conv_in.weight)
    assert (pair.unet.conv_in.weight[:, 9:] == 0).all()
    assert torch.equal(pair.reference_unet.conv_in.weight, unet.conv_in.weight[:, :4])
    assert torch.equal(pair.unet.conv_out.weight, unet.conv_out.weight)


@pytest.mark.parametrize("start", ["official", "base"])
def test_weights_that_are_not_there_are_named(config: MakeConfig, tmp_path: Path, start: str) -> None:
    with pytest.raises(FileMissing, match="missing"):
        train(config(start=start, networks=None, weights=tmp_path))


def test_all_that_is_trained_gets_a_gradient_and_nothing_else(config: MakeConfig) -> None:
    """So devices can share gradients without looking for those that do not come."""
    pipeline, pair = open_networks(config())
    latent = torch.randn(2, 12, 12, 9)
    pair(latent, latent[:, :4], torch.tensor([10, 900])).square().mean().backward()
    trained = {name for name, parameter in pair.named_parameters() if parameter.requires_grad}
    assert trained == {name for name, parameter in pair.named_parameters() if parameter.grad is not None}
    assert f"unet.{LAST_ATTENTION}.attn1.to_q.weight" in trained
    assert f"reference_unet.{LAST_ATTENTION}.norm1.weight" in trained
    assert f"reference_unet.{LAST_ATTENTION}.attn1.to_q.weight" not in trained
    assert not any(parameter.requires_grad for parameter in pipeline.vae.parameters())


def test_checkpoints_are_whole_and_old_ones_go(config: MakeConfig) -> None:
    run = config(checkpoint_every=1, keep_checkpoints=2)
    unfinished = run.out / "checkpoints" / ".step-00000009"
    unfinished.mkdir(parents=True)
    train(run)
    names = {path.name for path in (run.out / "checkpoints").iterdir()}
    assert names == {"step-00000002", "step-00000003"}


def test_the_weights_are_those_of_the_newest_checkpoint_whenever_it_ends(
    config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = config(checkpoint_every=1)
    whole = config(checkpoint_every=1, out=run.out.parent / "whole")
    train(whole)

    def save(accelerator: Any, folder: Path, step: int, keep: int) -> None:
        real(accelerator, folder, step, keep)
        if step == 3:
            raise KeyboardInterrupt  # nothing is left to do but what comes after the last checkpoint

    real = official.save
    monkeypatch.setattr(official, "save", save)
    with pytest.raises(KeyboardInterrupt):
        train(run)
    monkeypatch.undo()
    train(run, resume=True)
    assert same(weights_file(run), weights_file(whole))


def test_a_loss_that_is_no_number_ends_the_run_and_spoils_nothing(
    config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = config(checkpoint_every=1)
    learn = official._learn

    def diverge(run: Any, stage: Any, *rest: Any) -> dict[str, torch.Tensor]:
        figures = learn(run, stage, *rest)
        return figures | {"loss": figures["loss"] * float("nan")} if newest_step(run.config) else figures

    monkeypatch.setattr(official, "_learn", diverge)
    with pytest.raises(BadParameter, match="no number"):
        train(run)
    assert newest_step(run) == 1
    assert all(tensor.isfinite().all() for tensor in load_file(weights_file(run)).values())


def newest_step(config: TrainConfig) -> int:
    found = checkpoints(config.out / "checkpoints")
    return found[-1][0] if found else 0


def test_a_checkpoint_that_does_not_fit_and_half_a_line_of_the_log(config: MakeConfig) -> None:
    run = config(stages=[STAGE | {"steps": 1}])
    train(run)
    (run.out / "checkpoints" / "step-backup").mkdir()
    with (run.out / "log.jsonl").open("a") as log:
        log.write('{"step": 2, "sta')
    train(run, resume=True)
    assert [line["step"] for line in log_of(run)] == [1]
    for weights in newest(run).glob("*.safetensors"):
        weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(BadFolder, match="step-00000001"):
        train(run, resume=True)


def test_a_used_folder_is_not_trained_over(config: MakeConfig) -> None:
    run = config(stages=[STAGE | {"steps": 1}])
    train(run)
    with pytest.raises(BadFolder, match="checkpoints"):
        train(run)


def test_sheets_and_tensorboard_are_written(config: MakeConfig) -> None:
    run = config(sheet_every=2, tensorboard=True)
    train(run)
    assert sorted(path.name for path in (run.out / "sheets").iterdir()) == [
        "step-00000002.jpg",
        "step-00000003.jpg",
    ]
    assert list((run.out / "tensorboard").iterdir())


@pytest.mark.slow
def test_two_processes_train_one_model(config: MakeConfig, tmp_path: Path) -> None:
    run = config(stages=[STAGE | {"accumulate": 2, "steps": 2}, WITH_LOSS], gradient_checkpointing=True)
    file = tmp_path / "run.yaml"
    file.write_text(run.model_dump_json())  # which is YAML too
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command = [*launch, "-m", "leffa.cli", "train", "official", str(file)]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert [line["step"] for line in log_of(run)] == [1, 2, 3, 4, 5]
    assert len(list(newest(run).glob("random_states_*"))) == 2


def test_brain_floats_train_too(config: MakeConfig) -> None:
    run = config(precision="bf16", stages=[WITH_LOSS], gradient_checkpointing=True)
    state = load_file(train(run))
    assert all(tensor.isfinite().all() for tensor in state.values())
    untouched = load_file(WEIGHTS)
    assert all(torch.equal(state[name], untouched[name]) for name in untouched if name.startswith("vae."))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_half_precision_without_a_gpu_is_refused(config: MakeConfig) -> None:
    with pytest.raises(BadParameter, match="fp16 needs a GPU"):
        train(config(precision="fp16"))


def test_an_optimiser_that_is_not_installed_is_refused(
    config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)
    with pytest.raises(BadParameter, match="needs the package bitsandbytes"):
        train(config(optimizer="adamw8bit"))


def test_every_epoch_has_each_case_once_in_an_order_of_its_own() -> None:
    order = sample_order(5, 12, (0, 1))
    assert sorted(order[:5]) == sorted(order[5:10]) == [0, 1, 2, 3, 4]
    assert not np.array_equal(order[:5], order[5:10])
    assert np.array_equal(order, sample_order(5, 20, (0, 1))[:12])
