"""DensePose: which part of the body each pixel of a photo shows, and where on that part.

Photo → network (`densepose_net`) → boxes of people, and charts of the one who is shown → maps of the photo's
size. With `exact` the maps are those of Leffa's demo for any number of people. By default they differ in what
happens when there is not exactly one person:

| | default | exact |
|---|---|---|
| nobody | NoPerson | black maps |
| several people | the largest confident one | the surest one; in the segmentation the least sure |
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from leffa.errors import BadParameter, NoPerson
from leffa.preprocess.boxes import areas, clip, has_area
from leffa.preprocess.densepose_net import Charts, DensePoseRCNN, prepare
from leffa.weights.fitting import require_fit, shapes_of

Picture = NDArray[np.uint8]
ChannelOrder = Literal["rgb", "bgr"]

SHORTER_SIDE, LONGEST_SIDE = 800, 1333  # what the network was trained at
LIKELY, CONFIDENT = 0.5, 0.8  # scores of a person
MASK_SIDE = 512  # the demo's mask rule looks at a smaller photo
NOT_WEIGHTS = ("pixel_mean", "pixel_std", "proposal_generator.anchor_generator.cell_anchors.")
# RGB of background and parts 1..24: OpenCV's PARULA colours at part * 255 / 24, except that 0 is black.
PART_COLOURS: Final = np.frombuffer(
    bytes.fromhex(
        "000000 253ca3 1450c2 0461df 086edd 0e7ad8 1484d4 0f90d0 0b9ccb 06a6c6 16adb9 26b3ac 37b99f"
        "56bb90 72bd82 91bf74 aabd69 c0bc60 d8ba56 e4c04a f0c73c fcce2e fbdc24 faeb19 f9fb0e"
    ),
    np.uint8,
).reshape(25, 3)


@dataclass(frozen=True)
class BodyMap:
    """One person's body in a photo.

    parts: uint8 [H, W], 0 background, 1..24 DensePose's parts.
    iuv: uint8 [H, W, 3], part, V, U. U and V are stretched to 0..255 by their common least and greatest value
    in the box, so the same place on the body has other grey levels in another photo, and background inside
    the box is not 0 where U or V falls below 0: the checkpoints were trained on such maps.
    people: how many were surely seen, 1 where nobody was; with `exact` all that were found.
    box: x, y, width, height of the one shown.
    drawn: the parts that `segmentation` shows where it shows somebody else, only with `exact`.
    """

    parts: Picture
    iuv: Picture
    people: int
    box: tuple[int, int, int, int]
    drawn: Picture | None = None

    @property
    def segmentation(self) -> Picture:
        """Coloured parts, uint8 RGB [H, W, 3]: what VITON-HD is conditioned on."""
        return PART_COLOURS[self.parts if self.drawn is None else self.drawn]

    @property
    def part_index(self) -> Picture:
        """Parts three times, uint8 [H, W, 3]: what DressCode is conditioned on."""
        return np.repeat(self.iuv[..., :1], 3, axis=2)

    @property
    def uvi(self) -> Picture:
        """U, V, part, uint8 [H, W, 3]: what pose transfer is conditioned on."""
        return np.ascontiguousarray(self.iuv[..., ::-1])


@dataclass(frozen=True)
class DensePose:
    """The network with its pictures' way in and out.

    channel_order: "rgb" hands the photo over as it is, as Leffa's demo does although the network was trained
    on BGR; "bgr" swaps. Which of the two the maps behind the try-on checkpoints came from is not documented.
    The sides are those the photo is scaled to: the shorter one, unless the longer one would be too long.
    """

    network: DensePoseRCNN
    channel_order: ChannelOrder = "rgb"
    shorter_side: int = SHORTER_SIDE
    longest_side: int = LONGEST_SIDE

    @classmethod
    def load(
        cls, state: Mapping[str, Tensor], device: str = "cpu", channel_order: ChannelOrder = "rgb"
    ) -> "DensePose":
        """From the tensors of model_final_162be9.pkl, which the network may go on sharing.

        Raises UnsupportedWeights unless names and shapes are exactly the network's (the anchors and pixel
        means that detectron2 may store are passed over); BadParameter for an unknown channel order.
        """
        check_order(channel_order)
        with torch.device("meta"):
            network = DensePoseRCNN()
        network.load_state_dict(checked_weights(state, network), assign=True)
        network = network.requires_grad_(False).eval().to(device)
        if device == "cpu":
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a fifth faster there
        return cls(network, channel_order)

    def detect(self, photo: Picture, exact: bool = False) -> BodyMap:
        """The body in a photo, uint8 RGB [H, W, 3]. Raises NoPerson, unless `exact`."""
        return self._detect(photo if self.channel_order == "rgb" else photo[..., ::-1], LIKELY, exact)

    def mask_parts(self, photo: Picture) -> Picture:
        """Parts as the demo's mask rule sees them, uint8 [H, W]; see the function of this name."""
        return mask_parts(photo, lambda small: self._detect(small, CONFIDENT, exact=True))

    @torch.inference_mode()
    def _detect(self, picture: Picture, threshold: float, exact: bool) -> BodyMap:
        """The network step by step; channels of `picture` are taken as blue, green, red."""
        network, size = self.network, picture.shape[:2]
        device = next(network.parameters()).device
        scaled = torch.from_numpy(scale_sides(picture, self.shorter_side, self.longest_side))
        scaled_size = (scaled.shape[0], scaled.shape[1])
        features = network.backbone(prepare(scaled.to(device)))
        proposals, _ = network.proposal_generator(features, scaled_size)
        found, scores = network.roi_heads.people(features, proposals, scaled_size, threshold)
        boxes, visible = boxes_on_photo(found.cpu(), scaled_size, size)
        found, scores = found[visible.to(device)], scores.cpu()[visible]

        def charts_of(people: list[int]) -> Charts:
            return network.roi_heads.charts(network.roi_heads.decoder(features[:4]), found[people])

        return body_map(boxes, scores, charts_of, size, exact)


