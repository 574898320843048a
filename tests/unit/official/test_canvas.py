"""Photos of any size on the model's canvas, and everything drawn there back in the photo's pixels."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leffa.errors import ImageTooSmall
from leffa.official.canvas import Canvas

SIZE = (96, 64)
sides = st.integers(8, 200)


@given(height=sides, width=sides)
def test_whatever_is_drawn_comes_back_at_the_photos_size(height: int, width: int) -> None:
    canvas, fitted = Canvas.fit(np.full((height, width, 3), 90, np.uint8), SIZE, "human_image")
    assert fitted.shape == (*SIZE, 3)
    assert canvas.cut(fitted).shape == (height, width, 3)
    assert (canvas.cut(fitted) == 90).all()
    assert canvas.cut_labels(fitted[..., 0]).shape == (height, width)


@given(height=sides, width=sides)
def test_a_mask_is_put_where_the_photo_lies(height: int, width: int) -> None:
    canvas, _ = Canvas.fit(np.zeros((height, width, 3), np.uint8), SIZE, "human_image")
    put = canvas.put(np.full((height, width), 255, np.uint8))
    assert (canvas.cut(put) == 255).all()
    assert (put > 0).sum() == int(canvas.box[2]) * int(canvas.box[3])


def test_a_photo_of_the_canvas_size_is_not_touched() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    canvas, fitted = Canvas.fit(photo, SIZE, "human_image")
    assert (fitted == photo).all() and (canvas.cut(fitted) == photo).all()


def test_a_thread_is_too_narrow() -> None:
    with pytest.raises(ImageTooSmall):
        Canvas.fit(np.zeros((4000, 20, 3), np.uint8), SIZE, "human_image")


def test_flow_between_canvases_is_flow_between_pictures() -> None:
    """Each canvas cell looking at itself means each photo pixel looking at the same place of the photo."""
    wide, _ = Canvas.fit(np.zeros((50, 100, 3), np.uint8), SIZE, "human_image")
    rows, columns = (torch.arange(n).add(0.5) / n * 2 - 1 for n in (24, 16))
    identity = torch.stack(torch.meshgrid(columns, rows, indexing="xy"))[None]
    flow = wide.cut_flow(identity, wide)
    xs = (np.arange(16) + 0.5) / 16 * 2 - 1
    ys = (np.arange(24) + 0.5) / 24 * 2 - 1
    assert np.abs(flow[..., 0] - xs).max() < 0.07  # half a cell, where the border is held
    assert np.abs(flow[..., 1] - ys[:, None]).max() < 0.07
    assert flow.dtype == np.float32 and flow.shape == (24, 16, 2)
