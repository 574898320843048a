"""Checkpoints become networks in the precision they run in, or a sentence says why not."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from leffa.device import Plan, _free_host_bytes, pick_device, pick_dtype, plan
from leffa.errors import BadParameter, FileMissing, UnsupportedWeights
from leffa.official import SPECS
from leffa.official.networks import load_pipeline
from leffa.weights.origins import fingerprint

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


def test_convolutions_are_laid_out_once_and_own_their_memory(weights: Path) -> None:
    unet = load_pipeline(weights, SPEC, ON_CPU).unet
    convolutions = [value for value in unet.parameters() if value.dim() == 4]
    assert all(value.is_contiguous(memory_format=torch.channels_last) for value in convolutions)
    assert all(value.untyped_storage().nbytes() == value.nbytes for value in unet.parameters())


def test_the_cpu_may_have_a_number() -> None:
    assert pick_device("cpu:0") == "cpu"
    assert plan("cpu:0", "float32", 10**15).resident


def test_preprocessors_count_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leffa.device.available_devices", lambda: ["cuda", "cpu"])
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr("leffa.device.free_bytes", lambda device: 6 * 1024**3)
    assert plan("cuda:0", "float16", 3 * 1024**3).resident
    assert not plan("cuda:0", "float16", 3 * 1024**3, beside=2 * 1024**3).resident
    with pytest.raises(BadParameter, match="no device 'cuda:1'"):
        plan("cuda:1")


@pytest.fixture
def linux(tmp_path: Path) -> Path:
    """/proc of a machine with a gigabyte of free memory, whose process is in the group /box/job."""
    (tmp_path / "self").mkdir()
    (tmp_path / "meminfo").write_text("MemTotal: 2097152 kB\nMemAvailable: 1048576 kB\n")
    (tmp_path / "self" / "cgroup").write_text("4:cpu,memory:/box/job\n0::/box/job\n")
    return tmp_path


def group(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


def test_free_memory_is_the_machines_without_limits(linux: Path, tmp_path: Path) -> None:
    assert _free_host_bytes(linux, tmp_path / "none") == 1024**3
    group(tmp_path / "groups", memory__max="max", memory__current=5, memory__stat="anon 5")
    assert _free_host_bytes(linux, tmp_path / "groups") == 1024**3
    assert _free_host_bytes(tmp_path / "not-linux", tmp_path / "none") > 1024**3


@pytest.mark.parametrize("place", ["", "box", "box/job"])
def test_free_memory_is_that_of_the_tightest_group_around(linux: Path, tmp_path: Path, place: str) -> None:
    stat = "anon 600\ninactive_file 250\nactive_file 50"
    group(tmp_path / "groups" / place, memory__max=1000, memory__current=900, memory__stat=stat)
    group(tmp_path / "groups" / "other", memory__max=10, memory__current=10, memory__stat="")
    assert _free_host_bytes(linux, tmp_path / "groups") == 400


def test_the_first_version_of_groups_counts_too(linux: Path, tmp_path: Path) -> None:
    files = {
        "memory__limit_in_bytes": 1000,
        "memory__usage_in_bytes": 900,
        "memory__stat": "inactive_file 7\ntotal_inactive_file 200",
    }
    group(tmp_path / "groups" / "memory" / "box", **files)
    assert _free_host_bytes(linux, tmp_path / "groups") == 300


@pytest.mark.parametrize(
    "device", ["tpu", "cuda:x", "cuda:99", "cuda:-1", "cpu:x", "cpu:7", "meta", "", "gpu"]
)
def test_a_device_that_is_not_there_is_refused_by_name(device: str) -> None:
    with pytest.raises(BadParameter) as error:
        pick_device(device)
    assert error.value.received == device and "cpu" in error.value.allowed


@pytest.mark.parametrize(("device", "dtype"), [("tpu", "auto"), ("cpu", "float16"), ("cpu", "int3")])
def test_what_the_machine_lacks_is_said(device: str, dtype: str) -> None:
    with pytest.raises(BadParameter) as error:
        plan(device, dtype)
    assert error.value.received in (device, dtype) and "auto" in error.value.allowed
