"""The ground truth of a pair holds together."""

import dataclasses

import cv2
import numpy as np
import pytest

from leffa.synth import SynthPair, sample
from leffa.synth.labels import LIP_OF_ATR
from leffa.synth.pairs import flow_psnr, warp

Pairs = dict[int, SynthPair]
WORN = {"upper_body": {4}, "lower_body": {5, 6}, "dresses": {7}}
CHANGE_MARGIN = 25  # pixels round the garments that their shade may reach


def test_flat_warped_by_the_flow_is_the_worn_garment(pairs: Pairs) -> None:
    scores = []
    for pair in pairs.values():
        sides = (
            (pair.garment, pair.flow, pair.garment_mask, pair.target),
            (pair.source_garment, pair.source_flow, pair.source_garment_mask, pair.person),
        )
        scores += [flow_psnr(*side) for side in sides if (side[2] == 1).sum() > 200]
    assert len(scores) > 60
    assert np.mean(scores) >= 22


def test_flow_is_given_exactly_where_the_flat_shows_the_cloth(pairs: Pairs) -> None:
    for pair in pairs.values():
        for flow, mask in ((pair.flow, pair.garment_mask), (pair.source_flow, pair.source_garment_mask)):
            assert np.array_equal(~np.isnan(flow).any(2), mask == 1)
            assert np.nanmax(np.abs(flow), initial=0) <= 1


def test_flow_lands_on_the_flat_garment(pairs: Pairs) -> None:
    for pair in pairs.values():
        near = cv2.dilate(pair.garment_alpha, np.ones((5, 5), np.uint8))
        hit = warp(near, pair.flow)[pair.garment_mask == 1]
        assert len(hit) == 0 or (hit > 0).mean() > 0.995


def test_garment_mask_lies_on_the_garments_label(pairs: Pairs) -> None:
    for pair in pairs.values():
        for mask, labels in (
            (pair.garment_mask, pair.target_labels),
            (pair.source_garment_mask, pair.labels),
        ):
            assert set(np.unique(labels[mask > 0]).tolist()) <= WORN[pair.garment_type]
            if pair.garment_type != "upper_body":  # an open jacket shows another top beneath
                assert np.array_equal(mask > 0, np.isin(labels, list(WORN[pair.garment_type])))


def test_nothing_changes_away_from_the_garments(pairs: Pairs) -> None:
    kernel = np.ones((2 * CHANGE_MARGIN + 1,) * 2, np.uint8)
    for pair in pairs.values():
        changed = (
            (pair.garment_mask > 0) | (pair.source_garment_mask > 0) | (pair.labels != pair.target_labels)
        )
        near = cv2.dilate(changed.astype(np.uint8), kernel) > 0
        assert np.array_equal(pair.person[~near], pair.target[~near])
        kept = (pair.labels == 0) & (pair.target_labels == 0)
        assert np.mean(np.abs(pair.person[kept].astype(int) - pair.target[kept]) > 24) < 0.01


def test_visible_keypoints_lie_on_the_body(pairs: Pairs) -> None:
    for pair in pairs.values():
        height, width = pair.parts.shape
        near = cv2.dilate((pair.parts > 0).astype(np.uint8), np.ones((7, 7), np.uint8))
        for x, y, seen in pair.keypoints:
            assert seen in (0, 1, 2)
            if seen > 0:
                assert 0 <= x < width and 0 <= y < height
                assert near[int(y), int(x)]


def test_left_and_right_agree_between_parts_labels_and_keypoints() -> None:
    pair = next(p for p in map(sample, range(60)) if (p.keypoints[[9, 10], 2] == 2).all())
    for hand, arm, wrist in ((4, 14, 9), (3, 15, 10)):
        near = np.hypot(*(np.argwhere(pair.parts == hand)[:, ::-1] - pair.keypoints[wrist, :2]).T)
        assert near.min() < 15
        bare = pair.labels[pair.parts == hand]
        assert not (bare == 29 - arm).any()


def test_body_lies_within_the_person(pairs: Pairs) -> None:
    for pair in pairs.values():
        inside = (pair.labels > 0)[pair.parts > 0]
        assert inside.mean() > 0.97


def test_lip_labels_differ_only_by_coat_and_socks(pairs: Pairs) -> None:
    for pair in pairs.values():
        expected = LIP_OF_ATR[pair.labels]
        differ = pair.lip_labels != expected
        assert set(np.unique(pair.lip_labels[differ]).tolist()) <= {7, 8}


def test_shapes_and_types(pairs: Pairs) -> None:
    for pair in pairs.values():
        for name in ("person", "target", "garment", "source_garment"):
            image = getattr(pair, name)
            assert image.shape == (256, 192, 3) and image.dtype == np.uint8
        for name in ("labels", "target_labels", "lip_labels", "parts", "garment_mask", "garment_alpha"):
            values = getattr(pair, name)
            assert values.shape == (256, 192) and values.dtype == np.uint8
        assert pair.labels.max() <= 17 and pair.parts.max() <= 24 and pair.lip_labels.max() <= 19
        assert pair.flow.shape == (256, 192, 2) and pair.flow.dtype == np.float32
        assert pair.keypoints.shape == (17, 3) and pair.keypoints.dtype == np.float32


@pytest.mark.parametrize(("height", "width", "supersample"), [(256, 192, 1), (256, 192, 2), (512, 384, 1)])
def test_same_seed_gives_the_same_bytes(height: int, width: int, supersample: int) -> None:
    first, second = (sample(11, height, width, supersample) for _ in range(2))
    for field in dataclasses.fields(first):
        if field.name == "origin":
            continue
        a, b = getattr(first, field.name), getattr(second, field.name)
        assert a == b if isinstance(a, str) else a.tobytes() == b.tobytes()
    assert first.person.shape == (height, width, 3)


def test_seeds_differ(pairs: Pairs) -> None:
    assert len({pair.person.tobytes() for pair in pairs.values()}) == len(pairs)
    assert all(not np.array_equal(pair.person, pair.target) for pair in pairs.values())
