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
from leffa.tryon import TryOnResult

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

    options = {"seed": 3, "inference_steps": 1, "protect": ("hands",), "sleeves": "long"}
    request = TryOnRequest(pixels(person_png), pixels(garment_png), **options)
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


def test_every_option_arrives(pictures: Path) -> None:
    options = ["--sleeves", "long", "--length", "short", "--protect", "hands, face", "--protect", "shoes"]
    switches = ["--repaint", "--ref-acceleration", "--preprocess-garment", "--upstream-faults"]
    result = tryon("person.png", "garment.png", "--steps", "1", *options, *switches)
    assert result.exit_code == 0, result.output
    parameters = provenance.read(Path("tryon.png").read_bytes()).parameters
    assert (parameters["sleeves"], parameters["length"]) == ("long", "short")
    assert parameters["protect"] == ["hands", "face", "shoes"]
    assert all(parameters[switch.removeprefix("--").replace("-", "_")] for switch in switches)
    assert "byte for byte" in tryon("--replay", "tryon.png", "-o", "again.png").output


def test_weights_that_are_not_here_are_told_with_the_command_that_gets_them(pictures: Path) -> None:
    for arguments, model in (
        (["tryon", "person.png", "garment.png", "--model", "viton_hd"], "viton_hd"),
        (["pose", "person.png", "person.png"], "pose_transfer"),
    ):
        result = runner.invoke(app, arguments)
        assert (result.exit_code, len(result.output.strip().splitlines())) == (2, 1), result.output
        assert result.output.strip().startswith("unknown_model:")
        assert f"leffa weights pull {model}" in result.output


def test_the_settings_choice_of_model_is_checked_before_anything_runs(pictures: Path, monkeypatch) -> None:
    monkeypatch.setenv("LEFFA_MODEL", "enormous")
    for command in (["tryon", "person.png", "garment.png"], ["serve"], ["doctor"], ["models"]):
        result = runner.invoke(app, command)
        assert (result.exit_code, "enormous" in result.output) == (2, True), command
    monkeypatch.setenv("LEFFA_MODEL", "viton_hd")
    assert "leffa weights pull viton_hd" in tryon("person.png", "garment.png").output


@pytest.fixture
def poses(pictures: Path, monkeypatch) -> Path:
    """The folder of pictures, and a stand-in for the pose model, whose weights nobody has here."""
    monkeypatch.setattr("leffa.errands.open_model", lambda task, garment_type, wanted: Poser())
    (pictures / "pose.png").write_bytes(Path("person.png").read_bytes())
    return pictures


class Poser:
    """Answers a pose request with its pose, like the real model in everything but the picture."""

    model, weights, weights_hash, device, dtype = "pose_transfer", "official", "0" * 64, "cpu", "float32"
    preprocessors: dict[str, str] = {}

    def __call__(self, request, progress) -> TryOnResult:
        plain = np.zeros(request.pose.shape[:2], np.uint8)
        options = {"inference_steps": request.inference_steps, "ref_acceleration": request.ref_acceleration}
        flow = np.zeros((8, 6, 2), np.float32)
        maps = (plain, request.pose, plain, plain, flow)
        return TryOnResult(255 - request.pose, *maps, request.seed, self.model, options, [], {})


def pose(*arguments: str):
    return runner.invoke(app, ["pose", *arguments])


def test_a_pose_from_files_and_the_same_again(poses: Path) -> None:
    result = pose(
        "person.png", "pose.png", "-o", "out.png", "--seed", "4", "--steps", "2", "--debug-dir", "maps"
    )
    assert result.exit_code == 0, result.output
    record = provenance.read(Path("out.png").read_bytes())
    assert (record.model, record.seed, set(record.inputs)) == ("pose_transfer", 4, {"person", "pose"})
    assert (Path("maps") / "person.png").exists()
    for arguments in ([], ["person.png", "pose.png"]):
        again = pose("--replay", "out.png", *arguments, "-o", "again.png")
        assert "byte for byte" in again.output, again.output


def test_a_replay_is_asked_of_the_command_that_made_the_picture(poses: Path) -> None:
    pose("person.png", "pose.png", "-o", "out.png")
    result = tryon("--replay", "out.png", "-o", "again.png")
    assert result.exit_code == 2 and "leffa pose --replay" in result.output


def test_a_pose_needs_two_pictures(poses: Path) -> None:
    result = pose("person.png")
    assert (result.exit_code, result.output.split(":")[0]) == (2, "missing_field")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nobody.png", "garment.png"], "file_missing"),
        (["person.png", "garment.png", "--protect", "feet"], "parameter_out_of_range"),
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
        ([f"{'p' * 300}.png", "garment.png"], "bad_file"),
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


@pytest.mark.parametrize("command", [["doctor"], ["models"], ["serve"], ["weights", "check"]])
def test_a_setting_that_cannot_be_is_one_line_too(monkeypatch, command: list[str]) -> None:
    monkeypatch.setenv("LEFFA_API_KEYS", "bob:my-secret-key")
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    (line,) = result.output.strip().splitlines()
    assert line.startswith("parameter_out_of_range: LEFFA_API_KEYS:") and "secret" not in line


@pytest.mark.parametrize(
    "options",
    [["--steps", "0"], ["--garment-type", "shoes"], ["--seed", "-1"], ["--sleeves", "wide"], ["--wat"]],
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
    plans = {plan["id"]: plan for plan in report["models"]}
    assert plans["viton_hd"]["command"] == "leffa weights pull viton_hd"
    assert (plans["mini"]["device"], plans["mini"]["dtype"]) == ("cpu", "float32")
    assert report["devices"][-1] == "cpu"
    plain = runner.invoke(app, ["doctor"])
    assert "would use" in plain.output and "model mini on cpu" in plain.output


def test_doctor_says_what_a_model_lacks_and_that_a_device_is_not_there(official, monkeypatch) -> None:
    monkeypatch.setenv("MODEL_PATH", str(official("viton_hd", size=2 * 1024**3)))
    result = runner.invoke(app, ["doctor"])
    assert result.exit_code == 1 and "nothing: see above" in result.output
    assert "lacks" in result.output and "openpose/body_pose_model.pth" in result.output
    monkeypatch.setenv("LEFFA_DEVICE", "cuda:77")
    assert "not there" in runner.invoke(app, ["doctor"]).output


def test_models_are_listed_in_words_and_for_programs(official, monkeypatch) -> None:
    monkeypatch.setenv("MODEL_PATH", str(official("dress_code", size=2 * 1024**3)))
    monkeypatch.setenv("LEFFA_DEVICE", "cpu")
    monkeypatch.setenv("LEFFA_DTYPE", "bfloat16")
    words = runner.invoke(app, ["models"]).output
    assert "not here: leffa weights pull viton_hd" in words
    assert "cpu in bfloat16, resident, 1.0 GB" in words
    assert "not for commerce: Dress Code" in words and "free for commerce" in words
    listed = {model["id"]: model for model in json.loads(runner.invoke(app, ["models", "--json"]).stdout)}
    assert listed["dress_code"]["default"] and listed["dress_code"]["memory_bytes"] == 1024**3
    assert not listed["viton_hd"]["present"] and not listed["dress_code"]["loaded"]


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
    for name in ("tryon", "pose", "serve", "doctor", "models", "weights", "synth", "train", "evaluate"):
        assert name in shown
    assert seconds < 3  # 0.4 s on an idle machine
