"""Kind `schp_prepost`: SCHP's way from a photo to the network's input and from its scores to labels."""

import re
from collections.abc import Iterator

import cv2
import numpy as np

from checks.fixture import DamagedFixture, Fixture, Result, distance, worst
from leffa.preprocess import schp_parser
from leffa.preprocess.schp_parser import LABEL_SETS, ChannelOrder, SchpParser

AFFINE, UPSAMPLED = 1e-6, 1e-4
# OpenCV 4 rounds the places it reads from to 1/32 pixel when it warps.
ROUNDED = int(cv2.__version__.split(".")[0]) < 5
WARPED = 4 if ROUNDED else 1
INPUT = 0.08 if ROUNDED else 0.02
ON_PHOTO = 0.02 if ROUNDED else 1e-3


def check(fixture: Fixture) -> Iterator[Result]:
    """Both affine maps, what the network sees, and what becomes of the scores that it would give."""
    label_set = LABEL_SETS[fixture.fact("num_classes")]
    side, photo = label_set.side, fixture.array("photo")
    facts = {"side": (side, side), "labels": label_set.labels}
    expected = {"side": tuple(fixture.fact("input_size")), "labels": tuple(fixture.fact("label_names"))}
    yield Result("label_set", float(facts != expected), 0)
    yield from _check_affines(fixture, side)
    yield from _check_input(fixture, photo, side)
    scores = drawn_scores(fixture.array("logits_q"), fixture.array("channel_bias"))
    yield from _check_scores(fixture, scores, side)
    parser = SchpParser(lambda _: scores, label_set)
    yield Result("labels", unequal(parser.parse(photo), fixture, "labels", "labels_unsure"), 0)


def drawn_scores(quantised: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """What the network would return, float32 [1, labels, h, w]."""
    return (quantised.astype(np.float32) / 8 + bias[:, None, None]).astype(np.float32)[None]


def unequal(labels: np.ndarray, fixture: Fixture, expected: str, unsure: str) -> float:
    """Counts pixels of another label where the fixture is sure; infinite for another size."""
    if labels.shape != fixture.array(expected).shape:
        return float("inf")
    return float(((labels != fixture.array(expected)) & (fixture.array(unsure) == 0)).sum())


def strided(got: np.ndarray, name: str) -> np.ndarray:
    """Every n-th row and column of [H, W, C], as the name of a thinned array says."""
    match = re.search(r"_stride(\d+)$", name)
    if match is None:
        raise DamagedFixture(f"{name} does not say how it was thinned")
    return got[:: int(match[1]), :: int(match[1])]


def _check_affines(fixture: Fixture, side: int) -> Iterator[Result]:
    height, width = fixture.array("photo").shape[:2]
    affine = schp_parser.photo_to_input(height, width, side)
    yield Result("affine", distance(affine, fixture.array("affine")), AFFINE)
    inverse = schp_parser.input_to_photo(height, width, side)
    yield Result("affine_inverse", distance(inverse, fixture.array("affine_inverse")), AFFINE)
    # Upstream's centre and size of the box are implied here: one becomes the square's middle, one its side.
    middle = affine @ [*fixture.array("center"), 1]
    spans = affine[0, 0] * fixture.array("scale")
    yield Result("centre_and_scale", distance([*middle * 2, *spans], [side - 1] * 4), 1e-3)


def _check_input(fixture: Fixture, photo: np.ndarray, side: int) -> Iterator[Result]:
    for name in fixture.names("warped_u8_stride"):
        warped = strided(schp_parser.in_square(photo, side), name)
        yield Result(name, distance(warped, fixture.array(name)), WARPED)
    # Upstream gives the network RGB when it is handed a picture, BGR when it reads the file itself.
    starts: dict[ChannelOrder, str] = {"rgb": "input_stride", "bgr": "input_from_path_stride"}
    for order, start in starts.items():
        pixels = schp_parser.network_input(photo, side, order)[0].transpose(1, 2, 0)
        for name in fixture.names(start):
            expected = fixture.array(name)[0].transpose(1, 2, 0)
            yield Result(name, distance(strided(pixels, name), expected), INPUT)


def _check_scores(fixture: Fixture, scores: np.ndarray, side: int) -> Iterator[Result]:
    for name in fixture.names("upsampled_stride"):
        full = schp_parser.enlarged(scores, side).transpose(1, 2, 0)
        yield Result(name, distance(strided(full, name), fixture.array(name)), UPSAMPLED)
    label_set = LABEL_SETS[fixture.fact("num_classes")]
    on_photo = SchpParser(lambda _: scores, label_set).logits(fixture.array("photo"))
    yield from worst(
        "logits_photo",
        (
            (distance(strided(on_photo, name), fixture.array(name)), ON_PHOTO)
            for name in fixture.names("logits_photo_stride")
        ),
    )
