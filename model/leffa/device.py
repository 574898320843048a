"""Where the networks run and in which precision, by what the machine has."""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass

import torch

from leffa.errors import BadParameter

DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}
AUTO = "auto"
RESERVE = 2 * 1024**3  # bytes that the pictures of one request take beside the weights


@dataclass(frozen=True)
class Plan:
    """device as torch names it; dtype of the networks; resident: whether all of them stay on the device."""

    device: str
    dtype: torch.dtype
    resident: bool


def plan(device: str = AUTO, dtype: str = AUTO, weight_bytes: int = 0) -> Plan:
    """Decide for networks of `weight_bytes` in 16 bits. Raises BadParameter for what is not there."""
    chosen = pick_device(device)
    precision = pick_dtype(chosen, dtype)
    needed = weight_bytes * torch.finfo(precision).bits // 16
    return Plan(chosen, precision, chosen == "cpu" or needed + RESERVE <= free_bytes(chosen))


def pick_device(wanted: str = AUTO) -> str:
    """CUDA where there is one, else Apple's MPS, else the CPU; or what is wanted, if it is there.

    Raises BadParameter.
    """
    there = available_devices()
    if wanted == AUTO:
        return there[0]
    if wanted.partition(":")[0] not in there:
        raise BadParameter(
            f"This machine has no device {wanted!r}.",
            field="device",
            allowed=[AUTO, *there],
            received=wanted,
            fix="Choose one that is there, or auto. A GPU needs torch built for it.",
        )
    return wanted


def available_devices() -> list[str]:
    """Kinds of devices that this torch can use here, best first."""
    cuda = ["cuda"] if torch.cuda.is_available() else []
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return [*cuda, *mps, "cpu"]


def pick_dtype(device: str, wanted: str = AUTO) -> torch.dtype:
    """float16 on GPUs; on CPUs bfloat16 where they multiply it in hardware, else float32.

    Raises BadParameter for a name that is none, and for float16 on a CPU, where it is slow or missing.
    """
    if wanted not in (AUTO, *DTYPES) or (device == "cpu" and wanted == "float16"):
        allowed = [AUTO, *DTYPES] if device != "cpu" else [AUTO, "bfloat16", "float32"]
        raise BadParameter(
            f"The precision {wanted!r} is not possible on {device}.",
            field="dtype",
            allowed=allowed,
            received=wanted,
        )
    if wanted != AUTO:
        return DTYPES[wanted]
    if device != "cpu":
        return torch.float16
    abilities = torch.cpu.get_capabilities()
    return torch.bfloat16 if abilities.get("avx512_bf16") or abilities.get("amx_bf16") else torch.float32


def free_bytes(device: str) -> int:
    """Memory that could be taken on the device now; of MPS what Metal recommends to stay under."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(torch.device(device))[0])
    if device.startswith("mps"):
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return _free_host_bytes()


def give_back() -> None:
    """Return to the devices what dropped models held there."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _free_host_bytes() -> int:
    try:
        with open("/proc/meminfo", encoding="ascii") as meminfo:
            lines = dict(line.split(":") for line in meminfo)
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):  # not Linux: all the memory there is
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
