"""How long an official model takes to load and to dress somebody, and how much memory it needs.

python scripts/measure_official.py DIR [--model viton_hd] [--steps 2] [--dtype auto] [--device auto]

DIR is a weights folder; `make_random_weights.py` makes one where the published weights cannot be had. The
file cache decides over the loading time: run twice for a warm disk.
"""

import argparse
import platform
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from leffa.errors import LeffaError
from leffa.official import SPECS, OfficialOptions
from leffa.tryon import PoseRequest, Request, TryOn, TryOnRequest

EXAMPLES = Path(__file__).resolve().parent.parent / "docs" / "examples"


def main() -> None:
    """Load, dress, print."""
    arguments = parse()
    options = OfficialOptions(
        arguments.weights, arguments.dtype, parser=arguments.parser, keypoints=arguments.keypoints
    )
    begun = time.perf_counter()
    tryon = TryOn.load(arguments.model, arguments.device, options)
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"{arguments.model} on {tryon.device} in {tryon.dtype}")
    print(f"load: {time.perf_counter() - begun:.1f} s, peak memory so far {peak_gb():.1f} GB", flush=True)
    steps: list[float] = []
    told = [0.0]

    def progress(stage: str, step: int, total: int) -> None:
        now = time.perf_counter()
        if stage == "denoise":
            steps.append(now - told[0])
            print(f"step {step} of {total}: {steps[-1]:.1f} s", flush=True)
        told[0] = now

    result = tryon(request(arguments.model, arguments.steps), progress)
    for stage, seconds in result.timings.items():
        print(f"{stage}: {seconds:.1f} s")
    print(f"a step after the first: {np.mean(steps[1:]):.1f} s" if len(steps) > 1 else "one step only")
    print(f"peak memory: {peak_gb():.1f} GB")
    if arguments.out:
        Image.fromarray(result.image).save(arguments.out)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path, metavar="DIR")
    parser.add_argument("--model", default="viton_hd", choices=SPECS)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--parser", default="onnx", choices=("onnx", "schp", "segformer"))
    parser.add_argument("--keypoints", default="openpose", choices=("openpose", "mediapipe"))
    parser.add_argument("--out", type=Path, help="where to keep the picture")
    return parser.parse_args()


def request(model: str, steps: int) -> Request:
    """A try-on or a pose transfer with the example pictures, enlarged to the native size."""
    person, garment = (picture(name) for name in ("person-1.png", "garment-1.png"))
    if SPECS[model].task == "pose":
        return PoseRequest(person, picture("person-3.png"), inference_steps=steps)
    return TryOnRequest(person, garment, SPECS[model].garment_types[0], inference_steps=steps)


def picture(name: str) -> np.ndarray:
    """uint8 RGB [1024, 768, 3]."""
    return np.array(Image.open(EXAMPLES / name).convert("RGB").resize((768, 1024)))


def peak_gb() -> float:
    """Most memory that was ever resident, in GB; pages of the mapped weights count while they are mapped."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


if __name__ == "__main__":
    try:
        main()
    except LeffaError as error:
        sys.exit(f"error: {error.detail} {error.fix}")
