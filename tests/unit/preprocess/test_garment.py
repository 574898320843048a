"""A garment is found on whatever plain thing it lies, and nothing is found on nothing."""

from contextlib import suppress

import cv2
import numpy as np
import pytest

from leffa.errors import NoGarment
from leffa.preprocess.garment import garment_alpha, prepare_garment

HEIGHT, WIDTH = 320, 240


def shirt() -> np.ndarray:
    """Silhouette of a T-shirt, bool [HEIGHT, WIDTH]."""
    left = [(80, 60), (25, 110), (50, 135), (75, 115), (75, 260)]
    right = [(165, 260), (165, 115), (190, 135), (215, 110), (160, 60), (135, 70), (105, 70)]
    canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(canvas, [np.array(left + right)], 1)
    return canvas.astype(bool)


def photographed(
    cloth: tuple[int, ...], wall: tuple[int, ...], noise: float = 2.0, fade: float = 0.0
) -> np.ndarray:
    """A shirt of colour `cloth` on a `wall` that darkens by `fade` towards the bottom."""
    rng = np.random.default_rng(0)
    light = 1 - fade * np.linspace(0, 1, HEIGHT)[:, None, None]
    picture = np.where(shirt()[..., None], np.array(cloth), np.array(wall) * light)
    picture = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 0.8) + rng.normal(0, noise, picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


def overlap(alpha: np.ndarray) -> float:
    found = alpha > 0.5
    return float((found & shirt()).sum() / (found | shirt()).sum())


@pytest.mark.parametrize(
    ("cloth", "wall", "fade"),
    [
        ((200, 30, 30), (255, 255, 255), 0.0),
        ((30, 40, 90), (245, 245, 245), 0.05),
        ((240, 240, 240), (20, 20, 20), 0.0),
        ((250, 250, 245), (60, 90, 170), 0.2),
        ((15, 15, 15), (120, 120, 120), 0.1),
    ],
)
def test_is_cut_out_of_a_plain_background(cloth: tuple, wall: tuple, fade: float) -> None:
    assert overlap(garment_alpha(photographed(cloth, wall, fade=fade))) > 0.93


def test_white_on_white_is_found_by_its_outline() -> None:
    picture = photographed((252, 252, 252), (255, 255, 255), noise=0.4).astype(np.int16)
    inner = cv2.erode(shirt().astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    picture[shirt() & ~inner] -= 14  # the shadow along the hem
    assert overlap(garment_alpha(picture.clip(0, 255).astype(np.uint8))) > 0.9


def test_transparency_is_believed() -> None:
    rgba = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
    rgba[..., 3] = np.where(shirt(), 255, 0)
    assert overlap(garment_alpha(rgba)) == 1.0


def test_an_opaque_alpha_channel_says_nothing() -> None:
    rgba = np.dstack([photographed((200, 30, 30), (255, 255, 255)), np.full((HEIGHT, WIDTH), 255, np.uint8)])
    assert overlap(garment_alpha(rgba)) > 0.93


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_a_blank_picture_holds_no_garment(value: int, noise: float) -> None:
    rng = np.random.default_rng(1)
    blank = (value + rng.normal(0, noise, (HEIGHT, WIDTH, 3))).clip(0, 255).astype(np.uint8)
    with pytest.raises(NoGarment):
        garment_alpha(blank)


@pytest.mark.parametrize("picture", ["noise", "gradient", "transparent"])
def test_nothing_is_found_where_nothing_lies(picture: str) -> None:
    rng = np.random.default_rng(2)
    pictures = {
        "noise": rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8),
        "gradient": np.broadcast_to(np.linspace(180, 255, HEIGHT)[:, None, None], (HEIGHT, WIDTH, 3)).astype(
            np.uint8
        ),
        "transparent": np.zeros((HEIGHT, WIDTH, 4), np.uint8),
    }
    with pytest.raises(NoGarment):
        garment_alpha(pictures[picture])


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2), (9, 9)])
def test_tiny_pictures_hold_no_garment(size: tuple[int, int]) -> None:
    with pytest.raises(NoGarment):
        garment_alpha(np.full((*size, 3), 200, np.uint8))


def test_is_framed_on_white_with_its_aspect() -> None:
    prepared = prepare_garment(photographed((200, 30, 30), (90, 140, 90)), 256, 192)
    assert prepared.rgb.shape == (256, 192, 3)
    assert (prepared.rgb[:4] == 255).all()
    assert (prepared.rgb[:, :4] == 255).all()
    ys, xs = np.nonzero(prepared.alpha > 0.5)
    found_aspect = np.ptp(ys) / np.ptp(xs)
    true_ys, true_xs = np.nonzero(shirt())
    assert found_aspect == pytest.approx(np.ptp(true_ys) / np.ptp(true_xs), rel=0.03)


def test_coordinates_lead_back_to_the_original() -> None:
    """Sampling the original through `to_source` of the identity gives the framed picture again."""
    picture = photographed((200, 30, 30), (255, 255, 255))
    picture[150:180, 90:130] = (20, 200, 40)  # something to find
    prepared = prepare_garment(picture, 256, 192)
    y, x = np.meshgrid((np.arange(256) + 0.5) / 128 - 1, (np.arange(192) + 0.5) / 96 - 1, indexing="ij")
    source = prepared.to_source(np.stack([x, y], -1).astype(np.float32))
    pixels = ((source + 1) / 2 * (WIDTH, HEIGHT) - 0.5).astype(np.float32)
    again = cv2.remap(
        prepared.source, pixels[..., 0], pixels[..., 1], cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT, borderValue=(255, 255, 255),
    )  # fmt: skip
    assert np.abs(again.astype(int) - prepared.rgb).mean() < 3


def test_a_border_of_all_colours_is_a_background_too() -> None:
    carpet = np.random.default_rng(6).choice(np.array([0, 255], np.uint8), (HEIGHT // 8, WIDTH // 8, 3))
    carpet = carpet.repeat(8, 0).repeat(8, 1)
    carpet[shirt()] = (128, 128, 128)
    with suppress(NoGarment):
        assert garment_alpha(carpet).shape == (HEIGHT, WIDTH)
