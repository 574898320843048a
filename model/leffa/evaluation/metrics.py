"""Figures that say how close a try-on came to the true picture.

Pictures are uint8 RGB [H, W, 3]; regions are bool [H, W] and must mark at least one pixel. Every figure is
taken per picture; means over pictures are taken of the figures (:func:`mean_figures`), never of the pixels.
"""

from dataclasses import dataclass, fields

import cv2
import numpy as np

PSNR_CEILING_DB = 100.0
"""Highest PSNR reported. Equal pictures would have infinity, which neither JSON nor a mean can hold."""

SSIM_SIGMA, SSIM_WINDOW = 1.5, 11


@dataclass(frozen=True)
class Figures:
    """What is measured of one picture, or the mean of that over many.

    ``garment_*`` is taken where the new garment truly is, ``mask_*`` where the photo may be repainted,
    ``image_*`` over the whole picture. PSNR in dB, 0..100; SSIM -1..1; ``garment_iou`` 0..1, of the garment
    found and the true one; ``garment_color_error`` 0..255. Higher is better but for the last.
    """

    garment_psnr_db: float
    garment_ssim: float
    mask_psnr_db: float
    mask_ssim: float
    image_psnr_db: float
    image_ssim: float
    garment_iou: float
    garment_color_error: float


def psnr(picture: np.ndarray, target: np.ndarray, region: np.ndarray) -> float:
    """Peak signal-to-noise ratio within ``region`` in dB, all channels together, at most 100.

    Raises ValueError for differing sizes or an empty region.
    """
    _check(picture, target, region)
    difference = picture[region].astype(np.float64) - target[region]  # [N, 3]
    mse = float(np.mean(difference**2))
    return PSNR_CEILING_DB if mse == 0 else min(PSNR_CEILING_DB, 10 * float(np.log10(255**2 / mse)))


def ssim_map(picture: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Structural similarity at every pixel, float64 [H, W], -1..1, mean of the three channels.

    Wang et al. 2004, equation 13, with their Gaussian window (sigma 1.5, 11 pixels) and constants; windows
    reach over the border by reflection. OpenCV's blur keeps scikit-image out of the installation.
    """
    if picture.shape != target.shape:
        raise ValueError(f"pictures of different sizes: {picture.shape} and {target.shape}")
    x, y = picture.astype(np.float64), target.astype(np.float64)
    C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mu_x, mu_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mu_x**2, _blur(y * y) - mu_y**2
    cov_xy = _blur(x * y) - mu_x * mu_y
    luminance = (2 * mu_x * mu_y + C1) / (mu_x**2 + mu_y**2 + C1)
    contrast_structure = (2 * cov_xy + C2) / (var_x + var_y + C2)
    return (luminance * contrast_structure).mean(axis=2)


def iou(found: np.ndarray, true: np.ndarray) -> float:
    """Intersection over union of two bool regions [H, W], 0..1; two empty regions agree, which is 1.

    Raises ValueError for differing sizes.
    """
    if found.shape != true.shape:
        raise ValueError(f"regions of different sizes: {found.shape} and {true.shape}")
    union = int(np.count_nonzero(found | true))
    return 1.0 if union == 0 else int(np.count_nonzero(found & true)) / union


def color_error(picture: np.ndarray, target: np.ndarray, region: np.ndarray) -> float:
    """How far the region's mean colour is off: mean over the channels of the absolute difference, 0..255.

    Raises ValueError for differing sizes or an empty region.
    """
    _check(picture, target, region)
    return float(np.abs(picture[region].mean(axis=0) - target[region].mean(axis=0)).mean())


def flow_error(flow: np.ndarray, true_flow: np.ndarray, garment_shape: tuple[int, ...]) -> float | None:
    """How far ``flow`` points from the true place in the garment picture, median in its pixels.

    ``true_flow`` float32 [H, W, 2] as in :class:`leffa.evaluation.pairs.Pair`; ``flow`` [h, w, 2] the same of
    a model, at any resolution. Taken where the true flow is known; where ``flow`` is NaN there, it counts as
    infinitely far. None if the true flow is known nowhere, or the median is infinite.
    """
    known = np.isfinite(true_flow).all(axis=2)
    if not known.any():
        return None
    height, width = known.shape
    there = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR)[known]
    off = (there - true_flow[known]) / 2 * (garment_shape[1], garment_shape[0])  # [N, 2], pixels
    distance = np.nan_to_num(np.hypot(off[:, 0], off[:, 1]), nan=np.inf)
    median = float(np.median(distance))
    return median if np.isfinite(median) else None


def compare(
    picture: np.ndarray,
    target: np.ndarray,
    *,
    found_garment: np.ndarray,
    true_garment: np.ndarray,
    mask: np.ndarray,
) -> Figures:
    """All figures of one picture against the true one; the three regions are bool [H, W].

    Raises ValueError for differing sizes, or if ``true_garment`` or ``mask`` marks nothing.
    """
    whole = np.ones(target.shape[:2], dtype=bool)
    similarity = ssim_map(picture, target)
    return Figures(
        garment_psnr_db=psnr(picture, target, true_garment),
        garment_ssim=float(similarity[true_garment].mean()),
        mask_psnr_db=psnr(picture, target, mask),
        mask_ssim=float(similarity[mask].mean()),
        image_psnr_db=psnr(picture, target, whole),
        image_ssim=float(similarity.mean()),
        garment_iou=iou(found_garment, true_garment),
        garment_color_error=color_error(picture, target, true_garment),
    )


def mean_figures(figures: list[Figures]) -> Figures:
    """The mean of every figure over at least one case; PSNR is averaged in dB."""
    names = [field.name for field in fields(Figures)]
    return Figures(**{name: float(np.mean([getattr(one, name) for one in figures])) for name in names})


def _blur(channels: np.ndarray) -> np.ndarray:
    size = (SSIM_WINDOW, SSIM_WINDOW)
    return cv2.GaussianBlur(channels, size, SSIM_SIGMA, borderType=cv2.BORDER_REFLECT)


def _check(picture: np.ndarray, target: np.ndarray, region: np.ndarray) -> None:
    if picture.shape != target.shape or picture.shape[:2] != region.shape:
        raise ValueError(f"sizes differ: {picture.shape}, {target.shape}, region {region.shape}")
    if not region.any():
        raise ValueError("the region marks no pixel")
