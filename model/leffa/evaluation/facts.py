"""What figures depend on besides the pictures: weights, versions, machine, date."""

import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from typing import Any


def facts_of_weights(model: object) -> dict[str, str]:
    """Weights, device and precision of a model, as far as it tells them."""
    told = {name: getattr(model, name, None) for name in ("weights", "weights_hash", "device", "dtype")}
    return {name: str(value) for name, value in told.items() if value is not None}


def facts_of_run(packages: Iterable[str] = ()) -> dict[str, Any]:
    """Versions of this program, Python, numpy and ``packages``; the machine; the date in UTC."""
    return {
        "versions": {
            "leffa": version_of("leffa"),
            "python": platform.python_version(),
            **{name: version_of(name) for name in ("torch", "numpy", *packages)},
        },
        "machine": {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def version_of(package: str) -> str:
    """The installed version of a package, or "unknown" where it runs without being installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"
