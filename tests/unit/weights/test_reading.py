"""Checkpoint files are read as what they are, and nothing in them runs."""

import os
import pickle
import pickletools
import struct
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from leffa.errors import FileMissing, LeffaError, UnsupportedWeights
from leffa.weights.reading import read_state

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(3), "c": torch.ones(4).half()}


def assert_equal(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor] = STATE) -> None:
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def save_torch(content: Any, path: Path, zipped: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def save_pickle(content: Any, path: Path, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(content, protocol))
    return path


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "x.safetensors")
    assert_equal(read_state(tmp_path / "x.safetensors"))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrapped", [True, False])
def test_both_forms_of_torch_files_are_read(tmp_path: Path, zipped: bool, wrapped: bool) -> None:
    content = {"state_dict": OrderedDict(STATE), "epoch": 3} if wrapped else STATE
    assert_equal(read_state(save_torch(content, tmp_path / "x.pth", zipped)))


@pytest.mark.parametrize("protocol", range(5))
def test_detectron_pickles_are_read(tmp_path: Path, protocol: int) -> None:
    arrays = OrderedDict((name, tensor.numpy()) for name, tensor in STATE.items())
    path = tmp_path / "x.pkl"
    content = {"model": arrays, "__author__": "somebody", "matching_heuristics": True}
    assert_equal(read_state(save_pickle(content, path, protocol)))
    assert_equal(read_state(save_pickle(arrays, path, protocol)))


def test_arrays_of_another_order_come_out_the_same(tmp_path: Path) -> None:
    plain = np.arange(6, dtype="f4").reshape(2, 3)
    arrays = {"columns": np.asfortranarray(plain), "big": plain.astype(">f4")}
    found = read_state(save_pickle({"model": arrays}, tmp_path / "x.pkl"))
    assert all(torch.equal(tensor, torch.from_numpy(plain)) for tensor in found.values())


def test_a_pickle_as_python_2_wrote_it_is_read(tmp_path: Path) -> None:
    """Bytes as text, ordered dicts as lists of pairs, numpy under its old name."""
    program = (
        b"ccollections\nOrderedDict\n((l(S'w'\nlp0\n0(lp1\nS'w'\na"
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
        b"(I1\n(I1\ntcnumpy\ndtype\n(S'f4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb"
        b"I00\nS'\\x00\\x00\\x80?'\ntb"
        b"aatR."
    )
    (tmp_path / "x.pkl").write_bytes(program)
    assert_equal(read_state(tmp_path / "x.pkl"), {"w": torch.ones(1)})


