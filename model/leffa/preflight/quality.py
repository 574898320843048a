"""What photography does to a picture, and how large it is: blur, darkness, size, shape."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from leffa.preflight.report import Box, CheckFinding, Field

Picture = NDArray[np.uint8]

WORKING_SIDE: Final = 512  # blur that is gone at this size of the longer side does no harm
REBLUR: Final = 1.5  # sigma in pixels of that size
EDGES: Final = 98  # percentile of the gradient that counts as an edge
FAINT_EDGE: Final = 8.0  # of the Sobel filter; a picture without any edge is not blurred but empty
BLURRED: Final = 0.80  # sharp pictures keep 0.35 to 0.77 of their edges' gradient, at sigma 3 0.78 to 0.93
DARK: Final = 120  # lightness 0..255 of the brightest percent: 146 and more in good photos
SMALL: Final = 512
NARROW: Final = 3.0


def picture_findings(picture: Picture, box: Box, name: str, field: Field) -> list[CheckFinding]:
    """Findings on a picture, uint8 RGB [H, W, 3], whose subject `name` lies in `box`."""
    found = size_findings(picture, field)
    subject = _shrunk(_cut(picture, box))
    if kept_gradient(subject) > BLURRED:
        detail = f"The {name} is blurred."
        found.append(
            CheckFinding(
                "blurred", "warning", field, detail, "Use a sharp picture, in focus, without motion."
            )
        )
    if np.percentile(_lightness(_shrunk(picture)), 99) < DARK:
        detail = "The picture is very dark."
        fix = "Use a picture taken in daylight, or brighten it."
        found.append(CheckFinding("too_dark", "warning", field, detail, fix))
    return found


def size_findings(picture: Picture, field: Field) -> list[CheckFinding]:
    """Findings on size and shape alone."""
    height, width = picture.shape[:2]
    found = []
    if max(height, width) < SMALL:
        detail = f"The picture has {width}x{height} pixels; the result will be as small."
        fix = f"Send a picture of at least {SMALL} pixels on the long side, better 1000 to 2000."
        found.append(CheckFinding("picture_small", "info", field, detail, fix))
    if max(height, width) > NARROW * min(height, width):
        detail = f"The picture of {width}x{height} pixels is very long and narrow."
        fix = "Crop it around what matters, or check whether it was stretched."
        found.append(CheckFinding("extreme_aspect", "warning", field, detail, fix))
    return found


def kept_gradient(picture: Picture) -> float:
    """How much of its edges' gradient a picture keeps when it is blurred once more: 0..1, 0 without edges.

    Sharp edges lose the most; contrast cancels out.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    before, after = _gradient(grey), _gradient(cv2.GaussianBlur(grey, (0, 0), REBLUR))
    edges = before >= max(FAINT_EDGE, float(np.percentile(before, EDGES)))
    return float(after[edges].sum() / before[edges].sum()) if edges.any() else 0.0


def _gradient(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))


def _lightness(picture: Picture) -> Picture:
    return cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)[..., 0]


def _cut(picture: Picture, box: Box) -> Picture:
    x, y, width, height = box
    return np.ascontiguousarray(picture[y : y + height, x : x + width])


def _shrunk(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    scale = min(1.0, WORKING_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
