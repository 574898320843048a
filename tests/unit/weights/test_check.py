"""`leffa weights check` tells what is wrong with a folder, file by file, in plain words."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from leffa.cli.weights import weights
from leffa.weights.catalogue import CHECKPOINTS, DENSEPOSE, OPENPOSE, PARSERS, SEGFORMER_FOLDER, SPECS
from leffa.weights.check import Finding, check, checkpoint_shapes
from leffa.weights.configs import BASES, SD15, SDXL
from leffa.weights.convert import convert
from leffa.weights.reading import read_state
from leffa.weights.records import Record, keep_record

CHECKPOINT = CHECKPOINTS["viton_hd"].path
VITON_HD = SPECS["viton_hd"]
runner = CliRunner()


@pytest.fixture
def bare(folder: Path) -> Path:
    """The folder without the parsers, which take longest to look at."""
    for name in (DENSEPOSE.path, OPENPOSE.path, *(file.path for file in PARSERS["onnx"])):
        (folder / name).unlink()
    return folder


def finding(folder: Path, name: str) -> Finding:
    """What is found of one file of viton_hd."""
    found = check(folder, [VITON_HD])["viton_hd"]
    return next(each for each in found if each.path.with_suffix("") == (folder / name).with_suffix(""))


def own(path: Path) -> Path:
    """A file that may be changed: the folder's are shared with other tests."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    return path


def save(folder: Path, state: dict[str, torch.Tensor]) -> None:
    (folder / CHECKPOINT).unlink()
    torch.save(state, folder / CHECKPOINT)


def test_a_complete_folder_is_fine(folder: Path) -> None:
    result = runner.invoke(weights, ["check", str(folder)])
    assert result.exit_code == 0, result.output
    assert "viton_hd: complete" in result.output
    assert "dress_code" not in result.output  # of which nothing is there
    assert result.output.count("  ok ") == 8


def test_missing_files_are_named(bare: Path) -> None:
    result = runner.invoke(weights, ["check", str(bare), "viton_hd"])
    assert result.exit_code == 1
    lines = [line.split() for line in result.output.splitlines()]
    assert ["missing", DENSEPOSE.path] in lines
    assert ["ok", CHECKPOINT] in lines


def test_an_empty_folder_lacks_every_model(tmp_path: Path) -> None:
    result = runner.invoke(weights, ["check", str(tmp_path)])
    assert result.exit_code == 1
    assert all(model in result.output for model in SPECS)
    assert "built in" in result.output  # the configurations


def test_no_folder_is_a_mistake(tmp_path: Path) -> None:
    result = runner.invoke(weights, ["check", str(tmp_path / "nowhere")])
    assert result.exit_code == 2


def test_unknown_models_are_a_mistake(tmp_path: Path) -> None:
    for command in (
        ["check", str(tmp_path), "sdxl"],
        ["list", "sdxl"],
        ["pull", "sdxl"],
        ["convert", "sdxl"],
    ):
        assert runner.invoke(weights, command).exit_code == 2


@pytest.mark.parametrize("converted", [True, False])
def test_a_truncated_checkpoint(bare: Path, converted: bool) -> None:
    path = own(bare / CHECKPOINT)
    if converted:
        (path,) = convert([CHECKPOINTS["viton_hd"]], bare, lambda *_: None)
    os.truncate(path, path.stat().st_size - 1000)
    found = finding(bare, CHECKPOINT)
    assert found.state == "wrong" and "cut short" in found.words


def test_a_size_other_than_the_hubs(bare: Path) -> None:
    keep_record(bare, CHECKPOINT, Record(7_000, "sha256:0", "a/b", "main"))
    found = finding(bare, CHECKPOINT)
    assert found.state == "wrong" and "7000" in found.words


def test_the_converted_file_is_the_one_that_counts(bare: Path) -> None:
    (written,) = convert([CHECKPOINTS["viton_hd"]], bare, lambda *_: None)
    assert finding(bare, CHECKPOINT) == Finding(written, "ok")
    (bare / CHECKPOINT).unlink()
    assert finding(bare, CHECKPOINT) == Finding(written, "ok")


def test_a_converted_file_of_another_pickle_is_told(bare: Path) -> None:
    (written,) = convert([CHECKPOINTS["viton_hd"]], bare, lambda *_: None)
    content = bytearray((bare / CHECKPOINT).read_bytes())
    content[-1] ^= 1
    own(bare / CHECKPOINT).write_bytes(content)
    found = finding(bare, CHECKPOINT)
    assert (found.path, found.state) == (written, "wrong") and "convert again" in found.words


def test_tensors_missing_or_unknown(bare: Path) -> None:
    state = read_state(bare / CHECKPOINT)
    state["vae.extra"] = state.pop("unet.conv_in.weight")
    save(bare, state)
    words = finding(bare, CHECKPOINT).words
    assert "1 missing (unet.conv_in.weight)" in words
    assert "1 unexpected (vae.extra)" in words


