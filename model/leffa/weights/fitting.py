"""Whether a checkpoint fits a network: the same names, the same shapes. Told before any tensor is touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from leffa.errors import UnsupportedWeights

if TYPE_CHECKING:
    from torch import Tensor

Shapes = dict[str, tuple[int, ...]]
# Projections of cross-attention. There is no text, nothing reads them: files may hold them or not.
DEAD = ".attn2.to_"
EXAMPLES = 3


def shapes_of(state: Mapping[str, Tensor]) -> Shapes:
    """Names and shapes of a state dict, or of a network's."""
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def without_dead(shapes: Shapes) -> Shapes:
    """Those of weights that are read."""
    return {name: shape for name, shape in shapes.items() if DEAD not in name}


def require_fit(expected: Shapes, found: Shapes, name: str) -> None:
    """Raise UnsupportedWeights unless both are the same; `name` says what was found, such as a file."""
    both = expected.keys() & found.keys()
    faults = {
        "missing": expected.keys() - both,
        "unexpected": found.keys() - both,
        "of another shape": {
            f"{key} {list(found[key])} instead of {list(expected[key])}"
            for key in both
            if expected[key] != found[key]
        },
    }
    told = [f"{len(keys)} {fault} ({_some(keys)})" for fault, keys in faults.items() if keys]
    if told:
        raise UnsupportedWeights(
            f"{name} does not fit its network. Tensors: {', '.join(told)}.",
            fix="Get the published file: `leffa weights pull`.",
        )


def _some(keys: Iterable[str]) -> str:
    """Names come from the file, so they are cut."""
    listed = sorted(keys)
    return ", ".join(key[:120] for key in listed[:EXAMPLES]) + (", ..." if len(listed) > EXAMPLES else "")
