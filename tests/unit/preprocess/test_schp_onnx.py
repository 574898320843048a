"""ONNX files are used as upstream does, and wrong ones are told from right ones."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from leffa.errors import FileMissing, UnsupportedWeights
from leffa.preprocess.parsing import HumanParser
from leffa.preprocess.schp_onnx import load_graph
from leffa.preprocess.schp_parser import ATR, LIP

RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (64, 48, 3), np.uint8)
WEIGHTS = {size: RNG.normal(size=(size, 3, 1, 1)).astype(np.float32) for size in (2, 18, 20)}


def write(path: Path, labels: int, side: int | str, sizes: tuple[int, ...] | None = None) -> Path:
    """A graph that scores every fourth pixel by its colour, with outputs of `sizes` labels."""
    sizes = sizes or (2, labels, 2)
    nodes = [helper.make_node("AveragePool", ["input.1"], ["small"], kernel_shape=[4, 4], strides=[4, 4])]
    nodes += [helper.make_node("Conv", ["small", f"w{i}"], [f"out{i}"]) for i in range(len(sizes))]
    shapes = {f"out{i}": [1, size, "h", "w"] for i, size in enumerate(sizes)}
    return save(path, nodes, side, shapes, {f"w{i}": WEIGHTS[size] for i, size in enumerate(sizes)})


def write_open(path: Path, labels: int) -> Path:
    """The same, except that only running it shows how many labels it has."""
    hide = [("Shape", "scores", "shape", {}), ("Cast", "shape", "float", {"to": TensorProto.FLOAT})]
    hide += [("Cast", "float", "hidden", {"to": TensorProto.INT64})]
    nodes = [helper.make_node("AveragePool", ["input.1"], ["small"], kernel_shape=[4, 4], strides=[4, 4])]
    nodes += [helper.make_node("Conv", ["small", "w"], ["scores"])]
    nodes += [helper.make_node(kind, [source], [target], **more) for kind, source, target, more in hide]
    nodes += [helper.make_node("Reshape", ["scores", "hidden"], [f"out{i}"]) for i in range(3)]
    return save(path, nodes, "side", dict.fromkeys(("out0", "out1", "out2")), {"w": WEIGHTS[labels]})


def save(
    path: Path,
    nodes: list[onnx.NodeProto],
    side: int | str,
    outputs: dict[str, list[int | str] | None],
    weights: dict[str, np.ndarray],
) -> Path:
    graph = helper.make_graph(
        nodes,
        "parser",
        [helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [1, 3, side, side])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(weight, name) for name, weight in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return write(tmp_path / "atr.onnx", 18, 512), write(tmp_path / "lip.onnx", 20, 473)


def test_the_second_output_is_the_scores(pair: tuple[Path, Path]) -> None:
    pixels = RNG.normal(size=(1, 3, 512, 512)).astype(np.float32)
    pooled = pixels.reshape(3, 128, 4, 128, 4).mean((2, 4))
    expected = np.tensordot(WEIGHTS[18][:, :, 0, 0], pooled, 1)
    assert np.allclose(load_graph(pair[0], 18)(pixels)[0], expected, atol=1e-5)


def test_a_pair_of_files_parses_a_photo(pair: tuple[Path, Path]) -> None:
    parsed = HumanParser.from_onnx(*pair).parse(PHOTO)
    for labels, count in ((parsed.atr, 18), (parsed.lip, 20), (parsed.parse, 19)):
        assert labels.shape == (64, 48) and labels.dtype == np.uint8 and labels.max() < count
    assert len(np.unique(parsed.atr)) > 2


def test_without_a_gpu_the_processor_does_it(pair: tuple[Path, Path]) -> None:
    there, here = (HumanParser.from_onnx(*pair, device=device).parse(PHOTO) for device in ("cuda:0", "cpu"))
    assert (there.parse == here.parse).all()


def test_the_files_the_wrong_way_round_are_refused(pair: tuple[Path, Path]) -> None:
    with pytest.raises(UnsupportedWeights, match="20"):
        HumanParser.from_onnx(*reversed(pair))


def test_a_graph_of_open_shape_is_judged_by_its_first_scores(tmp_path: Path) -> None:
    path = write_open(tmp_path / "open.onnx", 20)
    pixels = np.zeros((1, 3, 32, 32), np.float32)
    assert load_graph(path, 20)(pixels).shape == (1, 20, 8, 8)
    other = load_graph(path, 18)
    with pytest.raises(UnsupportedWeights, match=r"\[1, 20, 8, 8\], not \[1, 18"):
        other(pixels)


def test_a_graph_for_photos_of_another_size_is_refused(tmp_path: Path) -> None:
    run = load_graph(write(tmp_path / "small.onnx", 18, 256), 18)
    with pytest.raises(UnsupportedWeights, match="256"):
        run(np.zeros((1, 3, ATR.side, ATR.side), np.float32))


def test_a_graph_of_one_output_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "one.onnx", 18, 512, sizes=(18,))
    with pytest.raises(UnsupportedWeights, match="1 inputs and 1 outputs"):
        load_graph(path, 18)


@pytest.mark.parametrize("damage", [b"", b"<!doctype html>", b"cut"])
def test_a_damaged_file_is_refused(pair: tuple[Path, Path], damage: bytes) -> None:
    whole = pair[1].read_bytes()
    pair[1].write_bytes(whole[: len(whole) // 2] if damage == b"cut" else damage)
    with pytest.raises(UnsupportedWeights, match="lip.onnx"):
        load_graph(pair[1], len(LIP.labels))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="nothing.onnx"):
        load_graph(tmp_path / "nothing.onnx", 18)
