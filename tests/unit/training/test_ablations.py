"""The ablations' scripts, in seconds: what they print and write; the figures themselves take an hour."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from leffa.synth.pairs import write_pairs

SCRIPTS = Path(__file__).parents[3] / "scripts"


def run(script: str, *arguments: str) -> str:
    command = [sys.executable, str(SCRIPTS / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_the_loss_is_compared_with_its_absence_from_one_base(tmp_path: Path) -> None:
    printed = run(
        "ablate_leffa_loss.py", "--out", str(tmp_path), "--pairs", "4", "--steps", "1", "--batch", "2"
    )
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert {"base", "without"} < figures.keys()
    assert all(name.split(",")[0] in printed for name in figures)
    assert all(row["px, best layer"] <= row["px, all layers"] for row in figures.values())
    assert (tmp_path / "flow.png").exists()


@pytest.mark.slow
def test_every_part_of_the_embedded_model_is_left_out_once(tmp_path: Path) -> None:
    write_pairs(1, 7, tmp_path / "pairs")
    printed = run("ablate_mini.py", str(tmp_path / "pairs"))
    assert "as it is" in printed
    assert printed.count("│") > 4


def test_the_parser_is_measured_with_the_real_detector_before_it(tmp_path: Path) -> None:
    write_pairs(2, 7, tmp_path / "pairs")
    facts = json.loads(run("measure_parser.py", str(tmp_path / "pairs")).splitlines()[-1])
    assert facts["people"] == 2 and facts["nobody_found"] == 0
    assert 0.2 < facts["labels_miou"] < 1
