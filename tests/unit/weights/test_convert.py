"""Pickles become safetensors: same numbers, half the size, nothing lost that is used."""

import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from leffa.errors import CannotWrite, FileMissing, UnsupportedWeights
from leffa.weights.catalogue import CHECKPOINTS, DENSEPOSE, OPENPOSE, preferred
from leffa.weights.convert import convert
from leffa.weights.origins import fingerprint
from leffa.weights.reading import read_state
from leffa.weights.writing import NAMES, Plan, in_order, write_tensors

CHECKPOINT = CHECKPOINTS["viton_hd"]


def quiet(*_: object) -> None:
    """No progress."""


def replace_checkpoint(folder: Path, state: dict[str, torch.Tensor]) -> Path:
    path = folder / CHECKPOINT.path
    path.unlink()
    torch.save(state, path)
    return path


def test_a_checkpoint_keeps_every_number_that_is_used(folder: Path) -> None:
    before = read_state(folder / CHECKPOINT.path)
    (written,) = convert([CHECKPOINT], folder, quiet)
    assert written == preferred(folder / CHECKPOINT.path)
    after = read_state(written)
    assert {name for name in before if ".attn2.to_" not in name} == after.keys()
    assert any(".norm2." in name for name in after)
    assert all(torch.equal(after[name], before[name].half()) for name in after)
    assert written.stat().st_size < 0.5 * (folder / CHECKPOINT.path).stat().st_size


def test_the_file_says_where_it_comes_from(folder: Path) -> None:
    (written,) = convert([CHECKPOINT], folder, quiet)
    with safe_open(written, "pt") as file:
        told = file.metadata()
    source = fingerprint(folder / CHECKPOINT.path)
    assert told == {"format": "pt", "source": CHECKPOINT.path, "source_fingerprint": source}


def test_parsers_keep_their_precision(folder: Path) -> None:
    path = folder / DENSEPOSE.path
    path.unlink()
    arrays = {"a": torch.randn(3, 4).numpy(), "b": torch.tensor(5).numpy()}
    path.write_bytes(pickle.dumps({"model": arrays}))
    (written,) = convert([DENSEPOSE], folder, quiet)
    found = read_state(written)
    assert all(torch.equal(found[name], torch.from_numpy(array)) for name, array in arrays.items())


def test_converting_again_does_nothing_until_the_pickle_changes(folder: Path) -> None:
    convert([CHECKPOINT], folder, quiet)
    assert convert([CHECKPOINT], folder, quiet) == []
    replace_checkpoint(folder, {"vae.a": torch.ones(3)})
    (written,) = convert([CHECKPOINT], folder, quiet)
    assert read_state(written).keys() == {"vae.a"}
    (folder / CHECKPOINT.path).unlink()
    assert convert([CHECKPOINT], folder, quiet) == []


def test_a_pickle_of_the_same_size_with_other_numbers_is_converted_again(folder: Path) -> None:
    size = replace_checkpoint(folder, {"vae.a": torch.ones(3)}).stat().st_size
    convert([CHECKPOINT], folder, quiet)
    assert replace_checkpoint(folder, {"vae.a": torch.zeros(3)}).stat().st_size == size
    (written,) = convert([CHECKPOINT], folder, quiet)
    assert read_state(written)["vae.a"].tolist() == [0, 0, 0]


def test_a_damaged_conversion_is_made_again(folder: Path) -> None:
    (written,) = convert([CHECKPOINT], folder, quiet)
    written.write_bytes(b"\xff" * 100)
    assert convert([CHECKPOINT], folder, quiet) == [written]


def test_numbers_too_large_for_float16_stop_it_and_nothing_is_left(folder: Path) -> None:
    replace_checkpoint(folder, {"vae.a": torch.ones(3), "vae.b": torch.tensor([1e6])})
    with pytest.raises(UnsupportedWeights, match=r"vae\.b"):
        convert([CHECKPOINT], folder, quiet)
    assert not list(folder.rglob("*.safetensors"))


def test_what_a_killed_conversion_left_is_cleared_away(folder: Path) -> None:
    left = folder / ".virtual_tryon.abcdefgh.safetensors"
    left.write_bytes(b"half")
    convert([CHECKPOINT], folder, quiet)
    assert not left.exists()


def test_a_missing_pickle_is_told(folder: Path) -> None:
    (folder / OPENPOSE.path).unlink()
    with pytest.raises(FileMissing, match="body_pose_model"):
        convert([OPENPOSE], folder, quiet)


def test_a_full_disk_is_told_before(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "shutil.disk_usage", lambda _: os.terminal_size((0, 0)) and type("U", (), {"free": 9})
    )
    with pytest.raises(CannotWrite, match="room"):
        convert([CHECKPOINT], folder, quiet)


def test_the_library_reads_what_is_written(tmp_path: Path) -> None:
    tensors = {f"t{i}": torch.ones(i + 1, 3).to(dtype) for i, dtype in enumerate(NAMES)}
    tensors |= {"scalar": torch.tensor(2.5), "empty": torch.zeros(0, 4)}
    plans = {name: Plan(tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()}
    path = tmp_path / "x.safetensors"
    write_tensors(path, plans, (tensors[name] for name in in_order(plans)), {"who": "me"})
    found = load_file(path)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


def test_a_tensor_that_is_not_as_planned_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not as planned"):
        plans = {"a": Plan(torch.float32, (2,))}
        write_tensors(tmp_path / "x.safetensors", plans, iter([torch.ones(3)]), {})
