"""What is installed, what the machine has, which weights are there, and what would be used."""

import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import leffa
from leffa.engine.pool import Pool, open_pool
from leffa.engine.protocol import ModelStatus
from leffa.settings import Settings
from leffa.weights.catalogue import all_files, preferred

PACKAGES = (
    "torch", "diffusers", "safetensors", "onnxruntime", "transformers", "numpy", "pillow",
    "opencv-python-headless", "fastapi",
)  # fmt: skip
EMBEDDED = Path(leffa.__file__).parent / "mini" / "weights"


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights with its size in bytes; 0 where it is missing."""

    name: str
    size: int


@dataclass(frozen=True)
class ModelPlan:
    """How a model would run: `state` as GET /models has it; device, dtype and memory None where it cannot."""

    id: str
    state: str
    reason: str
    missing: list[str]
    command: str | None
    device: str | None
    dtype: str | None
    memory: str | None
    memory_gb: float | None


@dataclass(frozen=True)
class Report:
    """What ``leffa doctor`` prints."""

    python: str
    versions: dict[str, str]
    cores: int
    memory_gb: float
    gpu: str | None
    devices: list[str]
    embedded: list[WeightsFile]
    official: list[WeightsFile]
    model_path: str
    models: list[ModelPlan]
    model: str
    device: str
    dtype: str
    ready: bool

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values for JSON."""
        return asdict(self)


def examine(settings: Settings) -> Report:
    """Look at this machine and at the weights; imports torch, so it takes a few seconds.

    Raises UnknownModel where the settings name a model that does not exist.
    """
    from leffa.device import available_devices

    embedded = [
        WeightsFile(path.name, path.stat().st_size) for path in sorted(EMBEDDED.glob("*.safetensors"))
    ]
    official = [WeightsFile(file.path, _size(settings.model_path / file.path)) for file in all_files()]
    pool = open_pool(settings)
    pool.survey()
    chosen = _plan(pool.statuses[pool.shelf.default])
    return Report(
        python=platform.python_version(),
        versions={"leffa": leffa.__version__, **{name: _version(name) for name in PACKAGES}},
        cores=_cores(),
        memory_gb=_memory_gb(),
        gpu=_gpu(),
        devices=available_devices(),
        embedded=embedded,
        official=official,
        model_path=str(settings.model_path),
        models=_plans(pool),
        model=chosen.id,
        device=chosen.device or settings.device,
        dtype=chosen.dtype or settings.dtype,
        ready=chosen.state == "waiting" and chosen.device is not None and not chosen.missing,
    )


def _plans(pool: Pool) -> list[ModelPlan]:
    return [_plan(status) for status in pool.statuses.values()]


def _plan(status: ModelStatus) -> ModelPlan:
    known, place = status.known, status.placement
    return ModelPlan(
        id=known.id,
        state=status.state,
        reason=status.reason,
        missing=list(known.missing),
        command=known.command,
        device=place.device if place else None,
        dtype=place.dtype if place else None,
        memory=place.networks if place else None,
        memory_gb=round(place.size / 1024**3, 1) if place else None,
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _size(path: Path) -> int:
    found = preferred(path)
    return found.stat().st_size if found.is_file() else 0


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
