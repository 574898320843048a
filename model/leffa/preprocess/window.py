"""The part of a photo that a model works on: a rectangle of the model's aspect around the person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

WHOLE_HEIGHT = 0.45  # a person this high in a picture of the right aspect is large enough as it is
MARGIN = 0.08  # of the person's height, left free on every side


@dataclass(frozen=True)
class Window:
    """A rectangle in picture pixels; it may reach beyond the picture."""

    left: int
    top: int
    width: int
    height: int

    def cut(self, picture: NDArray[Any], height: int, width: int, interpolation: int) -> NDArray[Any]:
        """The window's content at height x width; beyond the picture the border goes on."""
        inside = self._inside(picture)
        piece = picture[inside[0] : inside[1], inside[2] : inside[3]]
        piece = cv2.copyMakeBorder(piece, *self._overhang(picture), cv2.BORDER_REPLICATE)
        if piece.shape[:2] == (height, width):
            return piece
        return cv2.resize(piece, (width, height), interpolation=interpolation)

    def points(self, points: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
        """Picture points [N, 2 or more] of x, y and whatever, as pixels of the content at height x width."""
        moved = points.copy()
        moved[:, :2] = (points[:, :2] - (self.left, self.top)) * (width / self.width, height / self.height)
        return moved

    def paste(self, picture: NDArray[Any], piece: NDArray[Any]) -> NDArray[Any]:
        """A copy of `picture` with the window's content replaced by `piece` [height, width, …]."""
        answer = picture.copy()
        top, bottom, left, right = self._inside(picture)
        above, _, before, _ = self._overhang(picture)
        answer[top:bottom, left:right] = piece[above : above + bottom - top, before : before + right - left]
        return answer

    def _inside(self, picture: NDArray[Any]) -> tuple[int, int, int, int]:
        height, width = picture.shape[:2]
        return (
            max(0, self.top),
            min(height, self.top + self.height),
            max(0, self.left),
            min(width, self.left + self.width),
        )

    def _overhang(self, picture: NDArray[Any]) -> tuple[int, int, int, int]:
        height, width = picture.shape[:2]
        return (
            max(0, -self.top),
            max(0, self.top + self.height - height),
            max(0, -self.left),
            max(0, self.left + self.width - width),
        )


def fit_window(box: tuple[int, int, int, int], height: int, width: int, aspect: float) -> Window:
    """The window of width/height = `aspect` for a person of `box` (left, top, right, bottom) in a picture.

    The whole picture where it has that aspect and the person is large in it; otherwise the person with a
    margin, widened to the aspect and shifted into the picture as far as it goes.
    """
    left, top, right, bottom = box
    if abs(width / height / aspect - 1) < 0.02 and bottom - top >= WHOLE_HEIGHT * height:
        return Window(0, 0, width, height)
    margin = MARGIN * (bottom - top)
    high = max(bottom - top + 2 * margin, (right - left + 2 * margin) / aspect)
    # The picture's own edges cut people off: a window beyond them shows nothing more.
    high = min(high, max(height, width / aspect))
    wide = high * aspect
    x = _shifted((left + right - wide) / 2, wide, width)
    y = _shifted((top + bottom - high) / 2, high, height)
    return Window(round(x), round(y), round(wide), round(high))


def _shifted(start: float, length: float, limit: int) -> float:
    """Move a span into 0..limit; a span longer than that is centred on it."""
    if length >= limit:
        return (limit - length) / 2
    return float(np.clip(start, 0, limit - length))
