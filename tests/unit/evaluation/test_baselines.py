from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leffa.evaluation.baselines import pasted, unchanged
from leffa.evaluation.pairs import Pair, read_pair


@pytest.fixture
def pair(pairs: Path) -> Pair:
    return read_pair(pairs / "000")


def test_unchanged_is_the_photo(pair: Pair) -> None:
    assert (unchanged(pair, None).picture == pair.person).all()


@pytest.mark.parametrize(
    ("garment_type", "labels"),
    [("upper_body", {4, 7}), ("lower_body", {5, 6, 7}), ("dresses", {4, 5, 6, 7})],
)
def test_unchanged_has_its_garment_where_the_old_one_is(
    pair: Pair, garment_type: str, labels: set[int]
) -> None:
    parsing = np.resize(np.arange(18, dtype=np.uint8), pair.mask.shape)
    garment = unchanged(replace(pair, garment_type=garment_type), parsing).garment
    assert set(parsing[garment]) == labels
    assert not set(parsing[~garment]) & labels


def test_unchanged_falls_back_to_the_mask(pair: Pair) -> None:
    assert (unchanged(pair, None).garment == pair.mask).all()
    assert (unchanged(pair, np.zeros(pair.mask.shape, dtype=np.uint8)).garment == pair.mask).all()


def test_pasted_fills_the_box_of_the_mask_with_the_garment(pair: Pair) -> None:
    attempt = pasted(pair)
    assert (attempt.garment == pair.mask).all()  # mask and silhouette are rectangles here
    assert (attempt.picture[~pair.mask] == pair.person[~pair.mask]).all()
    assert (attempt.picture[pair.mask] == pair.garment[10, 10]).all()


def test_pasted_leaves_the_photo_around_the_silhouette(pair: Pair) -> None:
    garment = np.full((40, 40, 3), 255, dtype=np.uint8)
    rows, columns = np.mgrid[:40, :40]
    garment[(rows - 20) ** 2 + (columns - 20) ** 2 < 15**2] = (200, 10, 10)
    attempt = pasted(replace(pair, garment=garment))
    assert not attempt.garment[10, 8] and attempt.garment[24, 20]
    assert (attempt.picture[~attempt.garment] == pair.person[~attempt.garment]).all()


def test_pasted_takes_a_transparent_garments_own_silhouette(pair: Pair) -> None:
    garment = np.zeros((20, 20, 4), dtype=np.uint8)
    garment[5:15, 5:15] = (9, 8, 7, 255)
    attempt = pasted(replace(pair, garment=garment))
    assert (attempt.picture[attempt.garment] == (9, 8, 7)).all()


def test_pasted_takes_a_picture_without_border_whole(pair: Pair) -> None:
    attempt = pasted(replace(pair, garment=np.full((8, 8, 3), 77, dtype=np.uint8)))
    assert (attempt.picture[pair.mask] == 77).all()
