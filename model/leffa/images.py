"""Pictures at the border: bytes from strangers to clean arrays, and arrays back to bytes.

Decoding looks at the header first and refuses by size before a pixel is made. Everything that cameras and
editors write comes out as upright 8-bit sRGB: CMYK, 16 bits, grey, palettes, colour profiles, transparency,
EXIF orientation, animations (their first frame).
"""

import io
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import jpeg_factory
from PIL.PngImagePlugin import PngImageFile, PngInfo
from PIL.WebPImagePlugin import WebPImageFile

from leffa.errors import (
    BadMask,
    EmptyFile,
    EmptyMask,
    FileMissing,
    Finding,
    ImageTooLarge,
    ImageTooSmall,
    MaskWrongSize,
    NotAnImage,
    TooManyPixels,
    TruncatedImage,
    UnknownOutputFormat,
    UnsupportedFormat,
)
from leffa.files import whole_file

# Opened by class, not by Image.open: that looks at the size as well, but only warns below 180 megapixels.
OPENERS: dict[str, Callable[[IO[bytes]], Image.Image]] = {
    "JPEG": jpeg_factory,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
}
READ_FORMATS = tuple(OPENERS)
WRITE_FORMATS = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
ANIMATED_FORMATS = ("GIF", "PNG", "WEBP")
QUALITY = 95
# Encoders write about ten scans. Each further one costs a pass over all pixels, so thousands are an attack.
MAX_JPEG_SCANS = 50
EXIF_ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIGNATURES = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WEBP"),
    (0, b"BM", "BMP"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypavis", "AVIF"),
    (4, b"ftyphei", "HEIC"),
    (4, b"ftyphev", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (0, b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (0, b"8BPS", "Photoshop"),
    (0, b"%PDF", "PDF"),
    (0, b"<svg", "SVG"),
    (0, b"\x00\x00\x01\x00", "icon"),
)


@dataclass(frozen=True)
class Limits:
    """What a picture may be at most: bytes of the file, pixels, and pixels along one side (least, most)."""

    file_bytes: int = 20 * 1024**2
    pixels: int = 40_000_000
    least_side: int = 32
    most_side: int = 16_383  # of a WebP


@dataclass(frozen=True)
class Picture:
    """A decoded picture: ``pixels`` uint8 [H, W, 3] RGB, or [H, W, 4] RGBA where something is transparent."""

    pixels: np.ndarray
    findings: list[Finding] = field(default_factory=list)

    @property
    def on_white(self) -> np.ndarray:
        """The picture laid on white: uint8 [H, W, 3] RGB."""
        if self.pixels.shape[2] == 3:
            return self.pixels
        canvas = Image.new("RGBA", (self.pixels.shape[1], self.pixels.shape[0]), "white")
        canvas.alpha_composite(Image.fromarray(self.pixels, "RGBA"))
        return np.asarray(canvas.convert("RGB"))


DEFAULT_LIMITS = Limits()


def read_file(path: Path, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The bytes of a picture file; raises FileMissing or ImageTooLarge, before reading more than allowed."""
    if not path.is_file():
        raise FileMissing(f"There is no file {path}.")
    with path.open("rb") as file:
        data = file.read(limits.file_bytes + 1)
    check_bytes(data, limits, path.name)
    return data


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS, name: str | None = None) -> Picture:
    """Turn the bytes of one picture into upright sRGB pixels.

    ``name`` is the input's name for messages. Raises EmptyFile, ImageTooLarge, NotAnImage, UnsupportedFormat,
    TooManyPixels, ImageTooSmall or TruncatedImage. Memory stays below a few times ``limits.pixels``.
    """
    check_bytes(data, limits, name)
    kind = sniff(data, name)
    image = _open(data, kind, name)
    check_size(image.size, limits, name)
    try:
        findings = _animation_findings(image)
        image.load()
        pixels = _to_array(upright(image))
    except MemoryError:
        raise
    # Decoders raise whatever their format's parser meets: OSError, SyntaxError, ValueError, struct.error, …
    except Exception as error:
        raise TruncatedImage(f"The {kind} picture could not be decoded to its end.", field=name) from error
    return Picture(pixels, findings)


def check_bytes(data: bytes, limits: Limits, name: str | None) -> None:
    """Refuse no bytes (EmptyFile) and too many (ImageTooLarge)."""
    if not data:
        raise EmptyFile(field=name)
    if len(data) > limits.file_bytes:
        raise ImageTooLarge(
            f"The file has more than {limits.file_bytes / 1024**2:g} MB.",
            field=name,
            allowed=limits.file_bytes,
        )


def sniff(data: bytes, name: str | None = None) -> str:
    """The picture format by its first bytes; raises NotAnImage or UnsupportedFormat."""
    for offset, signature, kind in SIGNATURES:
        if data[offset : offset + len(signature)] != signature:
            continue
        if kind in READ_FORMATS:
            return kind
        raise UnsupportedFormat(
            f"{kind} files are not read.", field=name, allowed=list(READ_FORMATS), received=kind
        )
    raise NotAnImage(field=name)


def check_size(size: tuple[int, int], limits: Limits, name: str | None) -> None:
    """Refuse a (width, height) outside the limits: TooManyPixels or ImageTooSmall."""
    width, height = size
    if width * height > limits.pixels or max(size) > limits.most_side:
        raise TooManyPixels(
            f"The picture has {width}x{height} pixels; {limits.pixels / 1e6:g} megapixels"
            f" and {limits.most_side} along a side are the most.",
            field=name,
            allowed=limits.pixels,
            received=width * height,
        )
    if min(size) < limits.least_side:
        raise ImageTooSmall(
            f"The picture has {width}x{height} pixels; {limits.least_side} on each side are the least.",
            field=name,
            allowed=limits.least_side,
            received=min(size),
        )


def _open(data: bytes, kind: str, name: str | None) -> Image.Image:
    if kind == "JPEG" and data.count(b"\xff\xda") > MAX_JPEG_SCANS:
        raise UnsupportedFormat("The JPEG file is cut into far too many scans.", field=name)
    try:
        return OPENERS[kind](io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise TooManyPixels(field=name) from error
    except Exception as error:
        raise TruncatedImage(f"The {kind} picture's header cannot be read.", field=name) from error


def _animation_findings(image: Image.Image) -> list[Finding]:
    # A JPEG of several pictures is what phones save for depth or motion: its first one is the photo.
    if image.format not in ANIMATED_FORMATS or not getattr(image, "is_animated", False):
        return []
    return [
        Finding("animated", "The picture is animated; its first frame was used.", "Send a still picture.")
    ]


def upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF says; broken EXIF turns nothing."""
    orientation = None
    with suppress(Exception):  # broken EXIF is no reason to refuse a photo
        orientation = image.getexif().get(EXIF_ORIENTATION)
    return image.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else image


def _to_array(image: Image.Image) -> np.ndarray:
    """Any mode to uint8 [H, W, 3] or, where a pixel is not opaque, [H, W, 4]."""
    image = _to_srgb(to_8_bits(image))
    if not image.has_transparency_data:
        return np.asarray(image.convert("RGB"))
    pixels = np.asarray(image.convert("RGBA"))
    return pixels if pixels[..., 3].min() < 255 else np.ascontiguousarray(pixels[..., :3])


def to_8_bits(image: Image.Image) -> Image.Image:
    """A grey picture of 16 bits scaled to 8, where Pillow's conversion cuts off; others as they are."""
    if not image.mode.startswith("I"):
        return image
    values = np.clip(np.asarray(image), 0, 65_535).astype(np.uint32)
    return Image.fromarray((values * 255 // 65_535).astype(np.uint8))


def _to_srgb(image: Image.Image) -> Image.Image:
    """Apply an embedded colour profile; a profile that is broken or does not fit is ignored."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK"):
        return image
    from PIL import ImageCms

    with suppress(Exception):
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return image
        mode = "RGB" if image.mode == "CMYK" else image.mode
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
        return converted or image
    return image


def decode_mask(
    data: bytes, size: tuple[int, int], limits: Limits = DEFAULT_LIMITS, name: str = "mask_image"
) -> np.ndarray:
    """A mask picture as uint8 [H, W] of 0 and 255, white = repaint; grey counts as white from 128 on.

    ``size`` is the person photo's (height, width). Raises MaskWrongSize, EmptyMask, BadMask and what
    :func:`decode` raises.
    """
    pixels = decode(data, limits, name).on_white
    if pixels.shape[:2] != size:
        raise MaskWrongSize(
            field=name,
            allowed=f"{size[1]}x{size[0]}",
            received=f"{pixels.shape[1]}x{pixels.shape[0]}",
        )
    grey = np.asarray(Image.fromarray(pixels).convert("L"))
    mask = np.where(grey >= 128, 255, 0).astype(np.uint8)
    if not mask.any():
        raise EmptyMask(field=name)
    if mask.all():
        raise BadMask("The mask is white everywhere, so nothing of the person would be kept.", field=name)
    return mask


def format_of(path: Path) -> str:
    """The output format that a file name asks for: png, jpeg or webp; raises UnknownOutputFormat."""
    suffix = path.suffix.lower().removeprefix(".")
    kind = "jpeg" if suffix == "jpg" else suffix
    if kind not in WRITE_FORMATS:
        raise UnknownOutputFormat(
            f"{path.name} does not end in .png, .jpg or .webp.",
            allowed=list(WRITE_FORMATS),
            received=suffix,
        )
    return kind


def encode(
    pixels: np.ndarray, kind: str = "png", notes: Mapping[str, str] | None = None, xmp: str | None = None
) -> bytes:
    """The bytes of a picture, uint8 [H, W] or [H, W, 3]; the same input gives the same bytes.

    ``notes`` become text chunks of a PNG, or the description in the EXIF of a JPEG or WebP (the first one
    only); ``xmp`` an XMP packet. Nothing else but pixels is written.
    """
    image = Image.fromarray(pixels)
    buffer = io.BytesIO()
    if kind == "png":
        image.save(buffer, "PNG", pnginfo=_png_info(notes or {}, xmp))
    else:
        extra = {"subsampling": 0} if kind == "jpeg" else {"method": 4}
        image.save(buffer, kind, quality=QUALITY, exif=_exif(notes or {}), xmp=(xmp or "").encode(), **extra)
    return buffer.getvalue()


def encode_labels(labels: np.ndarray, palette: np.ndarray) -> bytes:
    """A palette PNG whose pixel values are the labels, uint8 [H, W]; ``palette`` uint8 [N, 3] is for eyes."""
    image = Image.fromarray(labels)
    image.putpalette(palette.astype(np.uint8).tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _png_info(notes: Mapping[str, str], xmp: str | None) -> PngInfo:
    info = PngInfo()
    for key, text in notes.items():
        info.add_itxt(key, text)
    if xmp:
        info.add_itxt("XML:com.adobe.xmp", xmp)
    return info


def _exif(notes: Mapping[str, str]) -> Image.Exif:
    exif = Image.Exif()
    description, software = 0x010E, 0x0131
    exif[software] = "leffa"
    for text in list(notes.values())[:1]:
        exif[description] = text
    return exif


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; raises CannotWrite."""
    with whole_file(path) as draft:
        draft.write_bytes(data)
