"""Safetensors files written tensor by tensor, so that the file may be larger than the memory.

The library's own writer wants every tensor at once. The format is simple: the length of a JSON header as
eight bytes, the header with dtype, shape and place of every tensor, then the tensors one after the other.
https://github.com/huggingface/safetensors#format
"""

import json
import os
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


class Plan(NamedTuple):
    """A tensor to come."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return torch.Size(self.shape).numel() * self.dtype.itemsize


def in_order(plans: Mapping[str, Plan]) -> list[str]:
    """The names as a file holds them: wide numbers first, so that all lie at multiples of their size."""
    return sorted(plans, key=lambda name: (-plans[name].dtype.itemsize, name))


def write_tensors(
    path: Path, plans: Mapping[str, Plan], tensors: Iterable[Tensor], metadata: Mapping[str, str]
) -> None:
    """Write a safetensors file and have it on the disk; `tensors` come `in_order` and as planned.

    Raises OSError, and ValueError for a tensor that is not as planned.
    """
    names = in_order(plans)
    with path.open("wb") as file:
        file.write(_header(plans, names, metadata))
        for name, tensor in zip(names, tensors, strict=True):
            if (tensor.dtype, tuple(tensor.shape)) != plans[name]:
                raise ValueError(f"{name} is not as planned")
            file.write(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
        file.flush()
        os.fsync(file.fileno())


def _header(plans: Mapping[str, Plan], names: list[str], metadata: Mapping[str, str]) -> bytes:
    header: dict[str, object] = {"__metadata__": {"format": "pt", **metadata}}
    place = 0
    for name in names:
        plan = plans[name]
        header[name] = {
            "dtype": NAMES[plan.dtype],
            "shape": list(plan.shape),
            "data_offsets": [place, place + plan.size],
        }
        place += plan.size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text
