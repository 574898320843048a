"""Kind `human_parsing`: two networks' scores to the one map of clothes, body parts and neck."""

from collections.abc import Iterator

import numpy as np

from checks.fixture import Fixture, Result, distance
from checks.schp_prepost import INPUT, ROUNDED, drawn_scores, strided, unequal
from leffa.preprocess.label_merge import merge
from leffa.preprocess.parsing import HumanParser, ParsedPerson
from leffa.preprocess.schp_parser import ATR, LIP, SchpParser

FEW = 5 if ROUNDED else 0  # pixels that OpenCV 4 may label otherwise


def check(fixture: Fixture) -> Iterator[Result]:
    """All maps from the scores, merging alone from the stored maps, and the inputs where there is a photo."""
    seen: dict[str, np.ndarray] = {}
    parsed = _parser(fixture, seen).parse(_photo(fixture), exact=True)
    for name, labels in (("atr_argmax", parsed.atr), ("lip_argmax", parsed.lip), ("parse", parsed.parse)):
        yield Result(name, unequal(labels, fixture, name, "unsure"), FEW)
    merged = merge(fixture.array("atr_argmax"), fixture.array("lip_argmax"), exact=True)
    yield Result("merge", float((merged != fixture.array("parse")).sum()), 0)
    alone = ParsedPerson(fixture.array("parse"), fixture.array("atr_argmax"), fixture.array("lip_argmax"))
    yield Result("face_mask", distance(alone.face_mask, fixture.array("face_mask")), 0)
    for name in fixture.names("input_"):
        pixels = seen[name.split("_")[1]][0].transpose(1, 2, 0)
        expected = fixture.array(name)[0].transpose(1, 2, 0)
        yield Result(name, distance(strided(pixels, name), expected), INPUT)


def _photo(fixture: Fixture) -> np.ndarray:
    if "photo" in fixture.tensors:
        return fixture.array("photo")
    return np.zeros((fixture.fact("photo_height"), fixture.fact("photo_width"), 3), np.uint8)


def _parser(fixture: Fixture, seen: dict[str, np.ndarray]) -> HumanParser:
    """The product's pair with the fixture's scores for networks; what each would see goes to `seen`."""

    def network(name: str) -> SchpParser:
        scores = drawn_scores(fixture.array(f"logits_{name}_q"), fixture.array(f"bias_{name}"))

        def run(pixels: np.ndarray) -> np.ndarray:
            seen[name] = pixels
            return scores

        return SchpParser(run, {"atr": ATR, "lip": LIP}[name])

    return HumanParser(network("atr"), network("lip"))
