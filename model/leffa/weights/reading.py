"""Checkpoint files to tensors, without ever running what is written in them.

Three kinds of file: `.safetensors`, torch's own `.pth` (a zip of today or the older plain pickle) and
detectron2's `.pkl` (see `leffa.weights.pickles`). Tensors of `.safetensors` and of zipped `.pth` are views
into the file: memory is taken when they are used.
"""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from leffa.errors import FileMissing, LeffaError, UnsupportedWeights
from leffa.weights.pickles import read_arrays

GET_AGAIN = "Get it again: `leffa weights pull`."
ZIP_START = b"PK\x03\x04"
# The first bytes of what is often found in place of a checkpoint, and what to call it.
MISTAKEN = {
    b"version https://git-lfs": "is a Git LFS pointer, not the file itself",
    b"<!doctype": "is a web page, not a checkpoint",
    b"<html": "is a web page, not a checkpoint",
}


def read_state(path: Path) -> dict[str, Tensor]:
    """The flat state dict of a checkpoint, names and dtypes as stored, on the CPU.

    Of what is wrapped around it only a top-level ``state_dict`` (``.pth``) or ``model`` (``.pkl``) is taken
    off. Nothing in the file is executed: torch reads `.pth` with `weights_only`, a `.pkl` may hold numpy
    arrays and plain containers only. Raises FileMissing, and UnsupportedWeights for what is no whole
    checkpoint, holds anything else, or claims more numbers than it has bytes.
    """
    if not path.is_file():
        raise FileMissing(f"{path} does not exist.", fix=GET_AGAIN)
    _refuse_mistaken(path)
    readers = {".safetensors": load_file, ".pth": _read_torch, ".pkl": _read_detectron}
    if path.suffix not in readers:
        raise UnsupportedWeights(
            f"{path} is of no known kind.", fix="Known are .safetensors, .pth and .pkl files."
        )
    try:
        return _only_tensors(readers[path.suffix](path), path)
    except LeffaError:
        raise
    except Exception as error:  # damaged files make torch and pickle raise nearly anything
        raise UnsupportedWeights(
            f"{path} cannot be read as weights: {_reason(error)}.", fix=GET_AGAIN
        ) from error


def _refuse_mistaken(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(64).lstrip().lower()
    if not start:
        raise UnsupportedWeights(f"{path} is empty.", fix=GET_AGAIN)
    for beginning, words in MISTAKEN.items():
        if start.startswith(beginning):
            raise UnsupportedWeights(f"{path} {words}.", fix=GET_AGAIN)


def _read_torch(path: Path) -> Any:
    """Only the zip form can be mapped into memory; the older form is read whole."""
    with path.open("rb") as file:
        zipped = file.read(len(ZIP_START)) == ZIP_START
    if zipped:
        _refuse_inflated(path)
    content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    return content["state_dict"] if isinstance(content, Mapping) and "state_dict" in content else content


def _refuse_inflated(path: Path) -> None:
    """A checkpoint's zip holds its parts uncompressed, so they cannot be larger than the file."""
    if not zipfile.is_zipfile(path):  # the list of contents stands at the end
        raise UnsupportedWeights(f"{path} is cut short.", fix=GET_AGAIN)
    with zipfile.ZipFile(path) as archive:
        claimed = sum(part.file_size for part in archive.infolist())
    if claimed > path.stat().st_size:
        raise UnsupportedWeights(f"{path} unpacks to more than its own size.", fix=GET_AGAIN)


def _read_detectron(path: Path) -> dict[str, Tensor]:
    return {name: torch.from_numpy(array) for name, array in read_arrays(path).items()}


def _only_tensors(state: Any, path: Path) -> dict[str, Tensor]:
    if not isinstance(state, Mapping) or not state:
        raise UnsupportedWeights(f"{path} holds no state dict.")
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise UnsupportedWeights(f"{path}: {str(name)[:80]!r} is not a tensor.")
        if not _is_whole(tensor):
            raise UnsupportedWeights(f"{path}: {name[:80]!r} claims more numbers than the file holds.")
    return {name: tensor.detach() for name, tensor in state.items()}


def _is_whole(tensor: Tensor) -> bool:
    """Whether each element has bytes of its own; strides of 0, meta and sparse tensors claim any size."""
    plain = tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
    return plain and tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


def _reason(error: Exception) -> str:
    """The one telling line; torch explains itself over a page, with advice to switch safe loading off."""
    text = str(error)
    if refused := re.search(r"GLOBAL (\S+)", text):
        return f"it names {refused[1]}, which no tensor needs"
    telling = re.search(r"WeightsUnpickler error: (.+)", text)
    words = (telling[1] if telling else text).strip().splitlines() or [type(error).__name__]
    return f"it is cut short or damaged ({words[0][:160].rstrip('.')})"
