"""Kind `densepose_net`: the whole DensePose network with seeded weights, stage by stage, at several sizes."""

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from checks.fixture import Fixture, Result, distance, mismatches
from leffa.preprocess.boxes import anchors, apply_deltas, roi_align
from leffa.preprocess.densepose import DensePose, boxes_on_photo, read_charts, scale_sides, whole_pixels
from leffa.preprocess.densepose_net import (
    BOX_WEIGHTS,
    CHART_CELLS,
    STAGES,
    STRIDES,
    Charts,
    DensePoseRCNN,
    levels_of,
    prepare,
)

MAPS, PROPOSAL_PIXELS, SCORES, BOX_PIXELS, UV = 1e-4, 0.01, 1e-5, 1e-3, 1e-4
DIFFERING = 1e-3  # of the pixels
PYRAMID = ("p2", "p3", "p4", "p5", "p6")
THINNED = (1, 2, 4, 8, 16, 32)


def check(fixture: Fixture) -> Iterator[Result]:
    """Names and shapes of the weights, then every run."""
    shapes = fixture.fact("state_dict_shapes")
    model = DensePose.load(seeded_weights(fixture))
    ours = {key: list(value.shape) for key, value in model.network.state_dict().items()}
    yield mismatches("keys", ours, shapes)
    yield Result("superfluous_keys", len(ours.keys() - shapes.keys()), 0)
    for name, run in fixture.fact("runs").items():
        sized = replace(model, shorter_side=run["min_size"], longest_side=run["max_size"])
        yield from Run(fixture, f"{name}_", run, sized).check()


def seeded_weights(fixture: Fixture) -> dict[str, Tensor]:
    """The fixture's `weight_recipe`: one generator a key, scaled by its kind and the first gain that fits."""
    state = {}
    for key, shape in fixture.fact("state_dict_shapes").items():
        generator = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode()) ^ fixture.fact("seed")))
        x = generator.standard_normal(shape, np.float32)
        state[key] = torch.from_numpy(_scaled(key, x, fixture.fact("weight_recipe")["gain_first_match"]))
    return state


def _scaled(key: str, x: np.ndarray, gains: list[tuple[str, float]]) -> np.ndarray:
    if key.endswith("running_mean"):
        return np.float32(0.1) * x
    if key.endswith("running_var"):
        return np.float32(0.5) + np.abs(x)
    if key.endswith(".bias"):
        return np.float32(0.05) * x
    if x.ndim == 1:
        return 1 + np.float32(0.1) * x
    gain = next(gain for pattern, gain in gains if re.search(pattern, key))
    transposed = key.endswith("_lowres.weight")
    inputs = x.shape[0] * x.shape[2] * x.shape[3] // 4 if transposed else np.prod(x.shape[1:])
    return x * np.float32(np.sqrt(2 / inputs) * gain)


