"""Getting weights from the hub, some from elsewhere: what is asked for, checked, going on after a stop.

A file grows in a hidden `.part` beside its place and takes its name when its checksum is the hub's, so
whatever stops a pull, no half file looks whole; the next pull goes on where the part ends. The hub's client
does the talking (`HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE` and proxies are its own), but not by its
`hf_hub_download`, which begins anew after a kill.
"""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BufferedWriter, FileIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers, disable_progress_bars, logging

from leffa.errors import BadFile, CannotWrite, FileMissing, LeffaError, Unavailable, UnsupportedWeights
from leffa.weights.catalogue import PARSERS, WeightsFile, converted
from leffa.weights.folder import alone, check_space
from leffa.weights.origins import is_stale
from leffa.weights.records import (
    GIT,
    SHA256,
    Record,
    Report,
    has_own_segformer,
    keep_record,
    matches,
    read_records,
)

HUB = "The hub"
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
GO_ON = "Pull again: what has come is kept."
# What the hub's refusals mean, and what to do.
ANSWERS = {
    401: ("The hub wants to know who asks for {}.", "Put a token that may read it into HF_TOKEN."),
    403: (
        "The hub does not let you read {}.",
        "Accept its terms on its page, and put your token into HF_TOKEN.",
    ),
    404: ("The hub has no {}, or not this file of it.", "Check HF_ENDPOINT; a mirror may lack it."),
    429: ("The hub asks to slow down.", "Wait some minutes, then pull again: what has come is kept."),
}


def pull(files: Sequence[WeightsFile], folder: Path, report: Report) -> list[WeightsFile]:
    """Bring what is missing of `files` into the weights folder; returns what was fetched.

    A pickle whose converted file is there counts as present, and so does a whole SegFormer of the user's own.
    What was converted from another pickle than now lies there is deleted. `report` gets (path, bytes, size)
    while a file comes and ("checking ...", bytes, size) while it is compared. Raises Unavailable without a
    connection or access, FileMissing for what the hub does not have, CannotWrite for a full disk,
    UnsupportedWeights for a wrong checksum, BadFile for files in the way.
    """
    logging.set_verbosity_error()
    disable_progress_bars()
    with alone(folder):
        if has_own_segformer(folder):
            files = [file for file in files if file not in PARSERS["segformer"]]
        records = read_records(folder)
        unsure = [file for file in files if not _is_there(file, folder, records)]
        offers = _offers(unsure, records)
        missing = [file for file in unsure if not _keep_found(file, folder, offers[file], report)]
        check_space(folder, sum(_left(folder / file.path, offers[file]) for file in missing))
        for file in missing:
            _fetch(file, folder, offers[file], report)
    return missing


def _is_there(file: WeightsFile, folder: Path, records: dict[str, Record]) -> bool:
    path = folder / file.path
    if converted(path).is_file() and not path.exists():
        return True
    if not path.exists() or file.path not in records:
        return False
    if path.stat().st_size != records[file.path].size:
        raise _in_the_way(path)
    return True


def _in_the_way(path: Path) -> BadFile:
    return BadFile(
        f"{path} is there but is not the published file.", fix="Delete or move it, then pull again."
    )


def _offers(files: Sequence[WeightsFile], records: dict[str, Record]) -> dict[WeightsFile, Record]:
    """What the hub has of each file; what is on record stays at the recorded revision."""
    unknown = {file.repo for file in files if not file.url and file.path not in records}
    listings = {repo: _listing(repo) for repo in sorted(unknown)}
    offers = {}
    for file in files:
        if file.url:
            offers[file] = Record(file.size, f"{SHA256}:{file.sha256}", file.url, "")
            continue
        offer = records.get(file.path) or listings[file.repo].get(file.hub_path)
        if offer is None:
            raise FileMissing(f"{file.repo} on the hub has no {file.hub_path}.", fix="Report it.")
        offers[file] = offer
    return offers


def _listing(repo: str) -> dict[str, Record]:
    with _hub_errors(repo):
        info = HfApi(library_name="leffa").model_info(repo, files_metadata=True)
    return {
        found.rfilename: Record(
            found.size or 0,
            f"{SHA256}:{found.lfs.sha256}" if found.lfs else f"{GIT}:{found.blob_id}",
            repo,
            info.sha or "main",
        )
        for found in info.siblings or []
    }


