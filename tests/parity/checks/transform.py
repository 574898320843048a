"""Kind `transform`: pictures to tensors, the garment's canvas, repaint, and the guidance rescale."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from checks.fixture import Fixture, Result, distance
from leffa.diffusion import transform
from leffa.diffusion.guidance import rescale

FLOAT, RELATIVE, MEAN = 1e-6, 1e-5, 1e-9
PICTURES = {"src_image": "person", "ref_image": "garment", "mask": "mask", "densepose": "densepose"}


def check(fixture: Fixture) -> Iterator[Result]:
    """Every list of cases that the fixture has."""
    kinds: dict[str, Callable[[Fixture, Mapping[str, Any]], Iterator[Result]]] = {
        "leffa_transform": _check_inputs,
        "resize_and_center": _check_resize,
        "preprocess_garment_image": _check_garment,
        "do_repaint": _check_repaint,
        "rescale_noise_cfg": _check_rescale,
    }
    for kind, check_case in kinds.items():
        for case in fixture.facts.get(kind, []):
            yield from check_case(fixture, case)


def _check_inputs(fixture: Fixture, case: Mapping[str, Any]) -> Iterator[Result]:
    prefix = case["prefix"]
    size = (case["height"], case["width"])
    rows = [
        transform.model_inputs(
            *(fixture.array(f"{prefix}in{item}.{name}") for name in PICTURES),
            *size,
            iuv=case.get("dataset") == "pose_transfer",
        )
        for item in range(case["n"])
    ]
    for name, attribute in PICTURES.items():
        if f"{prefix}out.{name}" in fixture.tensors:
            got = np.concatenate([getattr(row, attribute).numpy() for row in rows])
            tolerance = 0 if name == "mask" else FLOAT
            yield Result(f"{prefix}{name}", distance(got, fixture.tensor(f"{prefix}out.{name}")), tolerance)


def _check_resize(fixture: Fixture, case: Mapping[str, Any]) -> Iterator[Result]:
    prefix = case["prefix"]
    size = (case["target_height"], case["target_width"])
    got = transform.resize_and_center(fixture.array(f"{prefix}in"), *size)
    yield Result(prefix.rstrip("."), distance(got, fixture.tensor(f"{prefix}out")), 0)


def _check_garment(fixture: Fixture, case: Mapping[str, Any]) -> Iterator[Result]:
    """The canvas is kept in parts: every n-th pixel, a window, a hash, means, what resizing makes of it."""
    prefix = case["prefix"]
    canvas = transform.garment_on_canvas(fixture.array(f"{prefix}in"))
    if "sha256_rgba_bytes" in case:
        digest = hashlib.sha256(canvas.tobytes()).hexdigest()
        yield Result(f"{prefix}sha256", float(digest != case["sha256_rgba_bytes"]), 0)
    if "channel_means" in case:
        yield Result(f"{prefix}means", distance(canvas.mean((0, 1)), case["channel_means"]), MEAN)
    if "alpha_min" in case:
        yield Result(f"{prefix}alpha_min", distance(canvas[..., 3].min(), case["alpha_min"]), 0)
    for name in fixture.names(prefix):
        part = _part_of(canvas, name.removeprefix(prefix))
        if part is not None:
            yield Result(name, distance(part, fixture.tensor(name)), 0)


def _part_of(canvas: np.ndarray, name: str) -> np.ndarray | None:
    """The part that a tensor's name describes; None for the input."""
    if match := re.fullmatch(r"out_stride(\d+)", name):
        return canvas[:: int(match[1]), :: int(match[1])]
    if match := re.fullmatch(r"out_crop_(\d+)x(\d+)_at_y(\d+)_x(\d+)", name):
        height, width, y, x = map(int, match.groups())
        return canvas[y : y + height, x : x + width]
    if match := re.fullmatch(r"then_resize_and_center_(\d+)x(\d+)", name):
        width, height = map(int, match.groups())
        return transform.resize_and_center(canvas, height, width)
    return canvas if name == "out" else None


def _check_repaint(fixture: Fixture, case: Mapping[str, Any]) -> Iterator[Result]:
    prefix = case["prefix"]
    person, result, mask = (fixture.array(prefix + name) for name in ("person", "result", "mask_L"))
    if f"{prefix}mask_blurred" in fixture.tensors:
        got = transform.soften(mask)[..., 0]
        yield Result(f"{prefix}mask_blurred", distance(got, fixture.tensor(f"{prefix}mask_blurred")), 0)
    got = transform.repaint(person, result, mask)
    yield Result(prefix.rstrip("."), distance(got, fixture.tensor(f"{prefix}out")), 0)


def _check_rescale(fixture: Fixture, case: Mapping[str, Any]) -> Iterator[Result]:
    prefix = case["prefix"]
    guided, conditional = (fixture.tensor(prefix + name) for name in ("noise_cfg", "noise_pred_text"))
    got = rescale(guided, conditional, phi=case["guidance_rescale"])
    expected = fixture.tensor(f"{prefix}out")
    yield Result(prefix.rstrip("."), distance(got, expected), RELATIVE * float(expected.abs().max()))
