"""Kind `densepose_post`: from the network's answers about people to the maps of the photo's size."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from checks.densepose_net import check_iuv, fraction
from checks.fixture import Fixture, Result, distance, mismatches
from leffa.errors import NoPerson
from leffa.preprocess.densepose import (
    BodyMap,
    body_map,
    boxes_on_photo,
    enlarge,
    mask_size,
    read_charts,
    whole_pixels,
)
from leffa.preprocess.densepose_net import Charts

UV, STEP = 1e-5, 1024  # charts are stored as whole numbers of 1 / STEP


def check(fixture: Fixture) -> Iterator[Result]:
    """Boxes, charts read inside them, pictures, and the map for the mask rule."""
    size = (fixture.fact("image_hw")[0], fixture.fact("image_hw")[1])
    boxes, visible = _boxes(fixture, size)
    yield Result("boxes_out_xyxy", distance(boxes, fixture.array("boxes_out_xyxy")), 0)
    if len(boxes):
        xywh = torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)
        yield Result("boxes_out_xywh", distance(xywh, fixture.array("boxes_out_xywh")), 0)
        whole = [list(whole_pixels(box)) for box in boxes]
        yield mismatches("int_xywh", whole, fixture.fact("int_xywh_truncated"))
    for name in fixture.names("labels"):
        yield from _check_person(fixture, int(name.removeprefix("labels")), boxes, visible)
    yield from _check_pictures(fixture, size)
    yield from _check_mask(fixture)


def _boxes(fixture: Fixture, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    scaled = fixture.fact("net_hw")
    return boxes_on_photo(fixture.tensor("boxes_net_xyxy"), (scaled[0], scaled[1]), size)


def _charts(fixture: Fixture, visible: Tensor, people: list[int]) -> Charts:
    """Charts of the visible people of these indices."""
    chosen = visible.nonzero()[:, 0][people]
    heads = (fixture.tensor(f"{name}_i16") for name in Charts._fields)
    return Charts(*(head[chosen].float() / STEP for head in heads))


def _body(fixture: Fixture, size: tuple[int, int]) -> BodyMap:
    boxes, visible = _boxes(fixture, size)
    scores = fixture.tensor("scores")[visible]
    return body_map(boxes, scores, lambda people: _charts(fixture, visible, people), size, exact=True)


def _check_person(fixture: Fixture, person: int, boxes: Tensor, visible: Tensor) -> Iterator[Result]:
    _, _, width, height = whole_pixels(boxes[person])
    charts = _charts(fixture, visible, [person])
    labels, uv = read_charts(charts, max(width, 1), max(height, 1))
    expected = fixture.array(f"labels{person}")
    yield Result(f"labels{person}", fraction(labels, expected), 0)
    agreed = labels == expected
    yield Result(f"uv{person}", distance(uv[:, agreed], fixture.array(f"uv{person}")[:, agreed]), UV)


def _check_pictures(fixture: Fixture, size: tuple[int, int]) -> Iterator[Result]:
    body = _body(fixture, size)
    if "predict_iuv" in fixture.tensors:
        yield from check_iuv("predict_iuv", body.iuv, fixture.array("predict_iuv"), 0)
    else:
        yield Result("nobody", int(not _refuses(fixture, size)), 0)
    colours = fixture.array("predict_seg")[..., ::-1]
    yield Result("predict_seg", fraction(body.segmentation, colours), 0)


def _refuses(fixture: Fixture, size: tuple[int, int]) -> bool:
    """Whether the default tells that there is nobody, where upstream fails on the way."""
    boxes, visible = _boxes(fixture, size)
    try:
        body_map(
            boxes, fixture.tensor("scores")[visible], lambda people: _charts(fixture, visible, people), size
        )
    except NoPerson:
        return True
    return False


def _check_mask(fixture: Fixture) -> Iterator[Result]:
    facts = fixture.fact("mask")
    height, width = facts["image_hw"]
    seen = mask_size(width, height)[::-1]
    yield mismatches("mask_saw", list(seen), facts["predictor_saw_hw"])
    boxes, _ = _boxes(fixture, seen)
    yield Result("mask_boxes", distance(boxes, fixture.array("mask_boxes_out_xyxy")), 0)
    parts: np.ndarray = enlarge(_body(fixture, seen).parts, width, height)
    yield Result("mask_label_map", fraction(parts, fixture.array("mask_label_map")), 0)
