"""The photo on the model's canvas, as upstream fits it, and the way back to the photo's own pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from leffa.diffusion.transform import fitted_box, resize_and_center
from leffa.errors import ImageTooSmall

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Canvas:
    """A picture of `shape` (height, width) centred on a white canvas of `size` (height, width).

    box: (top, left, height, width) of the picture on the canvas; whole numbers where it was fitted.
    """

    shape: tuple[int, int]
    size: tuple[int, int]
    box: tuple[float, float, float, float]

    @classmethod
    def fit(cls, picture: Picture, size: tuple[int, int], field: str) -> tuple[Canvas, Picture]:
        """The canvas and the picture on it, uint8 [*size, 3]. Raises ImageTooSmall where a side vanishes."""
        shape = (picture.shape[0], picture.shape[1])
        box = fitted_box(*shape, *size)
        if min(box[2:]) == 0:
            raise ImageTooSmall(f"The picture is {shape[1]}x{shape[0]} pixels.", field=field)
        return cls(shape, size, box), resize_and_center(picture, *size)

    def cut(self, drawn: Picture) -> Picture:
        """Something drawn on the canvas, uint8 [*size] or [*size, C], at the picture's own size."""
        top, left, height, width = map(int, self.box)
        piece = np.ascontiguousarray(drawn[top : top + height, left : left + width])
        if (height, width) == self.shape:
            return piece
        return cv2.resize(piece, self.shape[::-1], interpolation=_interpolation(height, self.shape[0]))

    def cut_labels(self, labels: Picture) -> Picture:
        """Labels drawn on the canvas, uint8 [*size], at the picture's own size; no label is blended."""
        top, left, height, width = map(int, self.box)
        piece = np.ascontiguousarray(labels[top : top + height, left : left + width])
        return cv2.resize(piece, self.shape[::-1], interpolation=cv2.INTER_NEAREST)

    def put(self, mask: Picture) -> Picture:
        """A mask uint8 [*shape] on the canvas, uint8 [*size]; black around."""
        top, left, height, width = map(int, self.box)
        canvas = np.zeros(self.size, np.uint8)
        piece = cv2.resize(mask, (width, height), interpolation=_interpolation(self.shape[0], height))
        canvas[top : top + height, left : left + width] = piece
        return canvas

    def cut_flow(self, flow: Tensor, garment: Canvas) -> NDArray[np.float32]:
        """A flow field [1, 2, h, w] from this canvas into `garment`'s, between the pictures: [h, w, 2].

        Coordinates beyond -1..1 point at the white around the garment picture.
        """
        top, left, height, width = (side / whole for side, whole in zip(self.box, self.size * 2, strict=True))
        rows = (torch.arange(flow.shape[2]) + 0.5) / flow.shape[2] * height + top
        columns = (torch.arange(flow.shape[3]) + 0.5) / flow.shape[3] * width + left
        grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)[None] * 2 - 1
        here = F.grid_sample(flow.float().cpu(), grid, padding_mode="border", align_corners=False)
        return garment._to_picture(here[0].permute(1, 2, 0).numpy())

    def _to_picture(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalised (x, y) on the canvas to normalised (x, y) of the picture: float32 [h, w, 2]."""
        top, left, height, width = self.box
        on_canvas = (points + 1) / 2 * np.array(self.size[::-1], np.float32)
        inside = (on_canvas - np.array([left, top])) / np.array([width, height])
        return (inside * 2 - 1).astype(np.float32)


def _interpolation(source: int, target: int) -> int:
    return cv2.INTER_AREA if target < source else cv2.INTER_CUBIC
