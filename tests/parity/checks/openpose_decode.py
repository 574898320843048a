"""Kind `openpose_decode`: the network's maps to peaks, persons and 18 points, upstream's faults included."""

from collections.abc import Iterator

import numpy as np

from checks.fixture import Fixture, Result, distance
from leffa.errors import NoPerson
from leffa.preprocess import openpose_decode
from leffa.preprocess.keypoints import POINTS
from leffa.preprocess.openpose import net_input

SMOOTHED, SCORE, PERSON_SCORE, LEVELS = 1e-9, 1e-3, 1e-2, 1
SHOWN_PART, SHOWN_STRIDE = 4, 8  # the part and the pixels of it that a fixture keeps of the smoothed maps


def check(fixture: Fixture) -> Iterator[Result]:
    """Every step that the fixture keeps, on the maps as the network would return them."""
    heat, fields = fixture.arrays["heat"], fixture.arrays["paf"]
    large = openpose_decode.upsample(heat[:POINTS])
    smoothed = np.stack([openpose_decode.smooth(one) for one in large])
    shown = smoothed[SHOWN_PART, ::SHOWN_STRIDE, ::SHOWN_STRIDE]
    yield Result("smoothed_max", distance(smoothed.max((1, 2)), fixture.arrays["smoothed_max"]), SMOOTHED)
    yield Result("smoothed", distance(shown, fixture.arrays["smoothed_part4_stride8"]), SMOOTHED)
    peaks = openpose_decode.find_peaks(large)
    yield from _check_peaks(np.concatenate(peaks), fixture.arrays["candidate"].reshape(-1, 4))
    persons = openpose_decode.find_persons(peaks, openpose_decode.upsample(fields))
    yield from _check_persons(persons, fixture.arrays["subset"])
    yield _check_points(fixture, heat, fields)
    if "photo" in fixture.arrays:
        seen = net_input(fixture.arrays["photo"])
        yield Result("net_input", distance(seen, fixture.arrays["net_input_u8"]), LEVELS)


def _check_peaks(peaks: np.ndarray, expected: np.ndarray) -> Iterator[Result]:
    yield Result("peak_positions", distance(peaks[:, [0, 1, 3]], expected[:, [0, 1, 3]]), 0)
    yield Result("peak_scores", distance(peaks[:, 2], expected[:, 2]), SCORE)


def _check_persons(persons: list[openpose_decode.Person], expected: np.ndarray) -> Iterator[Result]:
    peaks = [[-1 if peak is None else peak for peak in person.peaks] for person in persons]
    yield Result("person_peaks", distance(np.reshape(peaks, (-1, POINTS)), expected[:, :POINTS]), 0)
    for name, column, tolerance in (("score", POINTS, PERSON_SCORE), ("parts", POINTS + 1, 0)):
        got = [getattr(person, name) for person in persons]
        yield Result(f"person_{name}", distance(got, expected[:, column]), tolerance)


def _check_points(fixture: Fixture, heat: np.ndarray, fields: np.ndarray) -> Result:
    """Upstream fails with an IndexError where there is nobody; here that is NoPerson."""
    expected = fixture.arrays["points"] if fixture.fact("result")["ok"] else None
    try:
        points = openpose_decode.decode(heat, fields, exact=True)
    except NoPerson:
        return Result("nobody", float(expected is not None), 0)
    return Result("points", float("inf") if expected is None else distance(points, expected), 0)
