"""Whatever is sent, the service answers as its OpenAPI document says, and never with an error of its own."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SCHEMATHESIS = shutil.which("schemathesis", path=Path(sys.executable).parent)
LONGEST_SECONDS = 3 * 3600
STUMBLED = "Runtime Error\n\nUnsupported type: 'Binary'"
LEAST_CASES = 4800  # with the default of --cases


@pytest.mark.slow
def test_the_service_keeps_to_its_document(address, request) -> None:
    """Every address, with what the document allows and with what it does not; `--cases 5000` tries more."""
    cases = request.config.getoption("--cases")
    command = [SCHEMATHESIS, "run", f"{address}/openapi.json", "--no-color", "--seed", "1"]
    command += ["--workers", "1", "--max-examples", str(cases)]  # more would make other cases at each run
    begun = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=HERE,
        timeout=LONGEST_SECONDS,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
    )
    seconds = time.perf_counter() - begun
    assert done.returncode == 0 or only_stumbled(done.stdout), done.stdout[-20_000:] + done.stderr[-2_000:]
    generated = int(re.search(r"(\d+) generated", done.stdout)[1])
    print(f"{generated} cases in {seconds:.0f} s, {generated / seconds:.0f} a second")
    assert generated >= min(LEAST_CASES, 16 * cases)


def only_stumbled(told: str) -> bool:
    """Whether nothing failed but the making of a form: its own check of a wrong one can meet a file in it."""
    stumbled, errors = told.count(STUMBLED), told.count(STUMBLED.partition("\n")[0] + "\n\n")
    rest = ("Failures:", "Network Error", "Interrupted")
    return stumbled == errors > 0 and not any(word in told for word in rest)
