"""The model's flow is told over the whole photo, whatever part of it the model worked on."""

import numpy as np

from leffa.mini.model import _over_photo
from leffa.preprocess.window import Window


def flow(height: int, width: int) -> np.ndarray:
    """Each cell of a window comes from its own place in the garment picture."""
    x, y = ((2 * np.arange(count) + 1) / count - 1 for count in (width, height))
    return np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)


def test_a_window_that_is_the_photo_keeps_its_flow() -> None:
    seen = flow(64, 48)
    assert _over_photo(seen, Window(0, 0, 480, 640), (640, 480, 3)) is seen


def test_around_the_window_nothing_is_known() -> None:
    told = _over_photo(flow(64, 48), Window(48, 64, 48, 64), (256, 192, 3))
    known = np.isfinite(told).all(axis=2)
    assert told.shape == (256, 192, 2)
    assert known[64:128, 48:96].all() and known.sum() == 64 * 48
    assert np.allclose(told[64:128, 48:96], flow(64, 48), atol=1e-5)


def test_a_window_beyond_the_photo_is_cut() -> None:
    told = _over_photo(flow(64, 48), Window(-24, 0, 96, 128), (128, 60, 3))
    assert told.shape == (64, 30, 2) and np.isfinite(told).all()
    assert np.allclose(told[0, 0, 0], -1 + 2 * 12.5 / 48, atol=1e-5)
