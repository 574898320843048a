"""The network's square holds the whole photo, and its scores come back to where they were seen."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from leffa.errors import UnsupportedWeights
from leffa.preprocess.schp import AugmentCE2P
from leffa.preprocess.schp_parser import (
    ATR,
    LIP,
    LabelSet,
    SchpParser,
    Scores,
    in_square,
    input_to_photo,
    likeliest,
    network_input,
    photo_to_input,
)

COLOURS = LabelSet("colours", ("blue", "green", "red"), side=65)
SIZES = [(90, 60), (60, 90), (61, 61), (400, 33), (5, 7), (64, 1), (1, 64), (1, 1)]
lengths, sides = st.integers(1, 5000), st.sampled_from([65, 473, 512])


def echo(pixels: Scores) -> Scores:
    """A network that scores each pixel by its own channels."""
    shrunk = F.interpolate(torch.from_numpy(pixels), (17, 17), mode="bilinear", align_corners=True)
    return shrunk.numpy()


def halves(height: int, width: int) -> np.ndarray:
    """A red photo whose right half is blue."""
    photo = np.zeros((height, width, 3), np.uint8)
    photo[:, : width // 2, 0] = photo[:, width // 2 :, 2] = 255
    return photo


@given(lengths, lengths, sides)
def test_there_and_back_is_where_it_was(height: int, width: int, side: int) -> None:
    there, back = photo_to_input(height, width, side), input_to_photo(height, width, side)
    corners = np.array([[0, 0, 1], [width - 1, height - 1, 1], [width / 3, height / 5, 1]]).T
    returned = back @ np.vstack([there @ corners, np.ones(3)])
    assert np.allclose(returned, corners[:2], atol=1e-6)


@given(lengths, lengths, sides)
def test_the_longer_side_spans_the_square_and_the_shorter_lies_in_its_middle(
    height: int, width: int, side: int
) -> None:
    there = photo_to_input(height, width, side)
    (x0, x1), (y0, y1) = there @ np.array([[0, 0, 1], [width - 1, height - 1, 1]]).T
    assert x0 + x1 == pytest.approx(side - 1) and y0 + y1 == pytest.approx(side - 1)
    if max(height, width) > 1:
        assert max(x1 - x0, y1 - y0) == pytest.approx(side - 1)
        assert (x1 - x0) * (height - 1) == pytest.approx((y1 - y0) * (width - 1))


def test_beside_a_narrow_photo_the_square_is_black() -> None:
    square = in_square(np.full((80, 40, 3), 200, np.uint8), 65)
    assert (square[:, 17:48] == 200).all()
    assert not square[:, :16].any() and not square[:, 49:].any()


def test_the_network_sees_blue_first_normalised_as_in_training() -> None:
    photo = np.full((9, 9, 3), (255, 0, 51), np.uint8)
    blue, green, red = network_input(photo, 33)[0, :, 16, 16]
    assert (blue, green, red) == pytest.approx(((0.2 - 0.406) / 0.225, -0.456 / 0.224, (1 - 0.485) / 0.229))
    assert network_input(photo, 33, "rgb")[0, 0, 16, 16] == pytest.approx((1 - 0.406) / 0.225)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_labels_have_the_photos_size_and_lie_where_their_colour_is(height: int, width: int) -> None:
    labels = SchpParser(echo, COLOURS).parse(halves(height, width))
    assert labels.shape == (height, width) and labels.dtype == np.uint8
    rim = 2 + max(height, width) // 16  # a pixel of the scores, and a little
    assert (labels[rim:-rim, rim : max(0, width // 2 - rim)] == 2).all()
    assert (labels[rim:-rim, width // 2 + rim : -rim] == 0).all()


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_label_is_the_highest_score(height: int, width: int) -> None:
    parser, photo = SchpParser(echo, COLOURS), halves(height, width)
    assert parser.logits(photo).shape == (height, width, 3)
    assert (parser.logits(photo).argmax(2) == parser.parse(photo)).all()


@given(numpy_strategies.arrays(np.float32, (5, 3, 4), elements=st.integers(-2, 2).map(float)))
def test_of_equal_scores_the_first_wins(scores: np.ndarray) -> None:
    before = scores.copy()
    assert (likeliest(scores) == scores.argmax(0)).all()
    assert (scores == before).all()


def weights(labels: int) -> dict[str, torch.Tensor]:
    """A state dict of ones and the size of one; drawing a ResNet-101 takes seconds."""
    with torch.device("meta"):
        shapes = AugmentCE2P(labels).state_dict()
    return {name: torch.ones(1).expand(tensor.shape) for name, tensor in shapes.items()}


@pytest.mark.parametrize("label_set", [ATR, LIP])
def test_the_number_of_labels_says_which_they_are(label_set: LabelSet) -> None:
    parser = SchpParser.load(weights(len(label_set.labels)))
    assert parser.label_set == label_set
    small = replace(parser, label_set=replace(label_set, side=33))
    assert small.logits(halves(20, 30)).shape == (20, 30, len(label_set.labels))


def test_exact_gives_the_network_red_first() -> None:
    assert SchpParser.load(weights(18)).channel_order == "bgr"
    assert SchpParser.load(weights(18), exact=True).channel_order == "rgb"


def test_weights_of_other_labels_are_refused() -> None:
    with pytest.raises(UnsupportedWeights, match="7 labels"):
        SchpParser.load(weights(7))
