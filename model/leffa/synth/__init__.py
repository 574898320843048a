"""Synthetic people and garments with exact ground truth: `sample(seed)` and `write_pairs(...)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leffa.synth.pairs import SynthPair, sample, write_pairs

__all__ = ["SynthPair", "sample", "write_pairs"]


def __getattr__(name: str) -> Any:
    """Load the generator on first use: it needs numba, which serving does without."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from leffa.synth import pairs

    return getattr(pairs, name)
