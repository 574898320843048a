"""A weights folder as the hub has it, with random weights of the true shapes.

    python scripts/make_random_weights.py DIR [--model viton_hd ...] [--dtype float16] [--format pth] [--tiny]

For running the service at true size where the published weights cannot be had: every network loads and
computes, the pictures are noise. Weights are noise scaled by fan-in, so that nothing overflows in float16;
they are written tensor by tensor, so memory stays small. DensePose and OpenPose see somebody in every photo.
Of the ONNX parsers only the interface is real: they label a figure standing in the middle of the photo,
whatever it shows (they need the package `onnx` and are left out without it). --tiny makes small networks,
configured by the JSON files in the base folders, for tests.
"""

import argparse
import io
import json
import math
import pickle
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import Progress
from torch import Tensor, nn

from leffa.preprocess.densepose_net import DensePoseRCNN
from leffa.preprocess.openpose import BodyPoseNet
from leffa.preprocess.schp import AugmentCE2P
from leffa.weights.catalogue import DENSEPOSE, OPENPOSE, PARSERS, SPECS, ModelSpec, converted
from leffa.weights.check import checkpoint_shapes
from leffa.weights.configs import BASES, FILES, SD15, SDXL
from leffa.weights.writing import Plan, in_order, write_tensors

DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}
STORAGES = {
    torch.float16: torch.HalfStorage,
    torch.bfloat16: torch.BFloat16Storage,
    torch.float32: torch.FloatStorage,
}
TINY_UNET = {"layers_per_block": 1, "norm_num_groups": 8, "cross_attention_dim": 16}
TINY_VAE = {"block_out_channels": [8, 8, 16, 16], "layers_per_block": 1, "norm_num_groups": 4}
TINY: dict[str, dict[str, Any]] = {
    SD15: {
        **TINY_UNET,
        "block_out_channels": [16, 32, 32, 32],
        "down_block_types": ["DownBlock2D", *["CrossAttnDownBlock2D"] * 2, "DownBlock2D"],
        "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 2, "UpBlock2D"],
        "attention_head_dim": 2,
    },
    SDXL: {
        **TINY_UNET,
        "block_out_channels": [16, 32, 32],
        "attention_head_dim": [2, 2, 4],
        "transformer_layers_per_block": [1, 1, 2],
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 80,
    },
}
# Pixels come as 0 to 255, and boxes shall stay about where their anchors are.
CALMED = {
    "backbone.bottom_up.stem.conv1.weight": 1 / 64,
    "proposal_generator.rpn_head.anchor_deltas.weight": 0.01,
    "roi_heads.box_predictor.cls_score.weight": 0.01,
    "roi_heads.box_predictor.bbox_pred.weight": 0.01,
}
EXCITED = 20.0  # heat maps high enough that some joints are seen
# Labels of the stand-in figure: ATR, LIP, then left, top, right, bottom in the parser's square.
FIGURE = (
    (2, 2, 0.42, 0.04, 0.58, 0.12),  # hair
    (11, 13, 0.44, 0.08, 0.56, 0.20),  # face
    (14, 14, 0.62, 0.24, 0.70, 0.56),  # left arm
    (15, 15, 0.30, 0.24, 0.38, 0.56),  # right arm
    (6, 9, 0.38, 0.52, 0.62, 0.90),  # trousers
    (4, 5, 0.36, 0.22, 0.64, 0.54),  # top
    (9, 18, 0.51, 0.90, 0.62, 0.95),  # left shoe
    (10, 19, 0.38, 0.90, 0.49, 0.95),  # right shoe
)
Report = Callable[[int, int], None]


def main(words: list[str] | None = None) -> None:
    """Write the folder, or say what is wrong with the words of the command line."""
    arguments = read_arguments(words)
    folder = arguments.folder
    models = [SPECS[name] for name in arguments.model]
    folder.mkdir(parents=True, exist_ok=True)
    for base in {model.base for model in models}:
        write_configs(folder / base, arguments.tiny)
    with Progress() as bar:
        for model in models:
            with_bar(bar, model.checkpoint, write_checkpoint, folder, model, arguments)
        write_densepose(folder / DENSEPOSE.path, arguments.tiny)
        if any(model.task == "tryon" for model in models):
            write_body_pose(folder / OPENPOSE.path, arguments.tiny)
            write_graphs(folder)
            if not arguments.tiny:
                write_schp(folder)


