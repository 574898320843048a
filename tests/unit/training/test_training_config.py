"""The YAML file of a run: the examples, and one line for every mistake."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from leffa.cli import app
from leffa.errors import BadFile, BadParameter, FileMissing, UnknownParameter
from leffa.training.config import TrainConfig, example, examples, read_config
from leffa.training.loss import LeffaLoss

SMALL = """\
model: viton_hd
data: {kind: pairs, folder: pairs}
out: run
start: random
stages:
  - {height: 96, width: 72, steps: 1, batch: 1}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", examples())
def test_every_example_is_valid(tmp_path: Path, name: str) -> None:
    config = read_config(written(tmp_path, example(name)))
    assert config.stages[-1].leffa_loss is not None
    assert all(stage.leffa_loss is None for stage in config.stages[:-1])


def test_one_example_shows_every_key_but_the_networks_with_its_default() -> None:
    shown = yaml.safe_load(example("viton_hd"))
    defaults = {
        name: field.default for name, field in TrainConfig.model_fields.items() if not field.is_required()
    }
    del defaults["networks"]
    assert {name: shown[name] for name in defaults} == defaults | {"weights": str(defaults["weights"])}


def test_the_loss_of_a_stage_is_the_papers() -> None:
    loss = TrainConfig.model_validate(yaml.safe_load(example("dress_code"))).stages[-1].leffa_loss
    assert loss is not None and LeffaLoss(**loss.model_dump()) == LeffaLoss()


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("batch: 1", "batches: 1", "stages.0.batches"),
        ("out: run", "out: run\nlearning_rat: 1", "learning_rat"),
    ],
)
def test_unknown_keys_are_refused_by_their_name(tmp_path: Path, old: str, new: str, field: str) -> None:
    with pytest.raises((UnknownParameter, BadParameter)) as refused:
        read_config(written(tmp_path, SMALL.replace(old, new)))
    assert refused.value.field == field or "batch" in refused.value.detail


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("width: 72", "width: 70", "stages.0.width: Input should be a multiple of 8"),
        ("steps: 1", "steps: 0", "stages.0.steps: Input should be greater"),
        ("model: viton_hd", "model: mini", "model: Input should be 'viton_hd'"),
        ("start: random\n", "", "start: Field required"),
        ("start: random", "start: base\nnetworks: {unet: {}, vae: mini}", "only a random start"),
    ],
)
def test_wrong_values_are_told_with_their_place(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(BadParameter) as refused:
        read_config(written(tmp_path, SMALL.replace(old, new)))
    assert words in refused.value.detail


def test_what_is_no_file_or_no_yaml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        read_config(tmp_path / "none.yaml")
    with pytest.raises(BadFile, match="not YAML"):
        read_config(written(tmp_path, "a: ["))


def test_the_command_prints_an_example_or_one_line() -> None:
    shown = CliRunner().invoke(app, ["train", "config", "pairs"])
    assert shown.exit_code == 0 and shown.output == example("pairs")
    refused = CliRunner().invoke(app, ["train", "config", "market"])
    assert refused.exit_code == 2 and len(refused.output.strip().splitlines()) == 1


def test_a_wrong_configuration_ends_training_with_one_line(tmp_path: Path) -> None:
    config = written(tmp_path, SMALL.replace("batch: 1", "batch: 0"))
    refused = CliRunner().invoke(app, ["train", "official", str(config)])
    assert refused.exit_code == 2 and len(refused.output.strip().splitlines()) == 1
