"""Files that are there whole or not at all, whatever interrupts the writing; and folders for them."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leffa.errors import CannotWrite


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A hidden draft beside `path`, of its suffix, to write to; it becomes `path` when the block ends well.

    Raises CannotWrite.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
        os.close(handle)
        draft = Path(name)
        try:
            yield draft
            draft.chmod(0o644)
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CannotWrite(f"{path} cannot be written: {error.strerror}.") from error


def make_folder(folder: Path) -> None:
    """Make a folder with those above it, unless it is there. Raises CannotWrite."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"{folder} cannot be made: {error.strerror}.") from error
