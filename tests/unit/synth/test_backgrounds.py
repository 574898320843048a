"""Backgrounds: every scene fills the picture, the same seed paints the same one, and it is quick."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from leffa.synth.backgrounds import SCENES, STUDIO_SHARE, random_background, studio


@pytest.mark.parametrize("size", [(256, 192), (512, 384), (64, 48), (200, 333)])
def test_backgrounds_have_the_size_and_range_asked_for(size: tuple[int, int]) -> None:
    for seed in range(25):
        picture = random_background(np.random.default_rng(seed), *size)
        assert picture.shape == (*size, 3)
        assert picture.dtype == np.float32
        assert np.isfinite(picture).all()
        assert 0 <= picture.min() <= picture.max() <= 1


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_every_scene_fills_its_canvas_and_varies(scene: Callable[..., None]) -> None:
    pictures = []
    for seed in range(4):
        first, again = np.zeros((128, 96, 3), np.uint8), np.full((128, 96, 3), 255, np.uint8)
        scene(np.random.default_rng(seed), first)
        scene(np.random.default_rng(seed), again)
        assert np.array_equal(first, again)  # nothing of the empty canvas is left
        pictures.append(first)
    assert not np.array_equal(pictures[0], pictures[1])


def test_same_seed_same_background() -> None:
    for seed in range(12):
        first, again = (random_background(np.random.default_rng(seed), 96, 72) for _ in range(2))
        assert np.array_equal(first, again)


def test_about_a_third_are_clean_studio_pictures() -> None:
    calm = 0
    for seed in range(300):
        picture = random_background(np.random.default_rng(seed), 64, 48)
        calm += np.abs(np.diff(picture, axis=1)).max() < 0.03
    assert STUDIO_SHARE - 0.1 < calm / 300 < STUDIO_SHARE + 0.2


def test_studios_are_smooth_and_mostly_bright() -> None:
    means = []
    for seed in range(60):
        picture = studio(np.random.default_rng(seed), 128, 96)
        assert np.abs(np.diff(picture, axis=0)).max() < 0.06
        means.append(picture.mean())
    assert np.median(means) > 0.7


def test_painting_is_quick() -> None:
    start = time.process_time()
    for seed in range(100):
        random_background(np.random.default_rng(seed), 256, 192)
    assert (time.process_time() - start) / 100 < 0.03  # about 3 ms on a free core
