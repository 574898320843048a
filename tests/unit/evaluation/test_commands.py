"""`leffa evaluate --perceptual`, `leffa score` and `leffa compare`, as they are typed."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leffa.cli import app
from leffa.evaluation import perceptual
from leffa.evaluation.perceptual import Networks

runner = CliRunner()


@pytest.fixture
def folders(large_pairs: Path, tmp_path: Path) -> list[str]:
    """Predictions, which are the photos unchanged, and the true pictures."""
    for folder, picture in (("made", "person"), ("true", "target")):
        (tmp_path / folder).mkdir()
        for case in large_pairs.iterdir():
            (tmp_path / folder / f"{case.name}.png").write_bytes((case / f"{picture}.png").read_bytes())
    return [str(tmp_path / "made"), str(tmp_path / "true")]


@pytest.fixture
def small_networks(networks: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line finds small networks where the published ones would be loaded."""
    monkeypatch.setattr(perceptual, "load_networks", lambda folder, device: networks)


@pytest.mark.parametrize("command", [["evaluate", "--perceptual", "--pairs"], ["score", "made"]])
def test_without_the_extra_one_line_tells_how_to_get_it(
    large_pairs: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    result = runner.invoke(app, [*command, str(large_pairs)])
    assert result.exit_code == 2 and len(result.output.strip().splitlines()) == 1
    assert "pip install 'leffa[metrics]'" in result.output


@pytest.mark.usefixtures("small_networks")
def test_score_prints_a_table_and_writes_json(folders: list[str], tmp_path: Path) -> None:
    result = runner.invoke(app, ["score", *folders, "--json", str(tmp_path / "new" / "score.json")])
    assert result.exit_code == 0, result.output
    assert "LPIPS, AlexNet" in result.output and "clean-FID" in result.output
    assert json.loads((tmp_path / "new" / "score.json").read_text())["setting"] == "paired"


@pytest.mark.usefixtures("small_networks")
def test_score_names_what_does_not_match(folders: list[str]) -> None:
    (Path(folders[0]) / "001.png").rename(Path(folders[0]) / "new.png")
    refused = runner.invoke(app, ["score", *folders])
    assert refused.exit_code == 2 and len(refused.output.strip().splitlines()) == 1
    told = runner.invoke(app, ["score", *folders, "--unpaired"])
    assert told.exit_code == 0
    assert "only in predictions: new" in told.output and "only in truth: 001" in told.output


@pytest.mark.usefixtures("small_networks")
def test_compare_prints_a_table_a_group_and_writes_json(folders: list[str], tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("a.json", "b.json", "c.json")]
    for made, file in zip((folders[0], folders[1]), files, strict=False):
        assert runner.invoke(app, ["score", made, folders[1], "--json", file]).exit_code == 0
    result = runner.invoke(app, ["compare", *files[:2], "--json", files[2]])
    assert result.exit_code == 0, result.output
    assert "all, 3 cases" in result.output and "LPIPS" in result.output
    written = json.loads(Path(files[2]).read_text())
    assert written["groups"]["all"]["psnr_db"]["second"] == 100
    assert written["bootstrap"] == {"resamples": 10_000, "seed": 0, "level": 0.95}


def test_compare_refuses_what_is_no_report_in_one_line(tmp_path: Path) -> None:
    result = runner.invoke(app, ["compare", str(tmp_path / "a"), str(tmp_path / "b")])
    assert result.exit_code == 2 and len(result.output.strip().splitlines()) == 1
