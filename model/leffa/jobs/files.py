"""The jobs' pictures: files below one address, which is a folder or anything that fsspec knows.

A database row names a file only once that is written to its end, so nobody is ever served half of one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from leffa.errors import PartMissing, StorageFailed

PRIVATE = 0o700


class Files:
    """Reads and writes the files of jobs below ``url``. Every method may raise StorageFailed."""

    def __init__(self, url: str) -> None:
        self._url = url
        with _storage_errors():
            fs, self._root = fsspec.core.url_to_fs(url)
            fs.makedirs(self._root, exist_ok=True)
            if isinstance(fs, LocalFileSystem):
                Path(self._root).chmod(PRIVATE)

    def write(self, job: str, name: str, data: bytes) -> None:
        """Write one file of a job; on a disk it is there even after a power cut."""
        with _storage_errors():
            fs = self._fs()
            fs.makedirs(f"{self._root}/{job}", exist_ok=True)
            with fs.open(f"{self._root}/{job}/{name}", "wb") as file:
                file.write(data)
                if isinstance(fs, LocalFileSystem):
                    file.flush()
                    os.fsync(file.fileno())
            if isinstance(fs, LocalFileSystem):
                _sync_folder(f"{self._root}/{job}")
                _sync_folder(self._root)

    def read(self, job: str, name: str) -> bytes:
        """The bytes of one file. Raises PartMissing where it is gone."""
        with _storage_errors():
            try:
                data: bytes = self._fs().cat_file(f"{self._root}/{job}/{name}")
            except FileNotFoundError:
                raise PartMissing() from None
            return data

    def remove(self, job: str) -> None:
        """Delete all files of a job, if there are any."""
        with _storage_errors():
            fs = self._fs()
            with suppress(FileNotFoundError):  # there are none, or somebody else deletes them now
                fs.rm(f"{self._root}/{job}", recursive=True)

    def jobs(self) -> list[str]:
        """The jobs that have files, whether the database knows them or not."""
        with _storage_errors():
            paths = self._fs().ls(self._root, detail=False)
            return [path.rstrip("/").rsplit("/", 1)[1] for path in paths]

    def _fs(self) -> fsspec.AbstractFileSystem:
        # fsspec keeps one instance a thread.
        return fsspec.core.url_to_fs(self._url)[0]


def _sync_folder(path: str) -> None:
    """Have a folder's list of files on the disk too."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except ImportError as error:  # fsspec knows where, but not how
        raise StorageFailed(f"The place of the files cannot be reached: {error}.") from error
    except OSError as error:
        raise StorageFailed(f"A file could not be kept: {error.strerror or error}.") from error
