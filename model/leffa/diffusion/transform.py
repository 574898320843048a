"""Pictures to the official models' tensors and back; every rounding as upstream has it.

Pictures are uint8 arrays [H, W, 3] RGB unless said otherwise.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from leffa.diffusion.quirks import MASK_THRESHOLD, REPAINT_HEIGHT_PER_RADIUS

LATENT_FACTOR = 8
GARMENT_CANVAS = (1024, 768)
DENSEPOSE_PARTS = 24
STRIP = 256


@dataclass(frozen=True)
class ModelInputs:
    """What LeffaPipeline takes: person, garment, densepose [B, 3, H, W] -1..1, mask [B, 1, H, W]; float32."""

    person: Tensor
    garment: Tensor
    mask: Tensor
    densepose: Tensor


def model_inputs(
    person: np.ndarray,
    garment: np.ndarray,
    mask: np.ndarray,
    densepose: np.ndarray,
    height: int,
    width: int,
    iuv: bool = False,
) -> ModelInputs:
    """One row of pipeline inputs at height x width, rounded down to multiples of 8.

    mask [H, W] or [H, W, 3], white = repaint. densepose is a picture like the others, or with `iuv` a map of
    part coordinates: two channels 0..255 and the part's index 0..24, which must not be blended and which
    keeps the exact height and width. Nothing is converted to RGB: pictures of 1 or 4 channels give as many.
    """
    size = tuple(side // LATENT_FACTOR * LATENT_FACTOR for side in (height, width))
    coarse = _lanczos(mask, size).convert("L")
    binary = np.asarray(coarse, np.float32) / 255 >= MASK_THRESHOLD
    return ModelInputs(
        person=_signed(_lanczos(person, size)),
        garment=_signed(_lanczos(garment, size)),
        mask=torch.from_numpy(binary.astype(np.float32))[None, None],
        densepose=_iuv(densepose, (height, width)) if iuv else _signed(_lanczos(densepose, size)),
    )


def resize_and_center(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Fit a picture on white of height x width, centred, bicubic, not antialiased: uint8 [height, width, 3].

    picture [H, W] (repeated), [H, W, 3] or [H, W, 4] (alpha dropped, not applied). Both sides are cut to
    whole pixels, so one may come out a pixel short. ValueError for other shapes, or where a side would
    vanish.
    """
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3,), (4,)):
        raise ValueError(
            f"expected uint8 [H, W], [H, W, 3] or [H, W, 4], not {picture.dtype} {picture.shape}"
        )
    rgb = np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture[..., :3]
    top, left, *fitted = fitted_box(rgb.shape[0], rgb.shape[1], height, width)
    if min(fitted) == 0:
        raise ValueError(
            f"a picture of {rgb.shape[1]} x {rgb.shape[0]} pixels is too narrow for {width} x {height}"
        )
    resized = cv2.resize(np.ascontiguousarray(rgb), fitted[::-1], interpolation=cv2.INTER_CUBIC)
    canvas = np.full((height, width, 3), 255, np.uint8)
    canvas[top : top + fitted[0], left : left + fitted[1]] = resized
    return canvas


def fitted_box(rows: int, columns: int, height: int, width: int) -> tuple[int, int, int, int]:
    """(top, left, height, width) of a picture of rows x columns on height x width; may be empty."""
    ratio = min(height / rows, width / columns)
    fitted = int(rows * ratio), int(columns * ratio)
    return (height - fitted[0]) // 2, (width - fitted[1]) // 2, *fitted


def garment_on_canvas(garment: np.ndarray) -> np.ndarray:
    """A cut-out garment, uint8 RGBA [H, W, 4], squared and centred on white: uint8 RGBA [1024, 768, 4].

    Half-transparent edges stay half transparent in the result. ValueError where nothing is opaque.
    """
    side = GARMENT_CANVAS[1]
    square = Image.fromarray(garment).crop(garment_square(garment))
    square = square.resize((side, side), Image.Resampling.LANCZOS)
    canvas = Image.new("RGBA", GARMENT_CANVAS[::-1], (255, 255, 255, 255))
    canvas.paste(square, (0, (GARMENT_CANVAS[0] - side) // 2), square)
    return np.array(canvas)


def garment_square(garment: np.ndarray) -> tuple[int, int, int, int]:
    """What garment_on_canvas cuts out of an RGBA garment: left, top, right, bottom, also beyond the picture.

    ValueError where nothing is opaque.
    """
    cutout = Image.fromarray(garment)
    box = cutout.getchannel("A").getbbox()
    if box is None:
        raise ValueError("the garment picture is fully transparent")
    return _square_around(box, cutout.width, cutout.height)


def repaint(person: np.ndarray, result: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The result inside the softened mask, the person outside: uint8 [H, W, 3], cut and not rounded to bytes.

    person and result [H, W, 3], mask [H, W, 3] or [H, W] uint8, all of one size.
    """
    blurred = soften(mask)
    blended = np.empty_like(person)
    for top in range(0, len(person), STRIP):  # doubles of a whole photo would take gigabytes
        rows = slice(top, top + STRIP)
        weight = blurred[rows].astype(np.float64) / 255
        blended[rows] = person[rows] * (1 - weight) + result[rows] * weight  # cut to bytes, not rounded
    return blended


def soften(mask: np.ndarray) -> np.ndarray:
    """The mask as repaint weighs with it, blurred: uint8 [H, W] or [H, W, 3] to [H, W, 3]."""
    radius = len(mask) // REPAINT_HEIGHT_PER_RADIUS
    radius += radius % 2 == 0
    return np.asarray(Image.fromarray(mask).convert("RGB").filter(ImageFilter.GaussianBlur(radius)))


def to_bytes(images: Tensor) -> np.ndarray:
    """[B, C, H, W] 0..1 to uint8 [B, H, W, C], halves to even; a single channel is dropped: [B, H, W]."""
    levels = (images.float().clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return levels[..., 0] if levels.shape[-1] == 1 else levels


def _lanczos(picture: np.ndarray, size: tuple[int, ...]) -> Image.Image:
    return Image.fromarray(picture).resize((size[1], size[0]), Image.Resampling.LANCZOS)


def _signed(picture: Image.Image) -> Tensor:
    """Bytes 0..255 to float32 -1..1, [1, C, H, W]."""
    return _channels_first(np.asarray(picture, np.float32) / 255) * 2 - 1


def _iuv(densepose: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Part coordinates and index to -1..1 [1, 3, H, W]; the index's scale is its own."""
    nearest = Image.fromarray(densepose).resize(size[::-1], Image.Resampling.NEAREST)
    levels = np.array(nearest, np.float32) / np.array([255, 255, DENSEPOSE_PARTS], np.float32)
    return _channels_first(levels) * 2 - 1


def _channels_first(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(np.atleast_3d(picture)).permute(2, 0, 1)[None].contiguous()


def _square_around(box: tuple[int, int, int, int], width: int, height: int) -> tuple[int, int, int, int]:
    """The square around the box's centre, pushed into the picture one border after the other.

    Where it is larger than the picture the right and lower borders win, and left or top become negative.
    """
    left, top, right, bottom = box
    side = max(right - left, bottom - top)
    left, top = (left + right) // 2 - side // 2, (top + bottom) // 2 - side // 2
    left, top = max(left, 0), max(top, 0)
    left, top = min(left, width - side), min(top, height - side)
    return left, top, left + side, top + side