def scale_sides(picture: Picture, shorter: int, longest: int) -> Picture:
    """Scale so that the shorter side is `shorter`, or less where the longer would exceed `longest`."""
    height, width = picture.shape[:2]
    scale = shorter / min(height, width)
    sides = [shorter if side == min(height, width) else scale * side for side in (width, height)]
    if max(sides) > longest:
        scale = longest / max(sides)
        sides = [side * scale for side in sides]
    target = [max(1, int(side + 0.5)) for side in sides]
    return np.array(Image.fromarray(picture).resize((target[0], target[1]), Image.Resampling.BILINEAR))


def boxes_on_photo(
    boxes: Tensor, scaled_size: tuple[int, int], size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Boxes [N, 4] from the scaled photo to the photo itself, sizes as (height, width).

    Returns those that keep an area [M, 4] and which those are, bool [N].
    """
    y, x = (to / of for to, of in zip(size, scaled_size, strict=True))
    boxes = clip(clip(boxes, scaled_size) * boxes.new_tensor([x, y, x, y]), size)
    visible = has_area(boxes)
    return boxes[visible], visible


def body_map(
    boxes: Tensor,
    scores: Tensor,
    charts_of: Callable[[list[int]], Charts],
    size: tuple[int, int],
    exact: bool = False,
) -> BodyMap:
    """Maps of a photo of `size` (height, width) with people in it.

    boxes: float32 [N, 4] in photo pixels; scores: [N], descending; both on the CPU. charts_of gives the
    charts of the people of these indices and is called once at most. Raises NoPerson, unless `exact`.
    """
    if not len(boxes):
        if not exact:
            raise NoPerson("DensePose sees no person in the photo.")
        return BodyMap(np.zeros(size, np.uint8), np.zeros((*size, 3), np.uint8), 0, (0, 0, 0, 0))
    sure = int((scores > CONFIDENT).sum())
    shown = [0, len(boxes) - 1][: len(boxes)] if exact else [largest(boxes[: max(1, sure)])]
    charts = charts_of(shown)
    maps = [draw(Charts(*(c[i : i + 1] for c in charts)), boxes[j], size) for i, j in enumerate(shown)]
    parts, iuv = maps[0]
    drawn = maps[1][0] if len(maps) > 1 else None
    return BodyMap(parts, iuv, len(boxes) if exact else max(1, sure), whole_pixels(boxes[shown[0]]), drawn)


def largest(boxes: Tensor) -> int:
    """Index of the box with the greatest area."""
    return int(areas(boxes).argmax())


def draw(charts: Charts, box: Tensor, size: tuple[int, int]) -> tuple[Picture, Picture]:
    """One person's charts (N = 1) at their place: parts uint8 [H, W] and iuv uint8 [H, W, 3]."""
    x, y, width, height = whole_pixels(box)
    labels, uv = read_charts(charts, max(width, 1), max(height, 1))
    iuv = np.stack([labels, *grey_levels(uv)[::-1]], -1)
    canvas = np.zeros((*size, 3), np.uint8)
    canvas[y : y + height, x : x + width] = iuv[:height, :width]
    return canvas[..., 0].copy(), canvas


def whole_pixels(box: Tensor) -> tuple[int, int, int, int]:
    """x, y, width, height of a box [4], each cut to an integer by itself."""
    x1, y1, x2, y2 = box
    return int(x1), int(y1), int(x2 - x1), int(y2 - y1)


def read_charts(charts: Charts, width: int, height: int) -> tuple[Picture, NDArray[np.float32]]:
    """One person's charts (N = 1) at the size of the box: parts uint8 [h, w], and u, v float32 [2, h, w].

    A pixel's part is the best of `fine` (which may be the background) where `coarse` says body. Background
    has u = v = 0; u and v are not clamped.
    """

    def sample(chart: Tensor) -> Tensor:
        return F.interpolate(chart, (height, width), mode="bilinear")[0]

    labels = sample(charts.fine).argmax(0) * (sample(charts.coarse).argmax(0) > 0)
    uv = torch.cat([sample(chart).gather(0, labels[None]) for chart in (charts.u, charts.v)])
    uv = torch.where(labels > 0, uv, 0)
    return labels.to(torch.uint8).cpu().numpy(), uv.cpu().numpy()


def grey_levels(uv: NDArray[np.float32]) -> Picture:
    """Stretched so that the least value of all becomes 0 and the greatest 255; zeros where all are equal."""
    least, greatest = uv.min(), uv.max()
    if least == greatest:
        return np.zeros(uv.shape, np.uint8)
    return ((uv - least) / (greatest - least) * 255).astype(np.uint8)


def mask_parts(photo: Picture, see: Callable[[Picture], BodyMap]) -> Picture:
    """Parts as the demo's mask rule sees them, uint8 [H, W]: nothing but 0 where nobody is surely seen.

    Unlike the maps for conditioning they come from a picture in BGR, as the network wants it, of at most 512
    pixels a side (so outlines are coarser in larger photos), and `see` should ask for a CONFIDENT score.
    """
    height, width = photo.shape[:2]
    small = cv2.resize(photo, mask_size(width, height), interpolation=cv2.INTER_LINEAR)
    return enlarge(see(small[..., ::-1]).parts, width, height)


def mask_size(width: int, height: int) -> tuple[int, int]:
    """Width and height at which the demo's mask rule looks at a photo."""
    scale = min(1.0, MASK_SIDE / max(width, height))
    return max(1, int(width * scale)), max(1, int(height * scale))


def enlarge(parts: Picture, width: int, height: int) -> Picture:
    """Parts at another size, every pixel one of the old ones."""
    return np.array(Image.fromarray(parts).resize((width, height), Image.Resampling.NEAREST))


def check_order(channel_order: str) -> None:
    """Raises BadParameter for what is neither rgb nor bgr."""
    if channel_order not in ("rgb", "bgr"):
        raise BadParameter("Channels come as rgb or bgr.", allowed=["rgb", "bgr"], received=channel_order)


def checked_weights(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Exactly the network's weights out of a checkpoint, as float32.

    Raises UnsupportedWeights that tells what is missing, unexpected or of another shape; until then nothing
    is copied.
    """
    stored = {key: value for key, value in state.items() if not key.startswith(NOT_WEIGHTS)}
    name = "The DensePose checkpoint (R_50_FPN_s1x)"
    require_fit(shapes_of(network.state_dict()), shapes_of(stored), name)
    return {key: value.float() for key, value in stored.items()}
