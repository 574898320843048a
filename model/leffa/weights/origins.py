"""Which pickle a converted file was made of, as its metadata tell."""

import hashlib
import json
import struct
from pathlib import Path

from leffa.weights.catalogue import PICKLES, converted

KEY = "source_fingerprint"
FINGERPRINT_BYTES = 1024**2


def fingerprint(path: Path) -> str:
    """SHA-256 over size, first and last megabyte, as hexadecimal: hashing gigabytes would take minutes.

    The end of torch's zip lists a checksum of every tensor, so there it tells all changes apart.
    """
    digest = hashlib.sha256(str(path.stat().st_size).encode())
    with path.open("rb") as file:
        digest.update(file.read(FINGERPRINT_BYTES))
        file.seek(max(0, path.stat().st_size - FINGERPRINT_BYTES))
        digest.update(file.read())
    return digest.hexdigest()


def origin(path: Path) -> dict[str, str]:
    """The metadata of what is made of `path`."""
    return {"source": path.name, KEY: fingerprint(path)}


def source_of(target: Path) -> str | None:
    """The fingerprint of what a safetensors file says it was made of; None for damaged files and others'."""
    try:
        with target.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(length, target.stat().st_size)))
        return str(header["__metadata__"][KEY])
    except (ValueError, KeyError, TypeError, struct.error):
        return None


def is_stale(path: Path) -> bool:
    """Whether the file that wins over the pickle `path` says it was made of another one."""
    target = converted(path)
    if path.suffix not in PICKLES or not path.is_file() or not target.is_file():
        return False
    return source_of(target) not in (None, fingerprint(path))
