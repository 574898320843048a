"""The garment's silhouette in a product picture, and the picture brought to the model's shape.

A product picture is a garment on something plain. What is plain is learnt from the border: the colours there,
as a smooth field over the picture (studio backgrounds fade and cast soft shadows), and how far they stray.
Pixels that differ from the field are garment; where the garment has nearly the background's colour, a white
shirt on white, its outline and folds still differ a little, and whatever they enclose belongs to it.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from leffa.errors import Finding, NoGarment

Image = NDArray[np.uint8]
Alpha = NDArray[np.float32]

WORKING_SIDE: Final = 512  # the silhouette is found at this size of the longer side
BORDER: Final = 0.03  # of the longer side
MIN_DIFFERENCE: Final = 2.5  # in CIE Lab; JPEG noise on a plain wall stays below
SURE_DIFFERENCE: Final = 14.0
MIN_AREA: Final = 0.01  # of the picture
MAX_AREA: Final = 0.97
MARGIN: Final = 0.06  # white around the garment, as the synthetic flats have


@dataclass(frozen=True)
class PreparedGarment:
    """A garment picture in the model's shape, and where it lies in the original.

    rgb: uint8 [height, width, 3], white outside the garment. alpha: float32 [height, width], 0..1.
    box: left, top, right, bottom of what `rgb` shows, in pixels of the original and possibly beyond it.
    source: the original at full size on white, uint8 [H, W, 3]; source_alpha: float32 [H, W].
    findings: what the caller should be told.
    """

    rgb: Image
    alpha: Alpha
    box: tuple[float, float, float, float]
    source: Image
    source_alpha: Alpha
    findings: tuple[Finding, ...] = ()

    def to_source(self, flow: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn normalised coordinates into `rgb` into normalised coordinates into `source`.

        `flow` float32 [..., 2], x and y in -1..1, align_corners=False.
        """
        height, width = self.source.shape[:2]
        left, top, right, bottom = self.box
        pixels = (flow + 1) / 2 * (right - left, bottom - top) + (left, top)
        return np.asarray(pixels / (width, height) * 2 - 1, np.float32)


def prepare_garment(garment: Image, height: int, width: int, alpha: Alpha | None = None) -> PreparedGarment:
    """Cut out the garment and centre it on white in a picture of `height` x `width`, keeping its aspect.

    `garment` is uint8 RGB or RGBA [H, W, 3 or 4]; `alpha` float32 [H, W] 0..1 is its silhouette where the
    caller knows better than `garment_alpha`. Raises NoGarment for a picture without a garment.
    """
    if alpha is None:
        alpha = garment_alpha(garment)
    source = _on_white(garment[..., :3], alpha)
    left, top, right, bottom = box = _framed(_bounds(alpha), height / width)
    size = np.array([width / (right - left), height / (bottom - top)])
    rgb = _sample(source, box, size, (height, width), (255, 255, 255))
    small_alpha = _sample(alpha, box, size, (height, width), (0, 0, 0))
    return PreparedGarment(rgb, np.clip(small_alpha, 0, 1), box, source, alpha, _findings(garment, alpha))


def garment_alpha(garment: Image) -> Alpha:
    """Return the garment's soft silhouette, float32 [H, W] 0..1.

    `garment` is uint8 RGB or RGBA [H, W, 3 or 4]; where an alpha channel says something, it is believed.
    Raises NoGarment when nothing stands out from the background.
    """
    if garment.shape[2] == 4 and garment[..., 3].min() < 128:
        alpha = np.asarray(garment[..., 3], np.float32) / np.float32(255)
    else:
        alpha = _cut_out(garment[..., :3])
    if not MIN_AREA < (alpha > 0.5).mean() < MAX_AREA:
        raise NoGarment(field="garment_image")
    return alpha


def _cut_out(rgb: Image) -> Alpha:
    height, width = rgb.shape[:2]
    scale = min(1.0, WORKING_SIDE / max(height, width))
    size = max(8, round(width * scale)), max(8, round(height * scale))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    difference, noise = _difference_from_background(small)
    threshold = max(MIN_DIFFERENCE, noise)
    outline = _enclosed(_largest(_closed(difference > threshold)))
    if not outline.any() or difference[outline].max() < 2 * threshold:
        return np.zeros((height, width), np.float32)
    mask = _without_holes(_tightened(outline, difference), difference)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.7)
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _difference_from_background(rgb: Image) -> tuple[NDArray[np.float32], float]:
    """Distance in CIE Lab from the background field, [H, W], and how far the border itself strays."""
    lab = cv2.cvtColor((rgb / 255).astype(np.float32), cv2.COLOR_RGB2Lab)
    ring = _border(lab.shape[:2])
    basis = _quadratic(lab.shape[:2])
    centre = np.median(lab[ring], 0)
    plain = ring & (np.linalg.norm(lab - centre, axis=-1) < 12)  # a sleeve or a label may touch the border
    if not plain.any():  # so many colours that none is near their middle
        plain = ring
    field = np.linalg.lstsq(basis[plain], lab[plain], rcond=None)[0]
    # A field fitted at the border alone may bend away in the middle: never trust it far from the border.
    background = np.clip(basis @ field, lab[plain].min(0), lab[plain].max(0))
    difference = np.linalg.norm(lab - background, axis=-1).astype(np.float32)
    return difference, float(np.percentile(difference[plain], 98))


