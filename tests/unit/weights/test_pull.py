"""Pulling weights from a hub, through everything that goes wrong on the way."""

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch

from leffa.errors import BadFile, CannotWrite, FileMissing, Unavailable, UnsupportedWeights
from leffa.weights.catalogue import PARSERS, SPECS, WeightsFile, files_of
from leffa.weights.folder import alone
from leffa.weights.origins import origin
from leffa.weights.pull import pull
from leffa.weights.records import Record, keep_record, read_records
from leffa.weights.writing import Plan, write_tensors

CHECKPOINT = "virtual_tryon.pth"
FILES = files_of(SPECS["viton_hd"])
CONFIG = next(file for file in FILES if file.path.endswith("vae/config.json"))
PROGRAM = "from leffa.cli.weights import weights; weights()"


@pytest.fixture
def fetch(hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[WeightsFile]]:
    """pull() in this process, from the hub at hand into tmp_path."""
    template = hub.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.address)
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(time, "sleep", lambda _: None)  # between attempts

    def fetch_files(files: Sequence[WeightsFile] = FILES) -> list[WeightsFile]:
        return pull(files, tmp_path, lambda *_: None)

    return fetch_files


def start(hub: Any, folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """The command line in a process of its own, which learns of the hub by its environment."""
    own = {
        **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(folder.parent / "home"),
        "MODEL_PATH": str(folder),
        "NO_COLOR": "1",
        **environment,
    }
    command = [sys.executable, "-c", PROGRAM, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=own, stdout=pipe, stderr=pipe, text=True, cwd=folder.parent)


def run(hub: Any, folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    process = start(hub, folder, *arguments, **environment)
    out, err = process.communicate(timeout=120)
    return process.returncode, out + err


def parts(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.part"))


def assert_same(hub: Any, folder: Path) -> None:
    """Every file that viton_hd needs is there, byte for byte, and nothing else looks like a file."""
    for file in FILES:
        assert (folder / file.path).read_bytes() == hub.files[file.path], file.path
    assert not parts(folder)


def test_the_command_fetches_what_the_model_needs_and_keeps_its_checksums(hub: Any, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    code, said = run(hub, folder, "pull", HF_TOKEN="hf_secret")
    assert code == 0, said
    assert f"{len(FILES)} files fetched" in said
    assert "not for commercial use: VITON-HD" in said
    assert_same(hub, folder)
    assert sorted(hub.downloads()) == sorted(file.path for file in FILES)  # nothing of the other models
    assert hub.tokens == {"Bearer hf_secret"}
    records = json.loads((folder / "checksums.json").read_text())
    assert records[CHECKPOINT]["digest"].startswith("sha256:")
    assert records[CHECKPOINT]["size"] == 25_000_000
    assert records[CHECKPOINT]["revision"] == hub.revision


def test_a_second_pull_asks_the_hub_for_nothing(hub: Any, fetch: Any) -> None:
    fetch()
    hub.refusal = 503
    assert fetch() == []


def test_another_model_shares_what_is_there(hub: Any, fetch: Any) -> None:
    fetch()
    assert [file.path for file in fetch(files_of(SPECS["dress_code"]))] == ["virtual_tryon_dc.pth"]


def test_a_connection_that_breaks_off_is_taken_up_again(hub: Any, fetch: Any, tmp_path: Path) -> None:
    hub.cut_after[CHECKPOINT] = 15_000_000
    fetch()
    assert_same(hub, tmp_path)
    ranges = [wanted for path, wanted in hub.asked if path == CHECKPOINT]
    assert ranges[0] is None and ranges[1].startswith("bytes=10485760-")  # whole chunks were kept


def test_a_killed_pull_leaves_no_half_file_and_the_next_goes_on(hub: Any, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    hub.pause = 0.02
    process = start(hub, folder, "pull")
    until(lambda: any(part.stat().st_size for part in parts(folder)), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / CHECKPOINT).exists()
    kept = parts(folder)[0].stat().st_size
    assert kept > 0
    hub.pause = 0
    hub.asked.clear()
    code, said = run(hub, folder, "pull")
    assert code == 0, said
    assert_same(hub, folder)
    assert (CHECKPOINT, f"bytes={kept}-") in hub.asked


def until(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.02)


def test_wrong_bytes_are_thrown_away(hub: Any, fetch: Any, tmp_path: Path) -> None:
    hub.spoiled.add(CHECKPOINT)
    with pytest.raises(UnsupportedWeights, match="checksum"):
        fetch()
    assert not (tmp_path / CHECKPOINT).exists() and not parts(tmp_path)
    assert CHECKPOINT not in read_records(tmp_path)
    hub.spoiled.clear()
    fetch()
    assert_same(hub, tmp_path)


def test_wrong_bytes_of_a_small_file_are_seen_too(hub: Any, fetch: Any, tmp_path: Path) -> None:
    hub.spoiled.add(CONFIG.path)
    with pytest.raises(UnsupportedWeights, match="checksum"):
        fetch([CONFIG])
    assert not (tmp_path / CONFIG.path).exists()


def test_too_little_room_is_told_before_anything_comes(hub: Any, fetch: Any) -> None:
    hub.claimed_sizes[CHECKPOINT] = 10**15
    with pytest.raises(CannotWrite, match=r"1000000\.0 GB are to come"):
        fetch()
    assert hub.downloads() == []


def test_a_disk_that_fills_up_ends_in_one_line(hub: Any, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    limit = 12_000_000
    process = start(hub, folder, "pull")
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, limit))
    out, err = process.communicate(timeout=120)
    assert process.returncode == 2, out + err
    assert err.strip().startswith("cannot_write: The disk is full.") and "\n" not in err.strip()
    assert not (folder / CHECKPOINT).exists()
    assert run(hub, folder, "pull")[0] == 0
    assert_same(hub, folder)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, Unavailable, "HF_TOKEN"),
        (403, Unavailable, "terms"),
        (404, FileMissing, "mirror"),
        (500, Unavailable, "Pull again"),
    ],
)
def test_refusals_say_what_to_do(hub: Any, fetch: Any, status: int, kind: type, words: str) -> None:
    hub.refusal = status
    with pytest.raises(kind) as caught:
        fetch()
    assert words in caught.value.fix


def test_a_file_that_the_hub_lacks_is_named(hub: Any, fetch: Any) -> None:
    del hub.files[CHECKPOINT]
    with pytest.raises(FileMissing, match=CHECKPOINT):
        fetch()


def test_no_network_and_offline_are_one_line_each(hub: Any, tmp_path: Path) -> None:
    code, said = run(hub, tmp_path / "weights", "pull", HF_HUB_OFFLINE="1")
    assert code == 2 and "HF_HUB_OFFLINE" in said and "Traceback" not in said
    code, said = run(hub, tmp_path / "weights", "pull", HF_ENDPOINT="http://127.0.0.1:9")
    assert code == 2 and "cannot be reached" in said and "Traceback" not in said
    assert said.strip().count("\n") == 0


def test_a_setting_that_forbids_non_commercial_parts_stops_a_pull(hub: Any, tmp_path: Path) -> None:
    code, said = run(hub, tmp_path / "weights", "pull", LEFFA_ALLOW_NON_COMMERCIAL="false")
    assert code == 2 and "VITON-HD (CC BY-NC 4.0" in said
    assert hub.downloads() == []


def test_offline_is_no_obstacle_when_everything_is_there(hub: Any, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    assert run(hub, folder, "pull")[0] == 0
    code, said = run(hub, folder, "pull", HF_HUB_OFFLINE="1")
    assert code == 0 and "already" in said


def test_files_brought_by_hand_are_recognised(hub: Any, fetch: Any, tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(hub.files[CHECKPOINT])
    assert CHECKPOINT not in [file.path for file in fetch()]
    assert CHECKPOINT in read_records(tmp_path)


@pytest.mark.parametrize("content", [b"something else", bytes(25_000_000)])
def test_a_file_in_the_way_is_not_overwritten(hub: Any, fetch: Any, tmp_path: Path, content: bytes) -> None:
    (tmp_path / CHECKPOINT).write_bytes(content)
    with pytest.raises(BadFile, match="not the published"):
        fetch()
    assert (tmp_path / CHECKPOINT).read_bytes() == content


def test_a_truncated_file_on_record_is_noticed(fetch: Any, tmp_path: Path) -> None:
    fetch()
    os.truncate(tmp_path / CHECKPOINT, 1_000)
    with pytest.raises(BadFile, match="not the published"):
        fetch()


def test_a_file_on_record_comes_back_as_it_was(hub: Any, fetch: Any, tmp_path: Path) -> None:
    fetch()
    old = hub.files[CONFIG.path]
    hub.move_on({**hub.files, CONFIG.path: b'{"new": true}\n'})
    (tmp_path / CONFIG.path).unlink()
    fetch()
    assert (tmp_path / CONFIG.path).read_bytes() == old


def test_a_converted_file_makes_its_pickle_unnecessary(hub: Any, fetch: Any, tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).with_suffix(".safetensors").write_bytes(b"converted")
    assert CHECKPOINT not in [file.path for file in fetch()]


def convert_by_hand(folder: Path, source: bytes) -> Path:
    """A converted file that says it was made of a checkpoint of this content."""
    path = folder / CHECKPOINT
    path.write_bytes(source)
    target = path.with_suffix(".safetensors")
    write_tensors(target, {"a": Plan(torch.float16, (1,))}, [torch.ones(1).half()], origin(path))
    path.unlink()
    return target


def test_what_was_converted_from_another_file_is_deleted(hub: Any, fetch: Any, tmp_path: Path) -> None:
    content = hub.files[CHECKPOINT]
    target = convert_by_hand(tmp_path, bytes(len(content)))
    (tmp_path / CHECKPOINT).write_bytes(content)
    fetch()
    assert not target.exists()
    target = convert_by_hand(tmp_path, content)
    (tmp_path / CHECKPOINT).write_bytes(content)
    fetch()
    assert target.exists()


def test_safetensors_of_somebody_elses_are_kept(hub: Any, fetch: Any, tmp_path: Path) -> None:
    target = (tmp_path / CHECKPOINT).with_suffix(".safetensors")
    target.write_bytes(b"not ours")
    (tmp_path / CHECKPOINT).write_bytes(hub.files[CHECKPOINT])
    fetch()
    assert target.exists()


@pytest.mark.parametrize("pulled_before", [True, False])
def test_a_segformer_of_ones_own_is_left_alone(hub: Any, tmp_path: Path, pulled_before: bool) -> None:
    folder = tmp_path / "weights"
    own = [folder / file.path for file in PARSERS["segformer"]]
    own[0].parent.mkdir(parents=True)
    for path in own:
        path.write_bytes(b"my own")
    if pulled_before:
        for file in PARSERS["segformer"]:
            keep_record(folder, file.path, Record(1000, "sha256:0", file.repo, "main"))
    code, said = run(hub, folder, "pull", "--parser", "segformer")
    assert code == 0, said
    assert "left alone" in said
    assert (folder / CHECKPOINT).exists()
    assert {path.read_bytes() for path in own} == {b"my own"}


def test_two_pulls_at_once_do_not_meet(fetch: Any, tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(BadFile, match="at work"):
        fetch()


def test_parts_of_an_older_version_are_cleared_away(fetch: Any, tmp_path: Path) -> None:
    (tmp_path / f".{CHECKPOINT}.0123456789ab.part").write_bytes(b"old")
    fetch()
    assert not parts(tmp_path)


def elsewhere(hub: Any, size: int = 30_000) -> WeightsFile:
    """A file that is not on the hub but at an address of its own."""
    content = hub.files["metrics.pt"] = bytes(range(250)) * (size // 250)
    url = f"{hub.address}/franciszzj/Leffa/resolve/main/metrics.pt"
    digest = hashlib.sha256(content).hexdigest()
    return WeightsFile("metrics/net.pt", len(content), "imagenet", url=url, sha256=digest)


def test_a_file_with_an_address_of_its_own_comes_from_there_without_the_hubs_token(
    hub: Any, fetch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    file = elsewhere(hub)
    assert fetch([file]) == [file]
    assert (tmp_path / file.path).read_bytes() == hub.files["metrics.pt"]
    assert hub.tokens == {None}
    assert read_records(tmp_path)[file.path].digest == f"sha256:{file.sha256}"
    assert fetch([file]) == []


def test_it_goes_on_where_the_last_pull_stopped(hub: Any, fetch: Any, tmp_path: Path) -> None:
    file = elsewhere(hub)
    part = tmp_path / f"metrics/.net.pt.{file.sha256[-12:]}.part"
    part.parent.mkdir()
    part.write_bytes(hub.files["metrics.pt"][:20_000])
    fetch([file])
    assert (tmp_path / file.path).read_bytes() == hub.files["metrics.pt"]
    assert hub.asked == [("metrics.pt", "bytes=20000-")]


def test_another_file_than_the_catalogues_is_refused(hub: Any, fetch: Any, tmp_path: Path) -> None:
    file = elsewhere(hub)
    hub.spoiled.add("metrics.pt")
    with pytest.raises(UnsupportedWeights, match="checksum is not the catalogue's"):
        fetch([file])
    assert not (tmp_path / file.path).exists() and not parts(tmp_path)


def test_the_refusing_host_is_named(hub: Any, fetch: Any) -> None:
    file = elsewhere(hub)
    hub.refusal = 403
    with pytest.raises(Unavailable, match="127.0.0.1 answered 403"):
        fetch([file])
