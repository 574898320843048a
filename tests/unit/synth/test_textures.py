"""Cloth: every pattern colours the flat in range, each time the same, with colours one can tell apart."""

import time

import numpy as np
import pytest

from leffa.synth.palette import MIN_CONTRAST, contrast, contrasting, garment_colour
from leffa.synth.patterns import Bands, Plain
from leffa.synth.prints import PICTURES, Stamp, chest_print
from leffa.synth.textures import MAKERS, PIXEL, Texture, fold_bump, random_texture

POINTS = 12_000


def flat_points(count: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Return points over the whole flat and which of them lie on the front."""
    rng = np.random.default_rng(0)
    uv = rng.uniform((-0.65, -0.8), (0.65, 0.7), (count, 2)).astype(np.float32)
    return uv, rng.random(count) < 0.6


def chest_grid(size: int = 160) -> np.ndarray:
    """Return size x size points of the chest, 0.5 m wide, row by row from the top."""
    v, u = np.mgrid[0.66 : 0.16 : size * 1j, -0.25 : 0.25 : size * 1j]
    return np.stack([u.ravel(), v.ravel()], 1).astype(np.float32)


@pytest.mark.parametrize("kind", list(MAKERS))
def test_every_pattern_gives_colours_in_range(kind: str) -> None:
    uv, front = flat_points()
    for seed in range(5):
        pattern = MAKERS[kind][1](np.random.default_rng(seed))
        colours = Texture(kind, pattern, None, None).colours(uv, front)
        assert colours.shape == (POINTS, 3)
        assert colours.dtype == np.float32
        assert np.isfinite(colours).all()
        assert 0 <= colours.min() <= colours.max() <= 1


@pytest.mark.parametrize("kind", [kind for kind in MAKERS if kind != "plain"])
def test_the_colours_of_a_pattern_can_be_told_apart(kind: str) -> None:
    uv, front = flat_points()
    for seed in range(20):
        pattern = MAKERS[kind][1](np.random.default_rng(seed))
        colours = Texture(kind, pattern, None, None).colours(uv, front)
        low, high = colours[colours.sum(1).argmin()], colours[colours.sum(1).argmax()]
        spread = max(contrast(low, high), float(np.ptp(colours, axis=0).max()) / 2)
        assert spread > 0.6 * MIN_CONTRAST


def test_same_seed_same_cloth_and_another_seed_another() -> None:
    uv, front = flat_points(2_000)
    first, again, other = (
        random_texture(np.random.default_rng(seed), True).colours(uv, front) for seed in (5, 5, 6)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_point_has_its_colour_whatever_points_come_with_it() -> None:
    uv, front = flat_points(2_000)
    for seed in range(20):
        texture = random_texture(np.random.default_rng(seed), True)
        whole = texture.colours(uv, front)
        assert np.allclose(texture.colours(uv[100:200], front[100:200]), whole[100:200], atol=1e-6)


def test_colouring_leaves_its_input_alone_and_takes_no_points() -> None:
    uv, front = flat_points(500)
    before = uv.copy()
    texture = random_texture(np.random.default_rng(3), True)
    texture.colours(uv, front)
    assert np.array_equal(uv, before)
    assert texture.colours(uv[:0], front[:0]).shape == (0, 3)


def test_prints_are_on_the_front_only_and_only_where_allowed() -> None:
    textures = [random_texture(np.random.default_rng(seed), True) for seed in range(200)]
    with_print = [texture for texture in textures if texture.logo is not None]
    assert 30 < len(with_print) < 120
    assert all(random_texture(np.random.default_rng(seed), False).logo is None for seed in range(50))
    uv = chest_grid()
    for texture in with_print[:20]:
        bare = Texture(texture.kind, texture.pattern, texture.weave, None)
        back = np.zeros(len(uv), bool)
        assert np.array_equal(texture.colours(uv, back), bare.colours(uv, back))
        assert not np.array_equal(texture.colours(uv, ~back), bare.colours(uv, ~back))


def test_a_print_shows_on_its_cloth() -> None:
    uv = chest_grid()
    for seed in range(40):
        rng = np.random.default_rng(seed)
        ground = garment_colour(rng)
        texture = Texture("plain", Plain(ground), None, chest_print(rng, [ground]))
        colours = texture.colours(uv, np.ones(len(uv), bool), pixel=0.5 / 160)
        changed = np.sqrt((colours - ground) ** 2 @ np.array([0.30, 0.59, 0.11])) > 0.5 * MIN_CONTRAST
        assert changed.sum() > 12


def test_every_picture_can_be_drawn() -> None:
    grounds = [np.array([0.9, 0.9, 0.9], np.float32)]
    sizes = {chest_print(np.random.default_rng(seed), grounds).levels[0].shape for seed in range(60)}
    assert len(PICTURES) >= 8
    assert len(sizes) > 10


def test_a_print_is_read_from_a_coarser_picture_when_it_is_far_away() -> None:
    stamp = chest_print(np.random.default_rng(2), [np.ones(3, np.float32)])
    assert isinstance(stamp, Stamp)
    assert stamp._level(0.0005).shape > stamp._level(0.02).shape


def test_stripe_edges_are_soft_over_one_picture_element() -> None:
    pattern = next(
        pattern
        for pattern in (MAKERS["stripes"][1](np.random.default_rng(seed)) for seed in range(100))
        if isinstance(pattern, Bands)
        and len(pattern.palette) == 2
        and abs(pattern.direction[0]) < 1e-6
        and pattern.period > 0.06
    )
    v = np.linspace(0, 0.3, 3_000, dtype=np.float32)
    uv = np.stack([np.zeros_like(v), v], 1)
    step = np.abs(np.diff(pattern.colours(uv, 0.01), axis=0)).max()
    sharp = np.abs(np.diff(pattern.colours(uv, 0.0001), axis=0)).max()
    assert step < 0.1 * sharp


def test_folds_are_smooth_around_zero_and_as_strong_as_asked() -> None:
    uv = chest_grid()
    for seed in range(5):
        bump = fold_bump(seed, uv, 0.2)
        assert bump.shape == (len(uv),)
        assert bump.dtype == np.float32
        assert abs(bump.mean()) < 0.1
        assert 0.08 < bump.std() < 0.35
        field = bump.reshape(160, 160)
        assert np.abs(np.diff(field, axis=1)).max() < 0.15
    assert np.array_equal(fold_bump(1, uv, 0.2), fold_bump(1, uv, 0.2))
    assert not np.array_equal(fold_bump(1, uv, 0.2), fold_bump(2, uv, 0.2))


def test_shops_sell_whites_blacks_greys_and_colours() -> None:
    rng = np.random.default_rng(0)
    drawn = np.stack([garment_colour(rng) for _ in range(2_000)])
    chroma = np.ptp(drawn, axis=1)
    assert ((drawn.min(1) > 0.85) & (chroma < 0.08)).mean() > 0.08
    assert (drawn.max(1) < 0.15).mean() > 0.07
    assert (chroma > 0.4).mean() > 0.18
    assert drawn.min() >= 0
    assert drawn.max() <= 1


def test_contrasting_keeps_away_from_all_given_colours() -> None:
    for seed in range(200):
        rng = np.random.default_rng(seed)
        first = garment_colour(rng)
        second = contrasting(rng, [first])
        assert contrast(first, second) >= MIN_CONTRAST


def test_colouring_twelve_thousand_points_is_quick() -> None:
    uv, front = flat_points()
    textures = [random_texture(np.random.default_rng(seed), True) for seed in range(60)]
    start = time.process_time()
    for texture in textures:
        texture.colours(uv, front, PIXEL)
    assert (time.process_time() - start) / len(textures) < 0.012  # about 1 ms on a free core
