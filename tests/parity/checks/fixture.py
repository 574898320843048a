"""A fixture folder in memory, and the measured distance of a result from it."""

import json
import struct
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor


class DamagedFixture(Exception):
    """Something is wrong with the fixture itself, so that nothing can be said about the product."""


@dataclass(frozen=True)
class Result:
    """One line of the report: the largest absolute difference and the one allowed."""

    check: str
    error: float
    tolerance: float

    @property
    def ok(self) -> bool:
        """False for differences above the tolerance, and for those that are no number."""
        return self.error <= self.tolerance


@dataclass(frozen=True)
class Fixture:
    """`facts` is fixture.json; tensors are read through the methods, which raise DamagedFixture."""

    folder: Path
    facts: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    @classmethod
    def load(cls, folder: Path) -> "Fixture":
        """Read and verify against the list of tensors that fixture.json gives."""
        try:
            facts = json.loads((folder / "fixture.json").read_text(encoding="utf-8"))
            kind, listed = facts["kind"], facts.get("tensors", facts.get("arrays", {}))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DamagedFixture(f"{folder.name}/fixture.json: {error!r}") from error
        if not isinstance(kind, str) or not isinstance(listed, dict):
            raise DamagedFixture(f"{folder.name}/fixture.json: no kind, or no list of tensors")
        return cls(folder, facts, {})

    def read_tensors(self) -> "Fixture":
        """The same fixture with its numbers, every listed one there and of its dtype and shape."""
        packed = (self.folder / "arrays.npz").exists()
        tensors = self._unpack("arrays.npz") if packed else self.weights("tensors.safetensors")
        for name, entry in self.facts.get("arrays" if packed else "tensors", {}).items():
            dtype, shape = (entry["dtype"], entry["shape"]) if isinstance(entry, dict) else entry
            found = tensors.get(name)
            if found is None or list(found.shape) != shape or str(found.dtype) != f"torch.{dtype}":
                raise DamagedFixture(f"{self.folder.name}: {name} is not {dtype} {shape}")
        return Fixture(self.folder, self.facts, tensors)

    def _unpack(self, path: str) -> dict[str, Tensor]:
        """Every array of an npz file; nothing that would have to be unpickled."""
        try:
            with np.load(self.folder / path) as stored:
                return {name: torch.from_numpy(stored[name]) for name in stored.files}
        except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise DamagedFixture(f"{self.folder.name}/{path}: {error}") from error

    def weights(self, path: str) -> dict[str, Tensor]:
        """A safetensors file by its path relative to the folder."""
        try:
            return load_file(self.folder / path)
        except (OSError, SafetensorError, ValueError, struct.error) as error:
            raise DamagedFixture(f"{self.folder.name}/{path}: {error}") from error

    def tensor(self, name: str) -> Tensor:
        """One tensor of the fixture."""
        if name not in self.tensors:
            raise DamagedFixture(f"{self.folder.name} has no {name}")
        return self.tensors[name]

    def array(self, name: str) -> np.ndarray:
        """The same as a numpy array."""
        return self.tensor(name).numpy()

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All of them as numpy arrays."""
        return {name: tensor.numpy() for name, tensor in self.tensors.items()}

    def fact(self, name: str) -> Any:
        """One entry of fixture.json."""
        if name not in self.facts:
            raise DamagedFixture(f"{self.folder.name}/fixture.json has no {name}")
        return self.facts[name]

    def names(self, prefix: str) -> list[str]:
        """Names of the tensors that begin so, in the file's order."""
        return [name for name in self.tensors if name.startswith(prefix)]


def distance(got: Any, expected: Any) -> float:
    """Largest absolute difference; infinite where the shapes differ, not a number where one is not."""
    got, expected = (np.asarray(x).astype(np.float64) for x in (got, expected))
    if got.shape != expected.shape:
        return float("inf")
    return float(np.abs(got - expected).max(initial=0))


def worst(check: str, measured: Iterable[tuple[float, float]]) -> list[Result]:
    """The one of many (error, tolerance) that comes nearest to its tolerance or goes farthest beyond it."""
    results = [Result(check, error, tolerance) for error, tolerance in measured]
    return [max(results, key=_badness)] if results else []


def mismatches(check: str, got: Any, expected: Any) -> Result:
    """Counts unequal entries of two lists or dicts of facts (0 allowed); a missing entry is unequal."""
    if isinstance(expected, Mapping):
        return Result(check, sum(got.get(key) != value for key, value in expected.items()), 0)
    unequal = sum(a != b for a, b in zip(got, expected, strict=False)) + abs(len(got) - len(expected))
    return Result(check, unequal, 0)


def _badness(result: Result) -> float:
    if np.isnan(result.error):
        return float("inf")
    return result.error / result.tolerance if result.tolerance else result.error * 1e9
