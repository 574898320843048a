"""The jobs' files: whole or not there, and gone when they are to be."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from leffa.errors import PartMissing, StorageFailed
from leffa.jobs.files import Files


@pytest.fixture(params=["folder", "memory"])
def files(request, tmp_path: Path) -> Files:
    """Files in a folder, and in memory as without retention."""
    return Files(str(tmp_path / "files") if request.param == "folder" else f"memory://{uuid4().hex}")


def test_what_is_written_can_be_read(files) -> None:
    files.write("job", "person", b"\x00picture")
    files.write("job", "person", b"another")
    assert files.read("job", "person") == b"another"


def test_removing_takes_all_of_a_job_and_nothing_else(files) -> None:
    for job, name in (("a", "person"), ("a", "1-0-image"), ("b", "person")):
        files.write(job, name, b"x")
    files.remove("a")
    files.remove("a")
    assert files.jobs() == ["b"]
    with pytest.raises(PartMissing):
        files.read("a", "person")


def test_two_may_remove_the_same_at_once(files) -> None:
    for turn in range(20):
        for name in ("person", "garment", "1-0-image", "1-0-mask"):
            files.write(f"job-{turn}", name, b"x")
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(files.remove, f"job-{turn}") for _ in range(2)]:
                done.result()


def test_without_jobs_there_are_no_files(files) -> None:
    assert files.jobs() == []


def test_only_the_services_own_user_sees_the_folder(tmp_path: Path) -> None:
    Files(str(tmp_path / "files"))
    assert stat.S_IMODE((tmp_path / "files").stat().st_mode) == 0o700


def test_a_place_that_cannot_be_used_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("in the way")
    with pytest.raises(StorageFailed):
        Files(str(tmp_path / "files" / "below"))
