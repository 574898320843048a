"""The random numbers of a request, in one documented order.

Order: `vae_masked_image`, `vae_ref_image` (the two posterior samples), `initial_noise`, then `step_noise.0`,
`step_noise.1`, … All standard normal float32, made on the CPU, so that a seed means the same picture's noise
on every device. Each row of a batch takes from its own generator: its picture does not depend on its
neighbours.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

Draw = Callable[[str, torch.Size], Tensor]


def seeded(generators: torch.Generator | Sequence[torch.Generator]) -> Draw:
    """Draws from CPU generators: one a row, or a single one for a batch of any size (row after row)."""

    def draw(name: str, shape: torch.Size) -> Tensor:
        rows = [generators] * shape[0] if isinstance(generators, torch.Generator) else generators
        if len(rows) != shape[0]:
            raise ValueError(f"{len(rows)} generators for a batch of {shape[0]}")
        return torch.stack([torch.randn(shape[1:], generator=row) for row in rows])

    return draw


def replayed(draws: Mapping[str, Tensor]) -> Draw:
    """Draws that were made before, by name; ValueError where one is missing or has another shape."""

    def draw(name: str, shape: torch.Size) -> Tensor:
        if name not in draws or draws[name].shape != shape:
            raise ValueError(f"there is no draw {name!r} of shape {tuple(shape)} to replay")
        return draws[name]

    return draw
