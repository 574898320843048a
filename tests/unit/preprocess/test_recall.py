"""The last answer is given again for the same pixels, and for nothing else."""

import numpy as np
import pytest

from leffa.errors import NoPerson
from leffa.preprocess.recall import LastAnswer


@pytest.fixture
def asked() -> list[tuple[float, bool]]:
    """What reached the slow part."""
    return []


@pytest.fixture
def mean(asked: list[tuple[float, bool]]) -> LastAnswer[float]:
    """A slow part that refuses black photos."""

    def ask(photo: np.ndarray, exact: bool) -> float:
        asked.append((float(photo.mean()), exact))
        if not photo.any():
            raise NoPerson
        return asked[-1][0]

    return LastAnswer(ask)


def photo(value: int, shape: tuple[int, ...] = (4, 6, 3)) -> np.ndarray:
    return np.full(shape, value, np.uint8)


def test_the_same_pixels_are_asked_about_once(mean: LastAnswer[float], asked: list) -> None:
    assert mean(photo(7)) == mean.detect(photo(7)) == mean.parse(photo(7).copy()) == 7
    assert asked == [(7, False)]


@pytest.mark.parametrize(
    ("other", "exact"), [(photo(8), False), (photo(7, (6, 4, 3)), False), (photo(7), True)]
)
def test_other_pixels_shapes_and_options_are_asked_about(
    mean: LastAnswer[float], asked: list, other: np.ndarray, exact: bool
) -> None:
    mean(photo(7))
    mean(other, exact=exact)
    assert len(asked) == 2


def test_a_view_of_a_picture_counts_as_its_pixels(mean: LastAnswer[float], asked: list) -> None:
    mean(photo(7, (4, 12, 3))[:, ::2])
    mean(photo(7))
    assert len(asked) == 1


def test_only_the_last_is_remembered(mean: LastAnswer[float], asked: list) -> None:
    for value in (7, 8, 7):
        mean(photo(value))
    assert len(asked) == 3


def test_a_failure_is_not_remembered_and_forgets_nothing(mean: LastAnswer[float], asked: list) -> None:
    mean(photo(7))
    for _ in range(2):
        with pytest.raises(NoPerson):
            mean(photo(0))
    mean(photo(7))
    assert len(asked) == 3
