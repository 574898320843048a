"""Where training runs: on the GPU if there is one, else on the CPU; in bfloat16 where that is quick."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor


@cache
def device() -> torch.device:
    """The device that everything trains on."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def tensor(array: np.ndarray) -> Tensor:
    """The array on that device, same dtype and shape."""
    return torch.from_numpy(np.ascontiguousarray(array)).to(device(), non_blocking=True)


def mixed_precision() -> Any:
    """The context that networks run in. A processor without bfloat16 would take six times as long with it."""
    quick = device().type != "cpu" or bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    return torch.autocast(device().type, torch.bfloat16, enabled=quick)
