"""The command line: a picture from files, the same again, and one line for every mistake."""

import io
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from leffa import provenance
from leffa.cli import app

runner = CliRunner()


@pytest.fixture
def pictures(tmp_path: Path, person_png: bytes, garment_png: bytes, monkeypatch) -> Path:
    """A folder with person.png and garment.png, which is also the working folder."""
    (tmp_path / "person.png").write_bytes(person_png)
    (tmp_path / "garment.png").write_bytes(garment_png)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tryon(*arguments: str):
    return runner.invoke(app, ["tryon", *arguments])


def test_a_try_on_from_files(pictures: Path) -> None:
    result = tryon("person.png", "garment.png", "-o", "out.png", "--seed", "7", "--steps", "2")
    assert result.exit_code == 0, result.output
    assert "out.png" in result.output and "seed 7" in result.output
    size = Image.open("person.png").size
    assert Image.open("out.png").size == size
    record = provenance.read(Path("out.png").read_bytes())
    assert (record.seed, record.parameters["inference_steps"]) == (7, 2)
    assert not list(pictures.glob(".*"))


def test_a_replay_gives_the_same_bytes(pictures: Path) -> None:
    tryon("person.png", "garment.png", "-o", "out.png", "--seed", "7", "--steps", "2")
    for arguments in ([], ["person.png", "garment.png"]):
        result = tryon("--replay", "out.png", *arguments, "-o", "again.png")
        assert result.exit_code == 0, result.output
        assert "byte for byte" in result.output
        assert Path("again.png").read_bytes() == Path("out.png").read_bytes()


def test_a_replay_of_what_the_service_made(pictures: Path, person_png, garment_png, model) -> None:
    from leffa.tryon import TryOnRequest

    def pixels(data: bytes) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    request = TryOnRequest(pixels(person_png), pixels(garment_png), seed=3, inference_steps=1)
    result = model(request)
    record = provenance.record(model, result, {"person": person_png, "garment": garment_png})
    Path("served.png").write_bytes(provenance.sign(result.image, "png", record))
    assert tryon("--replay", "served.png", "-o", "again.png").exit_code == 2
    replayed = tryon("--replay", "served.png", "person.png", "garment.png", "-o", "again.png")
    assert "byte for byte" in replayed.output, replayed.output


def test_debug_pictures(pictures: Path) -> None:
    result = tryon("person.png", "garment.png", "-o", "out.png", "--steps", "1", "--debug-dir", "maps")
    assert result.exit_code == 0, result.output
    names = {path.name for path in Path("maps").iterdir()}
    assert names == {"mask.png", "densepose.png", "parsing.png", "flow.png", "garment.png"}


def test_a_mask_and_another_format(pictures: Path) -> None:
    width, height = Image.open("person.png").size
    mask = np.zeros((height, width), np.uint8)
    mask[height // 3 : height // 2, width // 3 : width // 2] = 255
    Image.fromarray(mask).save("mask.png")
    options = ["--mask", "mask.png", "--steps", "1", "--garment-type", "dresses", "-o", "out.webp"]
    result = tryon("person.png", "garment.png", *options)
    assert result.exit_code == 0, result.output
    record = provenance.read(Path("out.webp").read_bytes())
    assert set(record.inputs) == {"person", "garment", "mask"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nobody.png", "garment.png"], "file_missing"),
        (["person.png"], "missing_field"),
        (["note.txt", "garment.png"], "not_an_image"),
        (["person.png", "empty.png"], "empty_file"),
        (["person.png", "garment.png", "-o", "out.gif"], "unknown_output_format"),
        (["person.png", "garment.png", "-o", "nowhere/out.png"], "bad_folder"),
        (["person.png", "garment.png", "--model", "best"], "unknown_model"),
        (["person.png", "garment.png", "--mask", "person.png"], "mask"),
        (["person.png", "garment.png", "--debug-dir", "note.txt"], "bad_folder"),
        (["--replay", "person.png"], "no_provenance"),
        (["--replay", "gone.png"], "file_missing"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(pictures: Path, arguments: list[str], code: str) -> None:
    Path("note.txt").write_text("hello")
    Path("empty.png").touch()
    if code == "mask":
        Image.new("L", (50, 50)).save("mask.png")
        arguments, code = [*arguments[:2], "--mask", "mask.png"], "mask_wrong_size"
    result = tryon(*arguments)
    assert result.exit_code == 2, result.output
    (line,) = result.output.strip().splitlines()
    assert line.startswith(f"{code}:")
    assert not Path("tryon.png").exists()


@pytest.mark.parametrize(
    "options", [["--steps", "0"], ["--garment-type", "shoes"], ["--seed", "-1"], ["--wat"]]
)
def test_bad_options_are_refused(pictures: Path, options: list[str]) -> None:
    result = tryon("person.png", "garment.png", *options)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_replay_with_other_inputs_is_refused(pictures: Path) -> None:
    tryon("person.png", "garment.png", "-o", "out.png", "--steps", "1")
    result = tryon("--replay", "out.png", "garment.png", "person.png", "-o", "again.png")
    assert (result.exit_code, result.output.split(":")[0]) == (2, "replay_mismatch")


def test_doctor_tells_what_is_there() -> None:
    result = runner.invoke(app, ["doctor", "--json"])
    report = json.loads(result.stdout)
    assert report["versions"]["torch"][0].isdigit()
    assert report["cores"] >= 1 and report["memory_gb"] > 0
    assert report["embedded"] and report["ready"] and result.exit_code == 0
    plain = runner.invoke(app, ["doctor"])
    assert "would use" in plain.output and "model mini on cpu" in plain.output


@pytest.mark.parametrize("size", ["wide", "192", "0x0", "192x99999"])
def test_synth_checks_the_size(tmp_path: Path, size: str) -> None:
    result = runner.invoke(app, ["synth", "--out", str(tmp_path), "--size", size])
    assert result.exit_code == 2 and "parameter_out_of_range" in result.output


def test_synth_writes_pairs(tmp_path: Path) -> None:
    result = runner.invoke(app, ["synth", "--out", str(tmp_path / "pairs"), "--count", "1", "--seed", "5"])
    assert result.exit_code == 0, result.output
    (folder,) = [path for path in (tmp_path / "pairs").iterdir() if path.is_dir()]
    assert {"person.png", "garment.png", "target.png", "mask.png"} <= {path.name for path in folder.iterdir()}


def test_training_refuses_an_unknown_stage(tmp_path: Path) -> None:
    result = runner.invoke(app, ["train", "mini", "--stage", "nap", "--out", str(tmp_path)])
    assert result.exit_code == 2 and "parameter_out_of_range" in result.output


def test_evaluate_refuses_a_folder_without_pairs(tmp_path: Path) -> None:
    result = runner.invoke(app, ["evaluate", "--pairs", str(tmp_path)])
    assert result.exit_code == 2 and len(result.output.strip().splitlines()) == 1


def test_help_is_quick_and_lists_every_command() -> None:
    begun = time.perf_counter()
    command = [sys.executable, "-m", "leffa.cli", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    seconds = time.perf_counter() - begun
    for name in ("tryon", "serve", "doctor", "synth", "train", "evaluate"):
        assert name in shown
    assert seconds < 3  # 0.4 s on an idle machine
