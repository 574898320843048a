"""How long a try-on takes and how much memory it needs, on this machine.

    python scripts/measure.py [--runs 5]

Starts Python afresh, loads the embedded model, dresses docs/examples/person-1.png in garment-1.png once and
then --runs times more, with the model's default options. Prints a table and, as the last line, the same as
one JSON object. Files read shortly before may still be in the system's memory; right after a reboot the start
takes longer.
"""

import argparse
import datetime
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leffa.tryon import TryOn, TryOnRequest

EXAMPLES = Path(__file__).resolve().parent.parent / "docs" / "examples"
PERSON, GARMENT = EXAMPLES / "person-1.png", EXAMPLES / "garment-1.png"

TITLES = {
    "start_s": "start of Python and imports, s",
    "load_s": "loading the model, s",
    "first_s": "first try-on, s",
    "cold_s": "from start to first picture, s",
    "warm_mean_s": "further try-ons, mean, s",
    "warm_max_s": "further try-ons, slowest, s",
    "runs": "further try-ons, count",
    "peak_memory_mb": "peak memory (resident), MB",
    "picture": "picture, width x height",
    "model": "model",
    "weights": "weights",
    "device": "device",
    "threads": "threads of torch",
    "cores": "cores open to the process",
    "machine": "machine",
    "date": "date, UTC",
}


def main() -> None:
    """Measure in a fresh process, print the table and the JSON line."""
    arguments = read_arguments()
    if arguments.started is not None:
        print(json.dumps(measure(arguments.runs, arguments.started)))
        return
    facts = measure_afresh(arguments.runs) | machine_facts()
    width = max(map(len, TITLES.values()))
    for name, title in TITLES.items():
        print(f"{title:<{width}}  {facts[name]}")
    print(json.dumps(facts))


def read_arguments() -> argparse.Namespace:
    """The command line; --started is how the measured process is told when it was started."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="%(prog)s [--runs N]"
    )
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="try-ons after the first, default 5")
    parser.add_argument("--started", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error("--runs must be at least 1")
    missing = [str(path) for path in (PERSON, GARMENT) if not path.is_file()]
    if missing:
        parser.error(f"missing: {', '.join(missing)}")
    return arguments


def measure_afresh(runs: int) -> dict[str, object]:
    """Run :func:`measure` in a new process; its errors go to this one's stderr and end it."""
    command = [sys.executable, __file__, "--runs", str(runs), "--started", str(time.monotonic())]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if finished.returncode != 0:
        sys.exit(finished.returncode)
    return json.loads(finished.stdout.splitlines()[-1])


def measure(runs: int, started: float) -> dict[str, object]:
    """Times in this process, which began when the system's monotonic clock stood at ``started``."""
    # Imported here: it is part of what is measured, and the parent process needs none of it.
    import numpy as np
    import torch
    from PIL import Image

    from leffa.tryon import TryOn, TryOnRequest

    imported = time.monotonic()
    tryon = TryOn.load("mini")
    loaded = time.monotonic()
    person, garment = (np.array(Image.open(path).convert("RGB")) for path in (PERSON, GARMENT))
    # Seconds of the first try-on and of the others; another seed each, so that nothing can be remembered.
    first, *warm = (
        timed(tryon, TryOnRequest(person=person, garment=garment, seed=seed)) for seed in range(runs + 1)
    )
    return {
        "start_s": round(imported - started, 2),
        "load_s": round(loaded - imported, 2),
        "first_s": round(first, 2),
        "cold_s": round(loaded - started + first, 2),
        "warm_mean_s": round(statistics.mean(warm), 2),
        "warm_max_s": round(max(warm), 2),
        "runs": runs,
        "peak_memory_mb": peak_memory_mb(),
        "picture": f"{person.shape[1]} x {person.shape[0]}",
        "model": str(tryon.model),
        "weights": str(tryon.weights),
        "device": str(tryon.device),
        "threads": torch.get_num_threads(),
    }


def timed(tryon: "TryOn", request: "TryOnRequest") -> float:
    """Seconds that one try-on takes."""
    before = time.monotonic()
    tryon(request)
    return time.monotonic() - before


def peak_memory_mb() -> int:
    """The most memory this process ever held, in MB of a million bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6)  # macOS counts bytes, Linux KiB


def machine_facts() -> dict[str, object]:
    """What the figures were taken on."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "machine": f"{processor()}, {platform.system()} {platform.release()}",
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def processor() -> str:
    """The processor's trade name where Linux tells it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