class Hostile:
    """Pickled, it is the order to call `call` with `arguments`."""

    def __init__(self, call: Callable[..., Any], *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call, self.arguments


def hostile_contents(mark: Path) -> dict[str, Any]:
    """Objects that, unpickled carelessly, make the file `mark`."""
    code = f"open({str(mark)!r}, 'w')"
    objects = np.empty(1, object)
    objects[0] = Hostile(os.system, f"touch {mark}")
    return {
        "os.system": Hostile(os.system, f"touch {mark}"),
        "eval": Hostile(eval, code),
        "exec": Hostile(exec, code),
        "getattr": Hostile(getattr, Hostile(__import__, "os"), "system"),
        "open": Hostile(open, str(mark), "w"),
        "object array": objects,
        "numpy loader": Hostile(np.load, str(mark)),
        "torch loader": Hostile(torch.load, str(mark)),
        "a class of the program": Hostile(read_state, mark),
    }


@pytest.mark.parametrize("kind", ["zip", "legacy", "pkl"])
@pytest.mark.parametrize("name", hostile_contents(Path("x")))
@pytest.mark.parametrize("beside", [True, False])
def test_a_hostile_pickle_does_not_run(tmp_path: Path, name: str, kind: str, beside: bool) -> None:
    mark = tmp_path / "executed"
    content: Any = hostile_contents(mark)[name]
    if kind == "pkl":
        inside = {"w": np.ones(2), "x": content}
        path = save_pickle({"model": inside, "author": content} if beside else content, tmp_path / "x.pkl")
    else:
        inside = {"w": torch.ones(2), "x": content}
        path = save_torch(inside if beside else content, tmp_path / "x.pth", kind == "zip")
    with pytest.raises(UnsupportedWeights) as caught:
        read_state(path)
    assert not mark.exists()
    assert "\n" not in caught.value.detail and "Traceback" not in caught.value.detail


PROGRAMS = {
    "a name called by INST": b"(S'touch executed'\nios\nsystem\n.",
    "a name called by OBJ": b"(cos\nsystem\nS'touch executed'\no.",
    "a dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0cndarray.dump\x93.",
    "a persistent id": b"Pos.system\n.",
    "a binary persistent id": b"S'x'\nQ.",
    "an extension": b"\x80\x02\x82\x01.",
    "a new object": b"\x80\x02cnumpy\nndarray\n)\x81.",
    "changing what makes arrays": b"\x80\x02cnumpy\ndtype\n}S'name'\nS'x'\nsb.",
    "calling ndarray": b"\x80\x02cnumpy\nndarray\n(K\x01tR.",
    "a dtype of objects": b"\x80\x02cnumpy\ndtype\n(S'O8'\ntR.",
    "a codec of its own": b"\x80\x02c_codecs\nencode\n(S'x'\nS'rot13'\ntR.",
    "a decoder": b"\x80\x02c_codecs\ndecode\n(S'x'\nS'hex'\ntR.",
    "bytes that are claimed": b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b"abc.",
    "a frame that is claimed": b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"abc.",
    "a place far off in the memory": b"\x80\x04K\x01r\xff\xff\xff\xff.",
    "a bottomless list": b"]q\x00h\x00a.",
    "nothing at all": b".",
    "noise": bytes(range(256)) * 8,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_that_only_look_like_arrays_are_refused(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.pkl").write_bytes(PROGRAMS[name])
    with pytest.raises(UnsupportedWeights):
        read_state(tmp_path / "x.pkl")
    assert not (tmp_path / "executed").exists()


def test_an_array_of_more_numbers_than_bytes_is_refused(tmp_path: Path) -> None:
    whole = pickle.dumps({"model": {"w": np.ones((2, 3), "f4")}}, 2)
    claimed = whole.replace(b"K\x02K\x03\x86", b"J\x00\x00\x00\x40K\x03\x86")
    assert claimed != whole
    (tmp_path / "x.pkl").write_bytes(claimed)
    with pytest.raises(UnsupportedWeights):
        read_state(tmp_path / "x.pkl")


def test_one_array_under_many_names_takes_its_memory_once(tmp_path: Path) -> None:
    array = np.ones(1000, "f4")
    found = read_state(save_pickle({f"w{i}": array for i in range(50)}, tmp_path / "x.pkl"))
    assert len({tensor.data_ptr() for tensor in found.values()}) == 1


def shared_bytes(count: int, encoded: bool) -> bytes:
    """A pickle of 80 arrays that all have the same `count` bytes, or the same text to encode."""
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tC\x01btR"
    kind = b"cnumpy\ndtype\n(X\x02\x00\x00\x00u1I0\nI1\ntR(K\x03X\x01\x00\x00\x00|NNNI-1\nI-1\nK\x00tb"
    shape = b"(J" + struct.pack("<i", count) + b"t"
    again = b"c_codecs\nencode\n(h\x00X\x06\x00\x00\x00latin1tR" if encoded else b"h\x00"
    text = b"X" if encoded else b"B"
    program = b"\x80\x03" + text + struct.pack("<I", count) + bytes(count) + b"q\x000}"
    for number in range(80):
        name = f"w{number}".encode()
        program += b"X" + struct.pack("<I", len(name)) + name
        program += array + b"(K\x01" + shape + kind + b"I00\n" + again + b"tbs"
    return program + b"."


@pytest.mark.parametrize("encoded", [True, False])
def test_many_arrays_of_the_same_bytes_take_no_memory(tmp_path: Path, encoded: bool) -> None:
    (tmp_path / "x.pkl").write_bytes(shared_bytes(8_000_000, encoded))
    tracemalloc.start()
    with pytest.raises(UnsupportedWeights, match="more bytes than the file has"):
        read_state(tmp_path / "x.pkl")
    assert tracemalloc.get_traced_memory()[1] < 30_000_000
    tracemalloc.stop()


def test_a_list_of_pairs_is_made_a_dict_only_once(tmp_path: Path) -> None:
    pairs = b"(lq\x00(" + b"".join(b"(J" + struct.pack("<i", i) + b"K\x00t" for i in range(50_000)) + b"e0"
    program = b"\x80\x02" + pairs + b"]" + b"ccollections\nOrderedDict\n(h\x00tRa" * 100 + b"."
    (tmp_path / "x.pkl").write_bytes(program)
    tracemalloc.start()
    with pytest.raises(UnsupportedWeights):
        read_state(tmp_path / "x.pkl")
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    "around",
    [(b"cnumpy\ndtype\n(", b"tR."), (b"cnumpy\ndtype\n(X\x02\x00\x00\x00u1tR(K\x03", b"tb.")],
    ids=["a dtype's name", "a dtype's byte order"],
)
def test_nested_tuples_are_never_gone_through(tmp_path: Path, around: tuple[bytes, bytes]) -> None:
    """Forty tuples, each twice the one before: a text of it would take terabytes, a hash days."""
    before, after = around
    (tmp_path / "x.pkl").write_bytes(b"\x80\x02" + before + b"K\x01" + b"2\x86" * 40 + after)
    with pytest.raises(UnsupportedWeights):
        read_state(tmp_path / "x.pkl")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(1).expand(2**40),
        torch.ones(3, device="meta"),
        torch.sparse_coo_tensor([[0]], [1.0], (2**40,), check_invariants=True),
    ],
    ids=["strides of 0", "meta", "sparse"],
)
def test_tensors_that_claim_more_than_they_hold_are_refused(
    tmp_path: Path, tensor: torch.Tensor, zipped: bool
) -> None:
    with pytest.raises(UnsupportedWeights):
        read_state(save_torch({"w": tensor}, tmp_path / "x.pth", zipped))


