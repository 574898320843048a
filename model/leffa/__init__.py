"""Leffa Virtual Try-On: a photo of a person and a picture of a garment in, the person wearing it out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leffa.errors import Finding, LeffaError
    from leffa.tryon import PoseRequest, TryOn, TryOnRequest, TryOnResult

_HOMES = {
    "Finding": "leffa.errors",
    "LeffaError": "leffa.errors",
    "PoseRequest": "leffa.tryon",
    "TryOn": "leffa.tryon",
    "TryOnRequest": "leffa.tryon",
    "TryOnResult": "leffa.tryon",
}
__all__ = ["Finding", "LeffaError", "PoseRequest", "TryOn", "TryOnRequest", "TryOnResult", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the public names on first use: `import leffa` alone stays quick."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'leffa' has no attribute {name!r}")
