import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from leffa.evaluation.metrics import (
    PSNR_CEILING_DB,
    Figures,
    color_error,
    compare,
    iou,
    mean_figures,
    psnr,
    ssim_map,
)

EVERYWHERE = np.ones((12, 10), dtype=bool)
pictures = arrays(np.uint8, (12, 10, 3))
regions = arrays(np.bool_, (12, 10))
marked = regions.filter(lambda region: bool(region.any()))


def plain(value: int) -> np.ndarray:
    return np.full((12, 10, 3), value, dtype=np.uint8)


def test_psnr_of_black_and_white_is_zero() -> None:
    assert psnr(plain(0), plain(255), EVERYWHERE) == 0


def test_psnr_of_a_known_difference() -> None:
    # 20 log10(255 / 25)
    assert psnr(plain(100), plain(125), EVERYWHERE) == pytest.approx(20.172, abs=1e-3)


def test_psnr_of_equal_pictures_is_the_ceiling() -> None:
    assert psnr(plain(7), plain(7), EVERYWHERE) == PSNR_CEILING_DB == 100


def test_psnr_of_nearly_equal_large_pictures_stays_below_the_ceiling() -> None:
    large = np.zeros((400, 400, 3), dtype=np.uint8)
    other = large.copy()
    other[0, 0, 0] = 1
    assert psnr(large, other, np.ones((400, 400), dtype=bool)) == 100


def test_psnr_and_colour_see_the_region_only() -> None:
    picture, region = plain(50), EVERYWHERE.copy()
    picture[0], region[0] = 255, False
    assert psnr(picture, plain(50), region) == 100
    assert color_error(picture, plain(50), region) == 0


def test_an_empty_region_is_refused() -> None:
    with pytest.raises(ValueError, match="no pixel"):
        psnr(plain(0), plain(0), ~EVERYWHERE)


def test_other_sizes_are_refused() -> None:
    small = np.zeros((6, 5, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="sizes"):
        color_error(plain(0), small, EVERYWHERE)
    with pytest.raises(ValueError, match="sizes"):
        ssim_map(plain(0), small)
    with pytest.raises(ValueError, match="sizes"):
        iou(EVERYWHERE, EVERYWHERE[:6])


def test_colour_error_of_known_colours() -> None:
    red, other = plain(0), plain(0)
    red[...], other[...] = (255, 0, 30), (245, 20, 30)
    assert color_error(red, other, EVERYWHERE) == pytest.approx(10)


def test_colour_error_forgives_texture_but_not_its_mean() -> None:
    striped = plain(0)
    striped[::2] = 200
    assert color_error(striped, plain(100), EVERYWHERE) == 0


def test_iou_of_known_regions() -> None:
    left, middle = np.zeros((2, 4, 4), dtype=bool)
    left[:, :2], middle[:, 1:3] = True, True
    assert iou(left, middle) == pytest.approx(1 / 3)
    assert iou(left, ~left) == 0
    assert iou(left & False, left & False) == 1


def test_ssim_is_the_reference_implementations() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    rng = np.random.default_rng(3)
    one = rng.integers(0, 256, (40, 30, 3), dtype=np.uint8)
    two = np.clip(one + rng.normal(0, 25, one.shape), 0, 255).astype(np.uint8)
    _, reference = metrics.structural_similarity(
        one,
        two,
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    np.testing.assert_allclose(ssim_map(one, two), reference.mean(axis=2), atol=1e-6)


def test_ssim_of_plain_pictures_is_the_luminance_term() -> None:
    C1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 150 + C1) / (100**2 + 150**2 + C1)
    np.testing.assert_allclose(ssim_map(plain(100), plain(150)), expected, rtol=1e-9)


@given(pictures, pictures, marked)
def test_figures_are_symmetric_and_in_range(one: np.ndarray, two: np.ndarray, region: np.ndarray) -> None:
    assert 0 <= psnr(one, two, region) <= 100
    assert psnr(one, two, region) == psnr(two, one, region)
    assert 0 <= color_error(one, two, region) <= 255
    assert color_error(one, two, region) == color_error(two, one, region)
    similarity = ssim_map(one, two)
    assert np.abs(similarity).max() <= 1 + 1e-9
    np.testing.assert_allclose(similarity, ssim_map(two, one), atol=1e-12)


@given(pictures)
def test_a_picture_is_wholly_like_itself(picture: np.ndarray) -> None:
    np.testing.assert_allclose(ssim_map(picture, picture), 1)


@given(regions, regions)
def test_iou_is_symmetric_and_in_range(one: np.ndarray, two: np.ndarray) -> None:
    assert 0 <= iou(one, two) <= 1
    assert iou(one, two) == iou(two, one)
    assert (iou(one, two) == 1) == bool((one == two).all())


@given(pictures, pictures, marked, marked)
def test_compare_puts_each_region_where_it_belongs(
    one: np.ndarray, two: np.ndarray, garment: np.ndarray, mask: np.ndarray
) -> None:
    figures = compare(one, two, found_garment=mask, true_garment=garment, mask=mask)
    assert figures.garment_psnr_db == psnr(one, two, garment)
    assert figures.mask_psnr_db == psnr(one, two, mask)
    assert figures.image_psnr_db == psnr(one, two, EVERYWHERE)
    assert figures.garment_iou == iou(mask, garment)
    assert figures.garment_ssim == pytest.approx(ssim_map(one, two)[garment].mean())
    assert figures.mask_ssim == pytest.approx(ssim_map(one, two)[mask].mean())


def test_the_mean_is_of_figures_not_of_pixels() -> None:
    mean = mean_figures([Figures(*[10.0] * 8), Figures(*[30.0] * 8)])
    assert mean == Figures(*[20.0] * 8)
