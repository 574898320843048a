"""What the first pull learnt of each file: size, checksum, and the revision of the hub it came from.

Kept in `checksums.json` in the weights folder. A file that is on record is fetched at that revision for ever
after, so a folder made again holds the same bytes; whoever wants what the hub has now deletes the record.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from leffa.errors import UnsupportedWeights
from leffa.files import whole_file
from leffa.weights.catalogue import PARSERS, SEGFORMER_FOLDER

Report = Callable[[str, int, int], None]
NAME = "checksums.json"
SHA256, GIT = "sha256", "git"
CHUNK = 4 * 1024**2


@dataclass(frozen=True)
class Record:
    """A file as the hub describes it.

    digest: `sha256:...` of large files, `git:...` (git's hash of a blob) of small ones, which is what the hub
    tells of each.
    """

    size: int
    digest: str
    repo: str
    revision: str


def read_records(folder: Path) -> dict[str, Record]:
    """The records of a weights folder by path below it; none where nothing was pulled yet.

    Raises UnsupportedWeights for a damaged file.
    """
    path = folder / NAME
    if not path.exists():
        return {}
    try:
        return {name: Record(**record) for name, record in json.loads(path.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UnsupportedWeights(f"{path} is damaged.", fix="Delete it and pull again.") from error


def keep_record(folder: Path, name: str, record: Record) -> None:
    """Add a record to the folder's, or replace it. Raises CannotWrite."""
    records = {**read_records(folder), name: record}
    with whole_file(folder / NAME) as draft:
        text = json.dumps({key: asdict(value) for key, value in sorted(records.items())}, indent=2)
        draft.write_text(text + "\n")


def has_own_segformer(folder: Path) -> bool:
    """Whether a whole SegFormer was brought by hand: its configuration is not the one on record."""
    if not all((folder / file.path).is_file() for file in PARSERS["segformer"]):
        return False
    config = f"{SEGFORMER_FOLDER}/config.json"
    record = read_records(folder).get(config)
    return record is None or not matches(folder / config, record)


def matches(path: Path, record: Record, report: Callable[[int, int], None] = lambda *_: None) -> bool:
    """Whether a file is byte for byte the recorded one; reads it whole, `report` gets (bytes read, size)."""
    if path.stat().st_size != record.size:
        return False
    kind, _, wanted = record.digest.partition(":")
    digest = hashlib.sha256() if kind == SHA256 else hashlib.sha1(b"blob %d\0" % record.size)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            report(file.tell(), record.size)
    return digest.hexdigest() == wanted