def test_a_zip_that_unpacks_to_more_than_its_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10_000_000))
    with pytest.raises(UnsupportedWeights, match="more than its own size"):
        read_state(path)


@pytest.mark.parametrize("kind", ["safetensors", "zip", "legacy", "pkl"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.99])
def test_files_cut_short_are_told_in_plain_words(tmp_path: Path, kind: str, share: float) -> None:
    state = {f"layer{i}.weight": torch.randn(64, 64) for i in range(4)}
    path = tmp_path / {"safetensors": "x.safetensors", "pkl": "x.pkl"}.get(kind, "x.pth")
    if kind == "safetensors":
        save_file(state, path)
    elif kind == "pkl":
        save_pickle({"model": {name: tensor.numpy() for name, tensor in state.items()}}, path)
    else:
        save_torch(state, path, kind == "zip")
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(UnsupportedWeights) as caught:
        read_state(path)
    assert "cut short" in caught.value.detail and "\n" not in caught.value.detail
    assert "weights pull" in caught.value.fix


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"some text", "cut short or damaged"),
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".pkl", ".safetensors"])
def test_what_is_no_checkpoint_is_named(tmp_path: Path, content: bytes, words: str, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    with pytest.raises(UnsupportedWeights, match=words):
        read_state(path)


def test_missing_files_and_unknown_kinds(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        read_state(tmp_path / "x.pth")
    (tmp_path / "x.bin").write_bytes(b"x")
    with pytest.raises(UnsupportedWeights, match="no known kind"):
        read_state(tmp_path / "x.bin")


@pytest.mark.parametrize("content", [[1, 2], {}, {"w": "text"}, {1: torch.ones(1)}, torch.ones(1)])
def test_content_that_is_no_state_dict_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(UnsupportedWeights):
        read_state(save_torch(content, tmp_path / "x.pth"))


def test_spoiled_pickles_never_end_in_another_error(tmp_path: Path) -> None:
    """Single bytes of a good pickle changed: read or refused, never anything else."""
    good = pickle.dumps({"model": {"w": np.ones(3, "f4")}}, 2)
    instructions = [place for _, _, place in pickletools.genops(good)]
    path = tmp_path / "x.pkl"
    for place in instructions:
        for byte in (0x00, 0x28, 0x52, 0x62, 0x7D, 0x80, 0x93, 0xFF):
            path.write_bytes(good[:place] + bytes([byte]) + good[place + 1 :])
            try:
                read_state(path)
            except LeffaError:
                continue
