"""Whatever is sent, the service answers as its OpenAPI document says, and never with an error of its own."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SCHEMATHESIS = shutil.which("schemathesis", path=Path(sys.executable).parent)
WORKERS = 4
LONGEST_SECONDS = 1800
LEAST_CASES = 5000  # with the default of --cases
QUIET = dict.fromkeys(("capture_output", "text"), True)


@pytest.mark.slow
def test_the_service_keeps_to_its_document(address, tmp_path, request) -> None:
    """Every address, with what the document allows and with what it does not: `--cases 5000` tries more."""
    cases = request.config.getoption("--cases")
    report = tmp_path / "report.json"
    command = [SCHEMATHESIS, "run", f"{address}/openapi.json", "--no-color", "--seed", "1"]
    command += ["--workers", str(WORKERS), "--max-examples", str(cases)]
    command += ["--report", "json", "--report-json-path", report]
    done = subprocess.run(command, cwd=HERE, timeout=LONGEST_SECONDS, check=False, **QUIET)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    told = json.loads(report.read_text())
    print(json.dumps(told)[:2000])