def read_arguments(words: list[str] | None) -> argparse.Namespace:
    """DIR and options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--model", action="append", choices=list(SPECS), help="default: viton_hd")
    parser.add_argument("--dtype", choices=list(DTYPES), default="float16")
    parser.add_argument("--format", choices=["safetensors", "pth"], default="safetensors")
    parser.add_argument("--tiny", action="store_true", help="small networks")
    arguments = parser.parse_args(words)
    arguments.model = arguments.model or ["viton_hd"]
    return arguments


def with_bar(bar: Progress, title: str, work: Callable[..., None], *arguments: Any) -> None:
    """Run `work(*arguments, report)` with a bar of its own."""
    task = bar.add_task(title, total=None)
    work(*arguments, lambda done, total: bar.update(task, completed=done, total=total))


def write_configs(base: Path, tiny: bool) -> None:
    """The base model's three JSON files."""
    for part, name in FILES.items():
        config = dict(BASES[base.name][part])
        if tiny:
            config |= {"unet": TINY[base.name], "vae": TINY_VAE, "scheduler": {}}[part]
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text(json.dumps(config, indent=2) + "\n")


def write_checkpoint(folder: Path, model: ModelSpec, arguments: argparse.Namespace, report: Report) -> None:
    """VAE and both UNets in one file, as published or as `leffa weights convert` would leave it."""
    dtype = DTYPES[arguments.dtype]
    shapes = checkpoint_shapes(folder / model.base)
    plans = {name: Plan(dtype, shape) for name, shape in shapes.items()}
    path = folder / model.checkpoint
    if arguments.format == "pth":
        write_pth(path, plans, report)
        return
    write_tensors(converted(path), plans, fill(plans, in_order(plans), report), {"source": "random"})


def fill(plans: Mapping[str, Plan], names: list[str], report: Report = lambda *_: None) -> Iterator[Tensor]:
    """Noise for each name in turn, the same for the same name and shape."""
    for done, name in enumerate(names, 1):
        yield noise(name, plans[name].shape).to(plans[name].dtype)
        report(done, len(names))


def noise(name: str, shape: tuple[int, ...]) -> Tensor:
    """Float32: matrices keep the size of what passes through them, norms do next to nothing."""
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    drawn = torch.randn(shape, generator=generator)
    if len(shape) > 1:
        return drawn / math.sqrt(math.prod(shape[1:]))
    if name.endswith("running_var"):
        return 1 + 0.02 * drawn.abs()
    return 0.02 * drawn + (1.0 if name.endswith("weight") else 0.0)


def write_pth(path: Path, plans: Mapping[str, Plan], report: Report) -> None:
    """torch's zip, record by record; torch.save would want all tensors at once."""
    names = list(plans)
    with torch.serialization._open_zipfile_writer(str(path)) as archive:
        listing = pickle_slots(plans)
        archive.write_record("data.pkl", listing, len(listing))
        archive.write_record("byteorder", b"little", len(b"little"))
        for key, tensor in enumerate(fill(plans, names, report)):
            storage = tensor.contiguous().untyped_storage()
            archive.write_record(f"data/{key}", storage, storage.nbytes())


class Storage:
    """The place of a tensor's numbers in torch's zip."""

    def __init__(self, key: int, plan: Plan) -> None:
        self.identity = ("storage", STORAGES[plan.dtype], str(key), "cpu", math.prod(plan.shape))


class Slot:
    """A tensor of a state dict as torch pickles it, its numbers elsewhere."""

    def __init__(self, key: int, plan: Plan) -> None:
        self.storage, self.shape = Storage(key, plan), plan.shape

    def __reduce__(self) -> tuple[Any, ...]:
        strides = torch.empty(self.shape, device="meta").stride()
        return torch._utils._rebuild_tensor_v2, (self.storage, 0, self.shape, strides, False, OrderedDict())


class SlotPickler(pickle.Pickler):
    """Writes storages as references into the zip."""

    def persistent_id(self, value: Any) -> Any:
        """What torch.load looks a storage up by."""
        return value.identity if isinstance(value, Storage) else None


