"""One SCHP network's labels of a photo: the photo into the network's square, scores back onto the photo.

All as upstream does it (3rdparty/SCHP, preprocess/humanparsing), without its detours. The photo is scaled,
without antialiasing, until its longer side spans the square, and lies in its middle with black around it. The
scores, not the labels, go the way back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from leffa.errors import UnsupportedWeights
from leffa.preprocess.schp import load_network
from leffa.preprocess.schp_onnx import load_graph

Photo = NDArray[np.uint8]
Labels = NDArray[np.uint8]
Scores = NDArray[np.float32]
Network = Callable[[Scores], Scores]  # [1, 3, side, side] → [1, labels, side/4, side/4]
ChannelOrder = Literal["bgr", "rgb"]

# ImageNet's statistics, blue first: the networks were trained on photos as OpenCV reads them.
MEAN: Final = np.array([0.406, 0.456, 0.485])
STD: Final = np.array([0.225, 0.224, 0.229])


@dataclass(frozen=True)
class LabelSet:
    """What the numbers of a label map mean, and the side in pixels of the square that the network sees."""

    name: str
    labels: tuple[str, ...]
    side: int


ATR: Final = LabelSet(
    "ATR",
    (
        "Background", "Hat", "Hair", "Sunglasses", "Upper-clothes", "Skirt", "Pants", "Dress", "Belt",
        "Left-shoe", "Right-shoe", "Face", "Left-leg", "Right-leg", "Left-arm", "Right-arm", "Bag", "Scarf",
    ),
    side=512,
)  # fmt: skip
LIP: Final = LabelSet(
    "LIP",
    (
        "Background", "Hat", "Hair", "Glove", "Sunglasses", "Upper-clothes", "Dress", "Coat", "Socks",
        "Pants", "Jumpsuits", "Scarf", "Skirt", "Face", "Left-arm", "Right-arm", "Left-leg", "Right-leg",
        "Left-shoe", "Right-shoe",
    ),
    side=473,
)  # fmt: skip
LABEL_SETS: Final = {len(label_set.labels): label_set for label_set in (ATR, LIP)}


@dataclass(frozen=True)
class SchpParser:
    """One network and the labels it was trained on. May be shared by threads."""

    network: Network
    label_set: LabelSet
    channel_order: ChannelOrder = "bgr"

    @classmethod
    def load(cls, state: Mapping[str, Any], device: str = "cpu", exact: bool = False) -> SchpParser:
        """From the state dict of a published `.pth`; the number of its labels says which of LABEL_SETS.

        With `exact` as upstream runs it: on RGB, though it was trained on BGR, and see `schp.load_network`.
        Raises UnsupportedWeights.
        """
        model = load_network(state, exact).to(device)
        if model.num_classes not in LABEL_SETS:
            raise UnsupportedWeights(
                f"These SCHP weights know {model.num_classes} labels; ATR has 18 and LIP has 20."
            )

        @torch.inference_mode()
        def run(pixels: Scores) -> Scores:
            return model(torch.from_numpy(pixels).to(device)).float().cpu().numpy()

        return cls(run, LABEL_SETS[model.num_classes], "rgb" if exact else "bgr")

    @classmethod
    def from_onnx(cls, path: Path, label_set: LabelSet, device: str = "cpu") -> SchpParser:
        """From an ONNX file. Raises FileMissing, and UnsupportedWeights for one of other labels."""
        return cls(load_graph(path, len(label_set.labels), device), label_set)

    def parse(self, photo: Photo) -> Labels:
        """The likeliest label of every pixel, uint8 [H, W], of a photo uint8 [H, W, 3] RGB."""
        return likeliest(self._scores_on(photo))

    def logits(self, photo: Photo) -> Scores:
        """The scores of all labels, float32 [H, W, labels], of a photo uint8 [H, W, 3] RGB.

        Outside what the network saw (half a pixel at the rim) they are 0.
        """
        return np.stack(list(self._scores_on(photo)), axis=2)

    def _scores_on(self, photo: Photo) -> Iterator[Scores]:
        """A label at a time: all together would take gigabytes for a photo as cameras make them."""
        height, width = photo.shape[:2]
        side = self.label_set.side
        scores = self.network(network_input(photo, side, self.channel_order))
        back = input_to_photo(height, width, side)
        for score in enlarged(scores, side):
            yield _warped(score, back, height, width)


def network_input(photo: Photo, side: int, channel_order: ChannelOrder = "bgr") -> Scores:
    """What the network sees of a photo uint8 [H, W, 3] RGB: normalised float32 [1, 3, side, side]."""
    square = in_square(photo, side) / 255
    ordered = square[..., ::-1] if channel_order == "bgr" else square
    normalised = (ordered - MEAN) / STD
    return np.ascontiguousarray(normalised.transpose(2, 0, 1)[None], dtype=np.float32)


def in_square(photo: Photo, side: int) -> Photo:
    """The photo in the middle of a black square, uint8 [side, side, 3]."""
    height, width = photo.shape[:2]
    return _warped(photo, photo_to_input(height, width, side), side, side)


def photo_to_input(height: int, width: int, side: int) -> NDArray[np.float64]:
    """The affine map [2, 3] from pixels (x, y) of a photo to those of the network's square.

    Centres of the outermost pixels lie on centres of outermost pixels. A photo of one pixel is not enlarged.
    """
    scale = (side - 1) / max(width - 1, height - 1, 1)
    return _centred(scale, (width, height), (side, side))


def input_to_photo(height: int, width: int, side: int) -> NDArray[np.float64]:
    """The inverse of `photo_to_input`."""
    scale = max(width - 1, height - 1, 1) / (side - 1)
    return _centred(scale, (side, side), (width, height))


def enlarged(scores: Scores, side: int) -> Scores:
    """Scores of one photo [1, labels, h, w] at the network's input size: [labels, side, side]."""
    full = F.interpolate(torch.from_numpy(scores), (side, side), mode="bilinear", align_corners=True)
    return full[0].numpy()


def likeliest(scores: Iterable[Scores]) -> Labels:
    """The number of the map with the highest score, uint8 [H, W], of maps [H, W]; the first among equals."""
    maps = iter(scores)
    best = next(maps).copy()
    labels = np.zeros(best.shape, np.uint8)
    for label, score in enumerate(maps, start=1):
        higher = score > best
        labels[higher] = label
        np.maximum(best, score, out=best)
    return labels


def _centred(scale: float, source: tuple[int, int], target: tuple[int, int]) -> NDArray[np.float64]:
    """Scaling that takes the middle of one picture to the middle of another; sizes are (width, height)."""
    x, y = ((to - 1) / 2 - scale * (size - 1) / 2 for size, to in zip(source, target, strict=True))
    return np.array([[scale, 0, x], [0, scale, y]])


def _warped(picture: NDArray[Any], affine: NDArray[np.float64], height: int, width: int) -> NDArray[Any]:
    return cv2.warpAffine(picture, affine, (width, height), flags=cv2.INTER_LINEAR)
