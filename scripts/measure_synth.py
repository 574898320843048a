"""How fast synthetic pairs are drawn, and how exact their flow is, on one core of this machine.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python scripts/measure_synth.py \\
        [--pairs 60] [--size 192x256] [--supersample 1]

An image is one of a pair's person, target and two flats, labels included. The flow figure is the mean PSNR
between the target's garment and the flat warped by the true flow (leffa.synth.pairs.flow_psnr).
Prints a table and, as the last line, the same as one JSON object.
"""

import argparse
import datetime
import json
import os
import platform
import time

import cv2
import numpy as np

from leffa.synth import SynthPair, sample
from leffa.synth.pairs import flow_psnr


def main() -> None:
    """Draw, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--size", default="192x256", help="width x height")
    parser.add_argument("--supersample", type=int, default=1)
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    cv2.setNumThreads(1)  # one core is measured
    sample(0, height, width, options.supersample)  # compiles the rasteriser
    begun = time.process_time()
    pairs = [sample(seed, height, width, options.supersample) for seed in range(1, options.pairs + 1)]
    seconds = (time.process_time() - begun) / len(pairs)
    facts = {
        "size": options.size,
        "supersample": options.supersample,
        "pairs": len(pairs),
        "seconds_a_pair": round(seconds, 4),
        "images_a_second": round(4 / seconds, 1),
        "flow_psnr_db": round(
            float(np.mean([_flow_psnr(pair) for pair in pairs if (pair.garment_mask == 1).sum() > 200])), 2
        ),
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "date": datetime.date.today().isoformat(),
    }
    for name, value in facts.items():
        print(f"{name:<16} {value}")
    print(json.dumps(facts))


def _flow_psnr(pair: SynthPair) -> float:
    return flow_psnr(pair.garment, pair.flow, pair.garment_mask, pair.target)


if __name__ == "__main__":
    main()