def pickle_slots(plans: Mapping[str, Plan]) -> bytes:
    """The `data.pkl` of a state dict."""
    written = io.BytesIO()
    slots = OrderedDict((name, Slot(key, plan)) for key, (name, plan) in enumerate(plans.items()))
    SlotPickler(written, protocol=2).dump(slots)
    return written.getvalue()


def random_state(network: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """Noise for a network built on the meta device, under its own names."""
    plans = {name: Plan(dtype, tuple(value.shape)) for name, value in network.state_dict().items()}
    return dict(zip(plans, fill(plans, list(plans)), strict=True))


def write_densepose(path: Path, tiny: bool) -> None:
    """detectron2's pickle of numpy arrays; it sees one person, as large as the photo."""
    with torch.device("meta"):
        network = DensePoseRCNN()
    state = random_state(network, torch.float16 if tiny else torch.float32)
    for name, factor in CALMED.items():
        state[name] *= factor
    state["roi_heads.box_predictor.cls_score.bias"][:] = torch.tensor([9.0, -9.0])
    state["roi_heads.box_predictor.bbox_pred.weight"][:] = 0
    state["roi_heads.box_predictor.bbox_pred.bias"][:] = torch.tensor([0.0, 0.0, 25.0, 25.0])  # far larger
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: value.numpy() for name, value in state.items()}
    with path.open("wb") as file:
        pickle.dump({"model": arrays, "__author__": "random"}, file, protocol=4)


def write_body_pose(path: Path, tiny: bool) -> None:
    """OpenPose's flat state dict, in torch's older form as published."""
    with torch.device("meta"):
        network = BodyPoseNet()
    state = random_state(network, torch.float16 if tiny else torch.float32)
    for branch in ("L1", "L2"):
        state[f"Mconv7_stage6_{branch}.weight"] *= EXCITED
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path, _use_new_zipfile_serialization=False)


def write_schp(folder: Path) -> None:
    """SCHP's two checkpoints, with the wrapping and the prefix of training in parallel."""
    for file, classes in zip(PARSERS["schp"], (18, 20), strict=True):
        with torch.device("meta"):
            network = AugmentCE2P(classes)
        state = {f"module.{name}": value for name, value in random_state(network, torch.float32).items()}
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"state_dict": state}, path, _use_new_zipfile_serialization=False)


def write_graphs(folder: Path) -> None:
    """The two ONNX parsers, if the package that makes them is there."""
    try:
        import onnx
    except ImportError:
        print("left out, the package onnx is missing: humanparsing/parsing_atr.onnx, parsing_lip.onnx")
        return
    for which, (file, classes, side) in enumerate(zip(PARSERS["onnx"], (18, 20), (512, 473), strict=True)):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(figure_graph(classes, side, which), path)


def figure_graph(classes: int, side: int, which: int) -> Any:
    """input.1 [1, 3, side, side] to parsing, fused and edge scores, a quarter of the side."""
    from onnx import TensorProto, helper, numpy_helper

    cells = math.ceil(side / 4)
    scores = figure_scores(classes, cells, which)
    outputs = {"parsing": classes, "fused": classes, "edge": 2}
    constants, nodes = [numpy_helper.from_array(scores, "figure")], []
    for name, channels in outputs.items():
        weights = noise(f"{name}{classes}", (channels, 3, 3, 3)).numpy() * 0.1
        constants.append(numpy_helper.from_array(weights, f"{name}.weight"))
        result = f"{name}.noise" if channels == classes else name
        nodes.append(
            helper.make_node(
                "Conv", ["input.1", f"{name}.weight"], [result], strides=[4, 4], pads=[1, 1, 1, 1]
            )
        )
        if result != name:
            nodes.append(helper.make_node("Add", [result, "figure"], [name]))
    photo = helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [1, 3, side, side])
    told = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, cells, cells])
        for name, channels in outputs.items()
    ]
    graph = helper.make_graph(nodes, "figure", [photo], told, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def figure_scores(classes: int, cells: int, which: int) -> np.ndarray:
    """Float32 [1, classes, cells, cells]: 30 where the figure has that label, the `which`th, else 0."""
    labels = np.zeros((cells, cells), np.int64)
    for part in FIGURE:
        left, top, right, bottom = (round(edge * cells) for edge in part[2:])
        labels[top:bottom, left:right] = part[which]
    return 30 * (labels == np.arange(classes)[:, None, None])[None].astype(np.float32)


if __name__ == "__main__":
    main()
