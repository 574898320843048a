"""Kind `agnostic_mask`: the three official rules, pixel for pixel under `exact`.

Where upstream raised there is no mask to compare: there the default must answer with a mask of the right
size, and `exact` may answer or refuse with one of our own errors.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

import numpy as np

from checks.fixture import DamagedFixture, Fixture, Result, distance
from leffa.errors import LeffaError
from leffa.preprocess.masks import dress_code_mask, hd_mask, parts_mask

ARM_WIDTHS = {"hd": 60, "dc": 45}  # upstream's `model_type`
Rule = Callable[..., np.ndarray]


def check(fixture: Fixture) -> Iterator[Result]:
    """Every garment type or part that the fixture has a result for."""
    rule, shape = _rule(fixture)
    for case, result in fixture.fact("results").items():
        if result["ok"]:
            yield _equal(fixture, case, rule)
        else:
            yield _answered(case, rule, shape)


def _rule(fixture: Fixture) -> tuple[Rule, tuple[int, int]]:
    """The rule with the fixture's maps, and the shape its mask should have."""
    method = fixture.fact("method")
    if method == "automasker":
        maps = [fixture.array(name) for name in ("densepose", "lip", "atr")]
        return partial(parts_mask, *maps), maps[0].shape
    width, height = size = tuple(fixture.fact("size"))
    maps = [fixture.array(name) for name in ("parse", "keypoints")]
    if method == "hd":
        arm_width = ARM_WIDTHS[fixture.fact("model_type")]
        return partial(hd_mask, *maps, size=size, arm_width=arm_width), (height, width)
    if method == "dc":
        return partial(dress_code_mask, *maps, size=size), (height, width)
    raise DamagedFixture(f"{fixture.folder.name}: no mask method {method!r}")


def _equal(fixture: Fixture, case: str, rule: Rule) -> Result:
    mask = rule(case, exact=True)
    return Result(f"mask_{case}", distance(mask, fixture.array(f"mask_{case}")), 0)


def _answered(case: str, rule: Rule, shape: tuple[int, int]) -> Result:
    """Counts what is wrong with the answers where upstream has none."""
    masks = [rule(case)]
    with suppress(LeffaError):
        masks.append(rule(case, exact=True))
    return Result(f"answer_{case}", sum(not _sane(mask, shape) for mask in masks), 0)


def _sane(mask: np.ndarray, shape: tuple[int, int]) -> bool:
    return mask.shape == shape and mask.dtype == np.uint8 and bool(np.isin(mask, (0, 255)).all())