class Run:
    """One input size: its arrays, and the network's features of the fixture's image."""

    def __init__(self, fixture: Fixture, prefix: str, run: Mapping[str, Any], model: DensePose) -> None:
        self.fixture, self.prefix, self.facts, self.model = fixture, prefix, run, model
        self.image = fixture.array("image")
        self.network: DensePoseRCNN = model.network
        self.resized = scale_sides(self.image, model.shorter_side, model.longest_side)
        self.size = (self.resized.shape[0], self.resized.shape[1])
        self.input = prepare(torch.from_numpy(self.resized))
        self.features = self.network.backbone(self.input)

    def check(self) -> Iterator[Result]:
        """Every stage that the fixture has arrays of."""
        shapes = {"resized_hw": list(self.size), "padded_hw": list(self.input.shape[2:])}
        yield mismatches(f"{self.prefix}sizes", shapes, {key: self.facts[key] for key in shapes})
        yield from self._compare("resized", self.resized.transpose(2, 0, 1), 0, image=True)
        yield from self._check_features()
        yield from self._check_proposals()
        yield from self._check_boxes()
        yield from self._check_charts()
        yield from self._check_people()
        yield from self._check_pictures()

    def _check_features(self) -> Iterator[Result]:
        maps = dict(zip(PYRAMID, self.features, strict=True))
        if f"{self.prefix}res2" in self.fixture.tensors:
            maps |= dict(zip(STAGES, self.network.backbone.bottom_up(self.input), strict=True))
        for name, value in maps.items():
            strides = self.facts["feature_strides_stored"].get(name)
            if strides and f"{self.prefix}{name}" in self.fixture.tensors:
                c, s = strides["channel"], strides["spatial"]
                yield self._result(name, value[0, ::c, ::s, ::s], MAPS)

    def _check_proposals(self) -> Iterator[Result]:
        generator = self.network.proposal_generator
        for name, feature, stride in zip(PYRAMID, self.features, STRIDES, strict=True):
            if f"{self.prefix}rpn_logits_{name}" in self.fixture.tensors:
                logits, deltas = generator.rpn_head(feature)
                yield self._thinned(f"rpn_logits_{name}", logits, MAPS)
                yield self._thinned(f"rpn_deltas_{name}", deltas, MAPS)
            around = anchors(feature.shape[2], feature.shape[3], stride, feature.device)
            ends = torch.cat([around[:12], around[-3:]])
            yield from self._compare(f"anchors_{name}_first12_last3", ends, MAPS)
        reduced = self.fixture.fact("rpn_reduced")
        best, total = reduced["pre_nms_topk_per_level"], reduced["post_nms_topk"]
        levels = generator.candidates(self.features, best)
        yield self._result("rpn_pre_boxes", torch.cat([boxes for boxes, _ in levels]), PROPOSAL_PIXELS)
        yield self._result("rpn_pre_logits", torch.cat([logits for _, logits in levels]), MAPS)
        numbers = [level for level, (boxes, _) in enumerate(levels) for _ in boxes]
        yield from self._compare("rpn_pre_level", numbers, 0)
        for name, kept in (
            ("rpn_post", generator(self.features, self.size, best, total)),
            ("proposals", generator(self.features, self.size)),
        ):
            yield from self._compare(f"{name}_boxes", kept[0], PROPOSAL_PIXELS)
            yield from self._compare(f"{name}_logits", kept[1], MAPS)

    def _check_boxes(self) -> Iterator[Result]:
        heads, boxes = self.network.roi_heads, self._tensor("b5")
        pooled = heads.pool_boxes(self.features, boxes)
        hidden = heads.box_head(pooled)
        logits, deltas = heads.box_predictor(hidden)
        yield self._result("b5_level", levels_of(boxes), 0)
        yield from self._compare("b5_pooled", pooled, MAPS)
        yield from self._compare("b5_fc2", hidden, MAPS)
        yield self._result("b5_cls", logits, MAPS)
        yield self._result("b5_probs", logits.softmax(1), SCORES)
        yield self._result("b5_deltas", deltas, MAPS)
        yield self._result("b5_pred", apply_deltas(boxes, deltas, BOX_WEIGHTS), BOX_PIXELS)

    def _check_charts(self) -> Iterator[Result]:
        heads, boxes = self.network.roi_heads, self._tensor("d2")
        decoded = heads.decoder(self.features[:4])
        pooled = roi_align(decoded[0], boxes, STRIDES[0], CHART_CELLS)
        hidden = heads.densepose_head(pooled)
        lowres = heads.densepose_predictor.ann_index_lowres(hidden)
        yield from self._compare("decoder", decoded[0], MAPS)
        yield from self._compare("d2_pooled", pooled, MAPS)
        yield from self._compare("d2_head", hidden, MAPS)
        yield from self._compare("d2_coarse_lowres", lowres, MAPS)
        charts = heads.charts(decoded, boxes)
        for name, chart in charts._asdict().items():
            yield from self._compare(f"d2_{name}", chart, MAPS, first=1)

    def _check_people(self) -> Iterator[Result]:
        heads, image_size = self.network.roi_heads, self.image.shape[:2]
        proposals, _ = self.network.proposal_generator(self.features, self.size)
        found, scores = heads.people(self.features, proposals, self.size, self.facts["score_thresh"])
        boxes, visible = boxes_on_photo(found, self.size, image_size)
        yield Result(f"{self.prefix}n_instances", abs(len(boxes) - self.facts["n_instances"]), 0)
        yield self._result("final_boxes", boxes, BOX_PIXELS)
        yield self._result("final_scores", scores[visible], SCORES)
        yield self._result("final_classes", np.zeros(len(boxes)), 0)
        decoded = heads.decoder(self.features[:4])
        for person in range(len(boxes)):
            if f"{self.prefix}inst{person}_labels" in self.fixture.tensors:
                charts = heads.charts(decoded, found[visible][person : person + 1])
                yield from self._check_person(f"inst{person}", charts, boxes[person])

    def _check_person(self, name: str, charts: Charts, box: Tensor) -> Iterator[Result]:
        _, _, width, height = whole_pixels(box)
        labels, uv = read_charts(charts, max(width, 1), max(height, 1))
        expected = self._array(f"{name}_labels")
        yield Result(f"{self.prefix}{name}_labels", fraction(labels, expected), DIFFERING)
        agreed = labels == expected
        expected_uv = self._array(f"{name}_uv")
        yield Result(f"{self.prefix}{name}_uv", distance(uv[:, agreed], expected_uv[:, agreed]), UV)

    def _check_pictures(self) -> Iterator[Result]:
        body = self.model.detect(self.image, exact=True)
        yield from check_iuv(f"{self.prefix}predict_iuv", body.iuv, self._array("predict_iuv"), DIFFERING)
        colours = self._array("predict_seg")[..., ::-1]
        yield Result(f"{self.prefix}predict_seg", fraction(body.segmentation, colours), DIFFERING)

    def _compare(
        self, name: str, full: Any, tolerance: float, first: int = 0, image: bool = False
    ) -> list[Result]:
        """Against the array of this name or a thinned one: NAME_c6_s8 has every 6th channel, 8th pixel.

        `first` is the pixel that thinning begins with; _top50 keeps the first 50 rows. No array, no result.
        """
        results = []
        for stored in self.fixture.names(self.prefix + name):
            suffix = stored.removeprefix(self.prefix + name)
            if not re.fullmatch(r"(_c\d+)?(_s\d+)?|_top\d+", suffix):
                continue
            parts = dict(re.findall(r"_(c|s|top)(\d+)", suffix))
            c, s, top = int(parts.get("c", 1)), int(parts.get("s", 1)), int(parts.get("top", 1 << 30))
            got = np.asarray(full)
            if "s" in parts:
                got = got[..., first::s, first::s]
            if "c" in parts:
                got = got[..., ::c, :, :]
            expected = self.fixture.array(stored)
            expected = expected.transpose(2, 0, 1) if image else expected
            results.append(Result(stored, distance(got[:top], expected), tolerance))
        return results

    def _thinned(self, name: str, full: Tensor, tolerance: float) -> Result:
        """Against an array that has every n-th pixel, n being whatever makes the shapes equal."""
        shape = self._tensor(name).shape
        fitting = [n for n in THINNED if full[..., ::n, ::n].shape == shape]
        return self._result(name, full[..., :: fitting[0], :: fitting[0]] if fitting else full, tolerance)

    def _result(self, name: str, got: Any, tolerance: float) -> Result:
        return Result(f"{self.prefix}{name}", distance(got, self._array(name)), tolerance)

    def _tensor(self, name: str) -> Tensor:
        return self.fixture.tensor(self.prefix + name)

    def _array(self, name: str) -> np.ndarray:
        return self.fixture.array(self.prefix + name)


def check_iuv(name: str, got: np.ndarray, expected: np.ndarray, differing: float) -> Iterator[Result]:
    """Parts, and where they agree the grey levels of U and V, which may be one off in few places."""
    yield Result(f"{name}.parts", fraction(got[..., :1], expected[..., :1]), differing)
    agreed = got[..., 0] == expected[..., 0]
    yield Result(f"{name}.levels", distance(got[agreed], expected[agreed]), 1)
    yield Result(
        f"{name}.levels_differing", fraction(got[agreed][:, None], expected[agreed][:, None]), DIFFERING
    )


def fraction(got: np.ndarray, expected: np.ndarray) -> float:
    """How many of the pixels differ, 0..1; infinite where the shapes do."""
    if got.shape != expected.shape:
        return float("inf")
    unequal = got != expected
    return float(unequal.mean()) if unequal.ndim < 3 else float(unequal.any(-1).mean())
