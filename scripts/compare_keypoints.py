"""How far MediaPipe's points, standing in for OpenPose's, are from the true joints of synthetic people.

    OMP_NUM_THREADS=1 python scripts/compare_keypoints.py [--people 60] [--seed 9000]

People whose joints are known exactly are drawn at 384x512, the size at which the agnostic mask is made, found
by the embedded model's detector and turned into OpenPose's 18 points. The neck's truth is the middle of the
shoulders. Distances are pixels of 384x512, over the points that are visible and were given. Of the others it
is counted how many visible ones were left out, and how many outside the picture were given all the same.

`arm line` is the line from shoulder over elbow to a fifth beyond the wrist that the mask rule draws 60 pixels
wide: its mean and worst distance from the line through the true joints, over all arms. The last three rows
are the people of docs/examples. Prints a table and, as the last line, one JSON object.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leffa.errors import LeffaError
from leffa.mini.landmarks import LandmarkDetector
from leffa.preprocess.keypoints import (
    HEIGHT,
    LEFT_ELBOW,
    LEFT_SHOULDER,
    LEFT_WRIST,
    NAMES,
    RIGHT_ELBOW,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
    WIDTH,
    from_mediapipe,
)
from leffa.synth import SynthPair, sample

Points = NDArray[np.float64]
Row = dict[str, float | int | None]
EXAMPLES = {"person-1": 525, "person-2": 504, "person-3": 526}
ARMS = ((RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST), (LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST))
BEYOND_WRIST = 1.2  # times the forearm, as the mask rule draws it


def main() -> None:
    """Draw, detect, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--seed", type=int, default=9000)
    options = parser.parse_args()
    detector = LandmarkDetector()
    seeds = range(options.seed, options.seed + options.people)
    compared = [points for seed in seeds if (points := compare(detector, sample(seed, HEIGHT, WIDTH)))]
    found, seen, inside = (np.stack(column) for column in zip(*compared, strict=True))
    facts: dict[str, Any] = {
        "people": options.people,
        "nobody_found": options.people - len(compared),
        "points": dict(zip(NAMES, point_rows(found, seen, inside), strict=True)),
        "arms": arm_row(found, inside),
        "examples": {},
    }
    for name, seed in EXAMPLES.items():
        if points := compare(detector, sample(seed, HEIGHT, WIDTH, 2)):
            facts["examples"][name] = arm_row(points[0][None], points[2][None])
    show(facts)


def compare(detector: LandmarkDetector, pair: SynthPair) -> tuple[Points, Points, Points] | None:
    """Points found, true points that are visible, true points in the picture; None where nobody is found."""
    try:
        found = detector.detect(pair.person).keypoints
    except LeffaError:
        return None
    visible, inside = pair.keypoints.copy(), pair.keypoints.copy()
    visible[:, 2] = pair.keypoints[:, 2] == 2
    inside[:, 2] = pair.keypoints[:, 2] > 0
    first, second, third = (from_mediapipe(points, (WIDTH, HEIGHT)) for points in (found, visible, inside))
    return first, second, third


def point_rows(found: Points, seen: Points, inside: Points) -> Iterator[Row]:
    """One row a point."""
    for part in range(len(NAMES)):
        ours, visible, true = (points[:, part] for points in (found, seen, inside))
        given, there, outside = ours.any(1), visible.any(1), ~true.any(1)
        distance = np.linalg.norm(ours - visible, axis=1)[given & there]
        yield {
            **_spread("", distance),
            "visible": int(there.sum()),
            "left_out": int((there & ~given).sum()),
            "outside": int(outside.sum()),
            "given_though_outside": int((outside & given).sum()),
        }


def arm_row(found: Points, true: Points) -> Row:
    """How far apart the arm lines of points [people, 18, 2] lie; only whole arms have one."""
    pairs = [
        (ours, truth)
        for arm in ARMS
        for ours, truth in zip(found[:, arm], true[:, arm], strict=True)
        if truth.any(1).all()
    ]
    moved = [
        np.linalg.norm(arm_line(ours) - arm_line(truth), axis=1) for ours, truth in pairs if ours.any(1).all()
    ]
    return {
        **_spread("mean_", [line.mean() for line in moved]),
        **_spread("worst_", [line.max() for line in moved]),
        "arms": len(pairs),
        "left_out": len(pairs) - len(moved),
    }


def arm_line(arm: Points) -> Points:
    """Points [40, 2] along the line that the mask rule draws through shoulder, elbow and wrist [3, 2]."""
    shoulder, elbow, wrist = arm
    end = elbow + BEYOND_WRIST * (wrist - elbow)
    way = np.linspace(0, 1, 20)[:, None]
    return np.concatenate([shoulder + way * (elbow - shoulder), elbow + way * (end - elbow)])


def show(facts: dict[str, Any]) -> None:
    """Tables, then JSON."""
    print(f"{facts['people']} people, {facts['nobody_found']} not found; pixels of 384x512")
    for name, row in {**facts["points"], "arm line": facts["arms"], **facts["examples"]}.items():
        print(f"{name:<15}", "  ".join(f"{key} {value}" for key, value in row.items()))
    print(json.dumps(facts))


def _spread(name: str, values: Sequence[float] | Points) -> Row:
    """Median and 90th percentile, None of nothing."""
    if not len(values):
        return {f"{name}median": None, f"{name}p90": None}
    return {
        f"{name}{key}": round(float(np.percentile(values, q)), 1) for key, q in (("median", 50), ("p90", 90))
    }


if __name__ == "__main__":
    main()