def _keep_found(file: WeightsFile, folder: Path, offer: Record, report: Report) -> bool:
    """Put a file on record that was brought by other means, if it is the hub's."""
    path = folder / file.path
    if not path.exists():
        return False
    if not matches(path, offer, lambda done, size: report(f"checking {file.path}", done, size)):
        raise _in_the_way(path)
    _settle(file, folder, offer)
    return True


def _part(path: Path, offer: Record) -> Path:
    return path.with_name(f".{path.name}.{offer.digest[-12:]}.part")


def _left(path: Path, offer: Record) -> int:
    part = _part(path, offer)
    return offer.size - (part.stat().st_size if part.exists() else 0)


def _fetch(file: WeightsFile, folder: Path, offer: Record, report: Report) -> None:
    path = folder / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path, offer)
    _drop_old_parts(path, part)
    with _hub_errors(offer.repo, urlsplit(file.url).hostname or HUB):
        _download(file, offer, part, report)
    if not matches(part, offer, lambda done, size: report(f"checking {file.path}", done, size)):
        part.unlink()
        raise UnsupportedWeights(
            f"{file.path} arrived damaged: its checksum is not the {'catalogue' if file.url else 'hub'}'s.",
            fix="Pull again.",
        )
    part.replace(path)
    _settle(file, folder, offer)


def _settle(file: WeightsFile, folder: Path, offer: Record) -> None:
    """Put a file on record; what was converted from another one would go on being read instead."""
    if is_stale(folder / file.path):
        converted(folder / file.path).unlink()
    keep_record(folder, file.path, offer)


def _drop_old_parts(path: Path, part: Path) -> None:
    """Parts of another version of the file can never be completed."""
    for old in path.parent.glob(f".{path.name}.*.part"):
        if old != part:
            old.unlink()


def _download(file: WeightsFile, offer: Record, part: Path, report: Report) -> None:
    """Append to the part until it has its size; goes on as long as every attempt brings something."""
    url = file.url or hf_hub_url(offer.repo, file.hub_path, revision=offer.revision)
    token = False if file.url else None  # the hub's token is nobody else's business
    headers = build_hf_headers(library_name="leffa", token=token)
    with _Part(part, lambda done: report(file.path, done, offer.size)) as out:
        while (before := out.tell()) < offer.size:
            try:
                http_get(url, out, resume_size=before, headers=headers, expected_size=offer.size)
            except Exception as error:
                answered = isinstance(error, HfHubHTTPError) or getattr(error, "errno", None) in FULL
                if answered or out.tell() <= before:
                    raise
        out.flush()
        os.fsync(out.fileno())


class _Part(BufferedWriter):
    """A file to append to that tells how far it has come."""

    def __init__(self, path: Path, told: Callable[[int], None]) -> None:
        super().__init__(FileIO(path, "ab"))
        self.told = told

    def write(self, data: Any) -> int:
        written = super().write(data)
        self.told(self.tell())
        return written


@contextmanager
def _hub_errors(repo: str, host: str = HUB) -> Iterator[None]:
    """Say in one line what stopped the talk with a host; the client raises errors of several libraries."""
    try:
        yield
    except Exception as error:
        raise _explained(error, repo, host) from error


def _explained(error: Exception, repo: str, host: str) -> LeffaError:
    if isinstance(error, OfflineModeIsEnabled):
        return Unavailable(
            f"Files of {repo} are missing, and HF_HUB_OFFLINE is set.",
            fix="Unset it, or copy the files into the folder.",
        )
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        told = ANSWERS if host == HUB else {}
        words, fix = told.get(status, (f"{host} answered {status} for {{}}.", GO_ON))
        return (
            FileMissing(words.format(repo), fix=fix)
            if status == 404
            else Unavailable(words.format(repo), fix=fix)
        )
    if isinstance(error, OSError) and error.errno in FULL:
        return CannotWrite("The disk is full.", fix="Make room, then pull again; what has come is kept.")
    reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
    return Unavailable(f"{host} cannot be reached for {repo}: {reason.rstrip('.')}.", fix=GO_ON)
