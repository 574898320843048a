"""Where the networks run and in which precision, by what the machine has."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from leffa.errors import BadParameter

DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}
AUTO = "auto"
RESERVE = 2 * 1024**3  # bytes that the pictures of one request take beside the weights
PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
# Of each version of Linux' control groups: folder, limit, what is taken, what of that is cached files.
CGROUP_FILES = {
    "": ("memory.max", "memory.current", ("inactive_file", "active_file")),
    "memory": (
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        ("total_inactive_file", "total_active_file"),
    ),
}


@dataclass(frozen=True)
class Plan:
    """device as torch names it; dtype of the networks; resident: whether all of them stay on the device."""

    device: str
    dtype: torch.dtype
    resident: bool


def plan(device: str = AUTO, dtype: str = AUTO, weight_bytes: int = 0, beside: int = 0) -> Plan:
    """Decide for networks of `weight_bytes` in 16 bits, with `beside` bytes of others on the same device.

    Raises BadParameter for what is not there.
    """
    chosen = pick_device(device)
    precision = pick_dtype(chosen, dtype)
    needed = weight_bytes * torch.finfo(precision).bits // 16
    return Plan(chosen, precision, chosen == "cpu" or needed + beside + RESERVE <= free_bytes(chosen))


def pick_device(wanted: str = AUTO) -> str:
    """CUDA where there is one, else Apple's MPS, else the CPU; or what is wanted, if it is there.

    There is one CPU and one MPS, whatever number is given with them as 0. Raises BadParameter.
    """
    there = available_devices()
    if wanted == AUTO:
        return there[0]
    device = _parse(wanted)
    if device is None or device.type not in there or (device.index or 0) >= _count(device.type):
        raise BadParameter(
            f"This machine has no device {wanted!r}.",
            field="device",
            allowed=[AUTO, *there],
            received=wanted,
            fix="Choose one that is there, or auto. A GPU needs torch built for it.",
        )
    return wanted if device.type == "cuda" else device.type


def _parse(name: str) -> torch.device | None:
    try:
        return torch.device(name)
    except (RuntimeError, ValueError):
        return None


def _count(kind: str) -> int:
    return torch.cuda.device_count() if kind == "cuda" else 1


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


def used_bytes() -> dict[str, int]:
    """Bytes that this process takes: "host", and "gpu" where there is CUDA."""
    pages = int((PROC / "self" / "statm").read_text().split()[1]) if PROC.is_dir() else 0
    used = {"host": pages * os.sysconf("SC_PAGE_SIZE")}
    if torch.cuda.is_available():
        used["gpu"] = sum(torch.cuda.memory_reserved(i) for i in range(torch.cuda.device_count()))
    return used


def give_back() -> None:
    """Return to the devices what dropped models held there."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _free_host_bytes(proc: Path = PROC, cgroups: Path = CGROUPS) -> int:
    """What the machine has, or less where a container or a service is confined to less."""
    return min([_free_in_machine(proc), *_free_in_groups(proc, cgroups)])


def _free_in_machine(proc: Path) -> int:
    try:
        lines = dict(line.split(":") for line in (proc / "meminfo").read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):  # not Linux: all the memory there is
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _free_in_groups(proc: Path, cgroups: Path) -> Iterator[int]:
    """What is free under each limit that concerns this process; limits hold for all groups inside.

    Cached files count as taken there, but make way: reading checkpoints alone would seem to fill a group.
    """
    for group in _own_groups(proc):
        for folder, (limit, taken, cached) in CGROUP_FILES.items():
            place = cgroups / folder / group
            try:
                allowed = int((place / limit).read_text())  # "max" is none
                stat = dict(line.split() for line in (place / "memory.stat").read_text().splitlines())
                used = int((place / taken).read_text()) - sum(int(stat.get(name, 0)) for name in cached)
            except (OSError, ValueError):
                continue
            yield max(0, allowed - max(0, used))


def _own_groups(proc: Path) -> set[Path]:
    """The groups of this process and all around them; a container sees its own one as the outermost."""
    own = {Path()}
    try:
        for line in (proc / "self" / "cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "" or "memory" in controllers.split(","):
                group = Path(path.lstrip("/"))
                own |= {group, *group.parents}
    except (OSError, ValueError):
        pass
    return own
