"""The refiner's training data: what a mirror does to it."""

import numpy as np

from leffa.mini.nets import HEIGHT, WIDTH
from leffa.training.recipes.mini_refiner import NAMES, _mirrored


def batch() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = {
        "person": (HEIGHT, WIDTH, 3), "target": (HEIGHT, WIDTH, 3), "garment": (HEIGHT, WIDTH, 3),
        "garment_alpha": (HEIGHT, WIDTH), "garment_mask": (HEIGHT, WIDTH), "parts": (HEIGHT, WIDTH),
        "mask": (HEIGHT, WIDTH), "cloth": (HEIGHT, WIDTH), "true_flow": (HEIGHT // 2, WIDTH // 2, 2),
        "decoded": (3, HEIGHT, WIDTH),
        "flow": (2, 128, 96), "mask_logit": (1, 128, 96), "shade": (1, 128, 96), "doubt": (3, 128, 96),
    }  # fmt: skip
    assert set(shapes) == set(NAMES)
    return {name: rng.integers(0, 24, (1, *shape)).astype(np.float32) for name, shape in shapes.items()} | {
        "parts": rng.integers(0, 25, (1, HEIGHT, WIDTH)).astype(np.uint8)
    }


def test_a_mirror_moves_columns_and_never_rows() -> None:
    before, after = batch(), _mirrored(batch())
    for name in ("person", "garment", "mask"):
        assert np.array_equal(after[name], before[name][:, :, ::-1])
    for name in ("decoded", "mask_logit", "shade"):
        assert np.array_equal(after[name], before[name][..., ::-1])


def test_a_mirrored_flow_looks_at_the_other_side_of_the_flat() -> None:
    before, after = batch(), _mirrored(batch())
    for name in ("flow", "doubt"):
        assert np.array_equal(after[name][:, 0], -before[name][:, 0, :, ::-1])
        assert np.array_equal(after[name][:, 1], before[name][:, 1, :, ::-1])


def test_the_true_flow_stays_at_even_pixels() -> None:
    arrays = batch()
    x = np.arange(0, WIDTH, 2, dtype=np.float32) + 0.5  # centres of the pixels it is known at
    arrays["true_flow"][..., 0] = x / WIDTH * 2 - 1
    mirrored = _mirrored(arrays)["true_flow"][0, 0, :, 0]
    assert np.isnan(mirrored[0])
    assert np.allclose(mirrored[1:], (x / WIDTH * 2 - 1)[1:], atol=1e-6)


def test_parts_change_sides_and_two_mirrors_undo_each_other() -> None:
    before = batch()
    once = _mirrored(before)
    assert not np.array_equal(once["parts"], before["parts"][:, :, ::-1])
    twice = _mirrored(once)
    assert all(np.array_equal(twice[name], before[name]) for name in NAMES if name != "true_flow")
