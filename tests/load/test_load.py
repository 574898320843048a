"""The service under a small crowd; `python scripts/load.py` is the same with a large one, for minutes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

LOAD = Path(__file__).parents[2] / "scripts" / "load.py"
# What a machine with other things to do may be excused for.
EXCUSED = "/health took"


@pytest.mark.slow
def test_a_crowd_meets_no_error() -> None:
    command = [sys.executable, str(LOAD), "--clients", "10", "--seconds", "8"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    told = json.loads(done.stdout.splitlines()[-1])
    assert [text for text in told["wrong"] if not text.startswith(EXCUSED)] == [], done.stderr
    assert sum(told["outcomes"].values()) > 0
