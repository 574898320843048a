"""What is installed, what the machine has, which weights are there, and what would be used."""

import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import leffa
from leffa.settings import Settings

PACKAGES = ("torch", "diffusers", "safetensors", "numpy", "pillow", "opencv-python-headless", "fastapi")
EMBEDDED = Path(leffa.__file__).parent / "mini" / "weights"
# What the official layout holds in the weights folder.
OFFICIAL = (
    "virtual_tryon.pth",
    "virtual_tryon_dc.pth",
    "pose_transfer.pth",
    "stable-diffusion-inpainting",
    "stable-diffusion-xl-1.0-inpainting-0.1",
    "densepose",
    "schp",
    "humanparsing",
    "openpose",
)


@dataclass(frozen=True)
class WeightsFile:
    """A file or folder of weights with its size in bytes; 0 where it is missing."""

    name: str
    size: int


@dataclass(frozen=True)
class Report:
    """What ``leffa doctor`` prints."""

    python: str
    versions: dict[str, str]
    cores: int
    memory_gb: float
    gpu: str | None
    embedded: list[WeightsFile]
    official: list[WeightsFile]
    model_path: str
    model: str
    device: str
    ready: bool

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values for JSON."""
        return asdict(self)


def examine(settings: Settings) -> Report:
    """Look at this machine and at the weights; imports torch, so it takes a few seconds."""
    embedded = [
        WeightsFile(path.name, path.stat().st_size) for path in sorted(EMBEDDED.glob("*.safetensors"))
    ]
    official = [WeightsFile(name, _size(settings.model_path / name)) for name in OFFICIAL]
    return Report(
        python=platform.python_version(),
        versions={"leffa": leffa.__version__, **{name: _version(name) for name in PACKAGES}},
        cores=_cores(),
        memory_gb=_memory_gb(),
        gpu=_gpu(),
        embedded=embedded,
        official=official,
        model_path=str(settings.model_path),
        model=settings.model,
        device=settings.device,
        ready=bool(embedded),
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size if path.is_file() else 0


def _cores() -> int:
    """Cores this process may use: fewer than the machine's where it is confined to some."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory_gb() -> float:
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3, 1)


def _gpu() -> str | None:
    try:
        import torch
    except ImportError:
        return None
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None
