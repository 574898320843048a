"""A pickle machine that can make numpy arrays and plain containers, and nothing else.

detectron2 publishes its models as pickles, and a pickle is a program. This machine runs it with the dangerous
instructions taken out: no objects are made and no functions called but stand-ins of our own, which keep what
numpy's pickles say of an array. The arrays are made from those afterwards. It is Python's slow machine below,
because the fast one in C reserves, unasked, whatever memory a file claims to need. Nothing is copied while it
runs, and afterwards the arrays may take no more bytes than the file has.
"""

import mmap
import pickle
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUMBERS = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")
# The names in pickles of arrays: numpy's own, before and since 2.0; bytes of protocol 2; ordered dicts.
NAMES = {
    *((module, "_reconstruct") for module in ("numpy.core.multiarray", "numpy._core.multiarray")),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
    ("collections", "OrderedDict"),
}
# Instructions for everything but numbers, texts, bytes, tuples, lists, dicts and their memory.
FORBIDDEN = (
    pickle.PERSID,
    pickle.BINPERSID,
    pickle.INST,
    pickle.OBJ,
    pickle.NEWOBJ,
    pickle.NEWOBJ_EX,
    pickle.EXT1,
    pickle.EXT2,
    pickle.EXT4,
    pickle.EMPTY_SET,
    pickle.ADDITEMS,
    pickle.FROZENSET,
    pickle.NEXT_BUFFER,
    pickle.READONLY_BUFFER,
)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a pickled dict, or of the dict under its key ``model``, by name, in native byte order.

    Raises pickle.UnpicklingError for anything but numbers, texts, plain containers and number arrays, and for
    arrays of more bytes than the file has; EOFError and ValueError for files cut short or damaged.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        # Pickles of Python 2 hold bytes as text: latin1 gives them back unchanged.
        stored = _Machine(content, encoding="latin1").load()
    named = stored.get("model", stored) if isinstance(stored, dict) else {}
    for name, value in named.items():
        if not isinstance(name, str) or not isinstance(value, _Array):
            what = name[:40] if isinstance(name, str) else type(name).__name__
            raise pickle.UnpicklingError(f"{what!r} is not an array")
    _refuse_copies(named.values(), path.stat().st_size)
    return {name: value.array for name, value in named.items()}


def _refuse_copies(arrays: Iterable["_Array"], limit: int) -> None:
    """A pickle can give the same bytes to any number of arrays, each of which would copy them."""
    once = {id(array): len(array.data) for array in arrays}
    if sum(once.values()) > limit:
        raise pickle.UnpicklingError("its arrays take more bytes than the file has")


class _Kind:
    """What a pickle says of a numpy dtype: type and size first, byte order later."""

    def __init__(self, code: str) -> None:
        if code not in NUMBERS:
            what = code[:20] if isinstance(code, str) else type(code).__name__
            raise pickle.UnpicklingError(f"an array of {what!r}, which are not numbers")
        self.code, self.order = code, "="

    def fill(self, state: tuple[Any, ...]) -> None:
        self.order = state[1] if state[1] in (">", "<") else "="

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.order + self.code)


class _Array:
    """What a pickle says of a numpy array, until the array is asked for."""

    shape: tuple[int, ...]
    kind: _Kind
    columns_first: bool
    data: bytes | str  # a text is bytes in latin1: Python 2's, see read_arrays, or those of protocol 2

    def fill(self, state: tuple[Any, ...]) -> None:
        _, self.shape, self.kind, self.columns_first, self.data = state
        if not isinstance(self.kind, _Kind) or not isinstance(self.data, bytes | str):
            raise pickle.UnpicklingError("an array that is not made of bytes")

    @cached_property
    def array(self) -> NDArray[Any]:
        """The array; one and the same however often the pickle names it, so that names cost no memory."""
        content = bytearray(self.data, "latin1") if isinstance(self.data, str) else bytearray(self.data)
        flat = np.frombuffer(content, self.kind.dtype)
        shaped = flat.reshape(self.shape, order="F" if self.columns_first else "C")
        return np.asarray(shaped, self.kind.dtype.newbyteorder("="), order="C")


@dataclass(frozen=True)
class _Name:
    """One of the few names a pickle may use; an instruction to call it makes a stand-in."""

    name: str

    def __call__(self, *arguments: Any) -> Any:
        if self.name == "_reconstruct":
            return _Array()
        if self.name == "dtype" and arguments:
            return _Kind(arguments[0])
        if self.name == "encode" and isinstance(arguments[0], str):
            return arguments[0]  # as it is: each call would make a copy
        if self.name == "OrderedDict":
            return _used_up(*arguments)
        raise pickle.UnpicklingError(f"it calls {self.name}")


def _used_up(pairs: Any = None) -> dict[Any, Any]:
    """A dict of Python 2's list of pairs, which is empty then: else it could be copied again and again."""
    if pairs is None:
        return {}
    if not isinstance(pairs, list):
        raise pickle.UnpicklingError("a dict that is not made of a list")
    made = dict(pairs)
    pairs.clear()
    return made


class _Machine(pickle._Unpickler):
    """Python's machine with fewer instructions."""

    dispatch = {
        code: run for code, run in pickle._Unpickler.dispatch.items() if bytes([code]) not in FORBIDDEN
    }

    def find_class(self, module: str, name: str) -> _Name:
        """A stand-in for one of NAMES."""
        if (module, name) not in NAMES:
            raise pickle.UnpicklingError(f"it names {module[:40]}.{name[:40]}, which no array needs")
        return _Name(name)

    def load_build(self) -> None:
        """Give a stand-in its state; of dicts it is dropped, nothing else may have any."""
        stack: list[Any] = vars(self)["stack"]
        state = stack.pop()
        if isinstance(stack[-1], _Kind | _Array):
            stack[-1].fill(state)
        elif not isinstance(stack[-1], dict):
            raise pickle.UnpicklingError("it changes something that is no array")

    dispatch[pickle.BUILD[0]] = load_build  # type: ignore[assignment]