def _border(size: tuple[int, int]) -> NDArray[np.bool_]:
    thickness = max(2, round(BORDER * max(size)))
    ring = np.ones(size, bool)
    ring[thickness:-thickness, thickness:-thickness] = False
    return ring


def _quadratic(size: tuple[int, int]) -> NDArray[np.float64]:
    y, x = np.meshgrid(np.linspace(-1, 1, size[0]), np.linspace(-1, 1, size[1]), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)


def _closed(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Join the pieces of a faint outline."""
    size = max(3, max(mask.shape) // 80) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, kernel).astype(bool)


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest piece and those at least a tenth as large: a top and its belt, a pair of shoes."""
    count, regions, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return np.zeros_like(mask)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    return np.asarray((areas >= 0.1 * areas.max())[regions] & (regions > 0))


def _enclosed(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill the holes: everything the border cannot reach."""
    padded = np.pad(mask, 1).astype(np.uint8)
    cv2.floodFill(padded, None, (0, 0), 2)
    return np.asarray(padded[1:-1, 1:-1] != 2)


def _tightened(outline: NDArray[np.bool_], difference: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Drop the halo of compression and blur: edge pixels far nearer to the background than the garment is."""
    reach = max(3, max(outline.shape) // 60) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    core = cv2.erode(outline.astype(np.uint8), kernel).astype(np.float32)
    weight = cv2.GaussianBlur(core, (0, 0), reach)
    typical = cv2.GaussianBlur(difference * core, (0, 0), reach) / np.maximum(weight, 1e-4)
    halo = outline & (core == 0) & (weight > 1e-3) & (difference < 0.4 * typical)
    tight = cv2.morphologyEx((outline & ~halo).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return _enclosed(_largest(tight.astype(bool)))


def _without_holes(outline: NDArray[np.bool_], difference: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Open the holes that show the background, such as the loop between a strap and the garment.

    Only a garment that stands out clearly has holes: inside a white one on white everything looks like one.
    """
    if not outline.any() or np.median(difference[outline]) < SURE_DIFFERENCE:
        return outline
    holes = outline & (difference < MIN_DIFFERENCE * 1.5)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    return outline & ~cv2.morphologyEx(holes.astype(np.uint8), cv2.MORPH_OPEN, kernel).astype(bool)


def _on_white(rgb: Image, alpha: Alpha) -> Image:
    weight = alpha[..., None]
    return np.asarray(rgb * weight + 255 * (1 - weight) + 0.5, np.float32).astype(np.uint8)


def _bounds(alpha: Alpha) -> tuple[int, int, int, int]:
    ys, xs = np.nonzero(alpha > 0.5)
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def _framed(bounds: tuple[int, int, int, int], aspect: float) -> tuple[float, float, float, float]:
    """Widen `bounds` by the margin and to `aspect` (height over width), keeping the centre."""
    left, top, right, bottom = bounds
    margin = 1 + 2 * MARGIN
    height = margin * max(bottom - top, (right - left) * aspect)
    width = height / aspect
    x, y = (left + right) / 2, (top + bottom) / 2
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _sample(
    picture: NDArray,
    box: tuple[float, float, float, float],
    scale: NDArray,
    size: tuple[int, int],
    fill: tuple,
) -> NDArray:
    """Resample the part of `picture` inside `box` to `size` (height, width), averaging when it shrinks."""
    shrink = min(1.0, float(scale.max()))
    if shrink < 1:
        height, width = picture.shape[:2]
        new = max(1, round(width * shrink)), max(1, round(height * shrink))
        picture = cv2.resize(picture, new, interpolation=cv2.INTER_AREA)
        fx, fy = new[0] / width, new[1] / height
        box = box[0] * fx, box[1] * fy, box[2] * fx, box[3] * fy
    sx, sy = size[1] / (box[2] - box[0]), size[0] / (box[3] - box[1])
    # Pixel centres: out + 0.5 = (in + 0.5 - left) * s
    matrix = np.array([[sx, 0, (0.5 - box[0]) * sx - 0.5], [0, sy, (0.5 - box[1]) * sy - 0.5]])
    return cv2.warpAffine(picture, matrix, size[::-1], borderMode=cv2.BORDER_CONSTANT, borderValue=fill)


def _findings(garment: Image, alpha: Alpha) -> tuple[Finding, ...]:
    ring = _border(alpha.shape)
    if (alpha[ring] > 0.5).mean() > 0.15:
        detail = "The garment reaches the picture's edge, or the background is not plain."
        return (
            Finding("garment_cut_off", detail, "Use a picture that shows the whole garment on a plain wall."),
        )
    return ()
