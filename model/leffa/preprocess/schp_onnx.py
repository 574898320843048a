"""SCHP's network as the ONNX files that upstream's demo uses (`parsing_atr.onnx`, `parsing_lip.onnx`)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from leffa.errors import FileMissing, UnsupportedWeights

FUSED: Final = 1  # of the graph's outputs: parsing, fused, edges


def load_graph(
    path: Path, labels: int, device: str = "cpu"
) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """A function from the network's input [1, 3, side, side] to scores [1, labels, side/4, side/4].

    On a GPU where `device` is one and onnxruntime was built for it, else on the CPU. Raises FileMissing;
    UnsupportedWeights for a file that is no such graph, at once or, where it does not say how many labels it
    has, at the first photo.
    """
    if not path.is_file():
        raise FileMissing(f"{path} does not exist.", fix="Get it: `leffa weights pull`.")
    session = _open(path, device)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) <= FUSED:
        raise _no_parser(path, f"it has {len(inputs)} inputs and {len(outputs)} outputs")
    if declared := outputs[FUSED].shape:
        _check_labels(path, declared, labels)

    def run(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            (scores,) = session.run([outputs[FUSED].name], {inputs[0].name: pixels})
        except Exception as error:  # onnxruntime has a class of its own for every way to fail
            raise _no_parser(path, _reason(error)) from error
        _check_labels(path, scores.shape, labels)
        return scores

    return run


def _open(path: Path, device: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Threads that spin while they wait would take the cores from the rest of the service.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=_providers(device, onnxruntime.get_available_providers())
        )
    except Exception as error:
        raise _no_parser(path, _reason(error)) from error


def _providers(device: str, available: list[str]) -> list[Any]:
    """Where the graph may run, best first."""
    wanted = torch.device(device)
    cpu = ["CPUExecutionProvider"]
    if wanted.type == "cuda" and "CUDAExecutionProvider" in available:
        return [("CUDAExecutionProvider", {"device_id": wanted.index or 0}), *cpu]
    return cpu


def _check_labels(path: Path, shape: Any, labels: int) -> None:
    """Raise unless a shape is [1, labels, h, w]; sizes that the graph leaves open are no numbers."""
    if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != labels):
        raise _no_parser(path, f"its scores have the shape {list(shape)}, not [1, {labels}, height, width]")


def _no_parser(path: Path, reason: str) -> UnsupportedWeights:
    return UnsupportedWeights(
        f"{path} is not the clothing parser it should be: {reason}.",
        fix="Get it again: `leffa weights pull`.",
    )


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(". ")