def test_tensors_of_another_shape(bare: Path) -> None:
    state = read_state(bare / CHECKPOINT)
    save(bare, {**state, "unet.conv_in.weight": torch.ones(16, 9, 3, 3)})
    assert "unet.conv_in.weight [16, 9, 3, 3] instead of [16, 12, 3, 3]" in finding(bare, CHECKPOINT).words


def test_a_damaged_configuration(bare: Path) -> None:
    config = f"{SD15}/unet/config.json"
    (bare / config).unlink()
    (bare / config).write_text("{")
    assert finding(bare, config).state == "wrong"


def test_another_models_file_in_the_place_of_densepose(bare: Path) -> None:
    os.link(bare / CHECKPOINT, bare / DENSEPOSE.path)
    assert finding(bare, DENSEPOSE.path).state == "wrong"


def test_the_parsers_the_wrong_way_round(folder: Path) -> None:
    atr, lip = (folder / file.path for file in PARSERS["onnx"])
    atr.rename(folder / "x")
    lip.rename(atr)
    (folder / "x").rename(lip)
    for name in (DENSEPOSE.path, OPENPOSE.path):
        (folder / name).unlink()
    found = {each.path.name: each.state for each in check(folder, [VITON_HD])["viton_hd"]}
    assert found["parsing_atr.onnx"] == found["parsing_lip.onnx"] == "wrong"


def test_a_segformer_is_looked_at_as_it_is_loaded(bare: Path, segformer: Path) -> None:
    shutil.copytree(segformer, bare / SEGFORMER_FOLDER)
    assert segformer_states(bare) == {"ok"}
    os.truncate(bare / SEGFORMER_FOLDER / "model.safetensors", 1000)
    (bare / SEGFORMER_FOLDER / "preprocessor_config.json").write_text("[]")
    assert segformer_states(bare) == {"ok", "wrong"}
    (bare / SEGFORMER_FOLDER / "config.json").unlink()
    assert segformer_states(bare) == {"missing", "wrong"}


def test_a_segformer_of_ones_own_need_not_be_the_hubs(bare: Path, segformer: Path) -> None:
    shutil.copytree(segformer, bare / SEGFORMER_FOLDER)
    for file in PARSERS["segformer"]:
        keep_record(bare, file.path, Record(7, "sha256:0", "a/b", "main"))
    assert segformer_states(bare) == {"ok"}


def test_the_command_checks_a_segformer(bare: Path) -> None:
    result = runner.invoke(weights, ["check", str(bare), "viton_hd", "--parser", "segformer"])
    assert result.exit_code == 1, result.output
    assert f"missing   {SEGFORMER_FOLDER}/model.safetensors" in result.output


def segformer_states(folder: Path) -> set[str]:
    found = check(folder, [VITON_HD], "segformer")["viton_hd"]
    return {each.state for each in found if each.path.parent == folder / SEGFORMER_FOLDER}


@pytest.fixture(scope="session")
def segformer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small one with random weights, labelled as the hub's."""
    transformers = pytest.importorskip("transformers")
    labels = ["Background", "Hair", "Face", "Upper-clothes", "Left-arm", "Right-arm"]
    config = transformers.SegformerConfig(
        hidden_sizes=[8] * 4, depths=[1] * 4, num_attention_heads=[1] * 4, decoder_hidden_size=8,
        id2label=dict(enumerate(labels)),
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("segformer")
    transformers.SegformerForSemanticSegmentation(config).save_pretrained(folder)
    transformers.SegformerImageProcessor().save_pretrained(folder)
    return folder


def test_the_choice_of_parsers_decides_what_is_needed(bare: Path) -> None:
    found = check(bare, [VITON_HD], "schp", "mediapipe")["viton_hd"]
    names = [each.path.name for each in found if each.state == "missing"]
    assert sorted(names) == sorted(
        [*(Path(file.path).name for file in PARSERS["schp"]), "model_final_162be9.pkl"]
    )


@pytest.mark.parametrize(
    ("base", "tensors", "parameters"), [(SD15, 1620, 1_802_718_831), (SDXL, 3608, 5_218_604_271)]
)
def test_the_configurations_in_the_program_are_the_published_models(
    base: str, tensors: int, parameters: int
) -> None:
    shapes = checkpoint_shapes(Path("nowhere") / base)
    assert len(shapes) == tensors
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == parameters


def test_the_folders_own_configurations_come_first(bare: Path) -> None:
    config = json.loads((bare / SD15 / "unet/config.json").read_text())
    assert config["block_out_channels"] != BASES[SD15]["unet"]["block_out_channels"]
    assert finding(bare, CHECKPOINT).state == "ok"
