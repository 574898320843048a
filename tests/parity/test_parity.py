"""The product against our own fixtures, and the checker against damage: it must never say ok by accident."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

HERE = Path(__file__).resolve().parent
FIXTURES = HERE / "fixtures"
sys.path.insert(0, str(HERE))

import check  # noqa: E402


def lines(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    return [line.split() for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def broken(tmp_path: Path) -> Callable[..., Path]:
    """A folder with a copy of one fixture in which one file is changed."""

    def copy(name: str = "transform", **changed: bytes) -> Path:
        target = tmp_path / name
        target.mkdir()
        for source in (FIXTURES / name).iterdir():
            (target / source.name).write_bytes(changed.get(source.stem, source.read_bytes()))
        return tmp_path

    return copy


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.iterdir()))
def test_every_fixture_is_reproduced(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = check.main([str(FIXTURES / name)])
    report = lines(capsys)
    failed = [line for line in report if line[-1] != "ok"]
    assert (status, failed) == (0, [])
    assert {(line[0].partition("/")[0], len(line)) for line in report} == {(name, 5)}


def test_a_wrong_number_is_a_failure(broken: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    folder = broken()
    tensors = load_file(folder / "transform" / "tensors.safetensors")
    tensors["repaint0.out"][3, 3, 1] ^= 4
    save_file(tensors, folder / "transform" / "tensors.safetensors")
    assert check.main([str(folder)]) == 1
    failed = [line for line in lines(capsys) if line[-1] == "FAIL"]
    assert [line[:3] for line in failed] == [["transform/repaint0", "transform", "4"]]


def test_a_number_that_is_none_is_a_failure(broken: Callable[..., Path]) -> None:
    folder = broken()
    tensors = load_file(folder / "transform" / "tensors.safetensors")
    tensors["rescale0.out"][0, 0, 0, 0] = float("nan")
    save_file(tensors, folder / "transform" / "tensors.safetensors")
    assert check.main([str(folder)]) == 1


def test_other_kinds_are_not_yet_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "fixture.json").write_text('{"kind": "something_new"}')
    assert check.main([str(tmp_path)]) == 0
    assert lines(capsys) == [["later", "something_new", "not", "yet"]]


@pytest.mark.parametrize(
    "changed",
    [{"fixture": b"{"}, {"fixture": b"[]"}, {"fixture": b"{}"}, {"tensors": b""}, {"tensors": b"\xff" * 64}],
    ids=["cut json", "json list", "no kind", "empty tensors", "noise for tensors"],
)
def test_damage_is_told_in_one_line(
    broken: Callable[..., Path], changed: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main([str(broken(**changed))]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("damaged fixture: transform") and captured.err.count("\n") == 1


def test_a_missing_tensor_is_damage(broken: Callable[..., Path]) -> None:
    folder = broken()
    facts = json.loads((folder / "transform" / "fixture.json").read_text())
    facts["tensors"]["forgotten"] = ["float32", [1]]
    (folder / "transform" / "fixture.json").write_text(json.dumps(facts))
    assert check.main([str(folder)]) == 2


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--help-me"], ["/no/such/folder"]])
def test_bad_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_empty_folder_proves_nothing(tmp_path: Path) -> None:
    assert check.main([str(tmp_path)]) == 2


def test_it_runs_as_a_script_from_anywhere(tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "check.py"), str(FIXTURES / "transform")]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[0].endswith("ok")


def test_the_reference_shares_no_code_with_the_product() -> None:
    for name in ("reference.py", "make_fixtures.py"):
        assert "leffa." not in (HERE / name).read_text().replace("import leffa)", "")
