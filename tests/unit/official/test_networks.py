"""Checkpoints become networks in the precision they run in, or a sentence says why not."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from leffa.device import Plan, pick_device, pick_dtype, plan
from leffa.errors import BadParameter, FileMissing, UnsupportedWeights
from leffa.official import SPECS
from leffa.official.networks import fingerprint, load_pipeline

SPEC = SPECS["viton_hd"]
CHECKPOINT = "virtual_tryon.safetensors"
ON_CPU = Plan("cpu", torch.float32, resident=True)


@pytest.fixture
def folder(weights: Path, tmp_path: Path) -> Path:
    """A copy of the base model's configs, without a checkpoint."""
    (tmp_path / SPEC.base).symlink_to(weights / SPEC.base)
    return tmp_path


def test_networks_take_the_plans_precision_whatever_the_file_holds(weights: Path) -> None:
    pipeline = load_pipeline(weights, SPEC, Plan("cpu", torch.bfloat16, resident=True))
    for network in (pipeline.vae, pipeline.unet, pipeline.reference_unet):
        assert {parameter.dtype for parameter in network.parameters()} == {torch.bfloat16}
        assert not any(parameter.requires_grad for parameter in network.parameters())


def test_the_values_are_the_files(weights: Path) -> None:
    stored = load_file(weights / CHECKPOINT)
    unet = load_pipeline(weights, SPEC, ON_CPU).unet.state_dict()
    assert all(torch.equal(value, stored[f"unet.{name}"].float()) for name, value in unet.items())


def test_cross_attention_weights_may_be_there_or_not(weights: Path, folder: Path) -> None:
    state = load_file(weights / CHECKPOINT)
    skipped = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_q.weight"
    state.pop(skipped, None)
    save_file(state, folder / CHECKPOINT)
    load_pipeline(folder, SPEC, ON_CPU)
    state[skipped] = torch.zeros(4, 4)
    save_file(state, folder / CHECKPOINT)
    load_pipeline(folder, SPEC, ON_CPU)


@pytest.mark.parametrize("harm", ["missing", "unexpected", "of another shape"])
def test_a_checkpoint_that_does_not_fit_is_refused_by_name(weights: Path, folder: Path, harm: str) -> None:
    state, key = load_file(weights / CHECKPOINT), "unet.conv_in.weight"
    match harm:
        case "missing":
            del state[key]
        case "unexpected":
            state["unet.one.too.many"] = torch.zeros(1)
        case _:
            state[key] = torch.zeros(1, 2, 3, 4)
    save_file(state, folder / CHECKPOINT)
    with pytest.raises(UnsupportedWeights, match=harm):
        load_pipeline(folder, SPEC, ON_CPU)


def test_a_missing_checkpoint_is_named(folder: Path) -> None:
    with pytest.raises(FileMissing, match=r"virtual_tryon\.pth"):
        load_pipeline(folder, SPEC, ON_CPU)


def test_a_fingerprint_sees_size_head_and_tail(tmp_path: Path) -> None:
    file = tmp_path / "file"
    prints = set()
    for content in (b"a" * 3_000_000, b"a" * 3_000_001, b"b" + b"a" * 2_999_999, b"a" * 2_999_999 + b"b"):
        file.write_bytes(content)
        prints.add(fingerprint(file))
    assert len(prints) == 4


def test_networks_that_do_not_fit_visit_the_device(weights: Path) -> None:
    """`visit` gives the same numbers and leaves the weights where they were."""
    resident = load_pipeline(weights, SPEC, ON_CPU)
    visiting = load_pipeline(weights, SPEC, Plan("cpu", torch.float32, resident=False))
    assert visiting.visit == torch.device("cpu") and resident.visit is None
    home = {name: value.data_ptr() for name, value in visiting.unet.named_parameters()}
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(visiting.decode(latents), resident.decode(latents))
    assert {name: value.data_ptr() for name, value in visiting.unet.named_parameters()} == home


def test_a_plan_follows_the_machine() -> None:
    assert pick_device("cpu") == "cpu"
    assert pick_device() in ("cpu", "cuda", "mps")
    assert pick_dtype("cuda") == torch.float16
    assert pick_dtype("cpu") in (torch.bfloat16, torch.float32)
    assert plan("cpu", "float32", 10**15).resident  # there is nowhere else to go


@pytest.mark.parametrize(("device", "dtype"), [("tpu", "auto"), ("cpu", "float16"), ("cpu", "int3")])
def test_what_the_machine_lacks_is_said(device: str, dtype: str) -> None:
    with pytest.raises(BadParameter) as error:
        plan(device, dtype)
    assert error.value.received in (device, dtype) and "auto" in error.value.allowed
