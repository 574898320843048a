"""Pictures as strangers send them: every one is decoded right or refused with its own code."""

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image, ImageCms

from leffa import images
from leffa.errors import (
    BadMask,
    CannotWrite,
    EmptyFile,
    EmptyMask,
    FileMissing,
    ImageTooLarge,
    ImageTooSmall,
    LeffaError,
    MaskWrongSize,
    NotAnImage,
    TooManyPixels,
    TruncatedImage,
    UnknownOutputFormat,
    UnsupportedFormat,
)

HEIGHT, WIDTH = 48, 64


def scene() -> np.ndarray:
    """Smooth and different in every corner, so that lossy formats and rotations show."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([x * 4 % 256, y * 5 % 256, (x + y) * 2 % 256], axis=2).astype(np.uint8)


def save(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def difference(pixels: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(pixels.astype(int) - expected.astype(int)).mean())


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_lossless_formats_keep_every_pixel(kind: str) -> None:
    decoded = images.decode(save(Image.fromarray(scene()), kind))
    assert np.array_equal(decoded.pixels, scene())
    assert decoded.findings == []


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_formats_come_close(kind: str) -> None:
    decoded = images.decode(save(Image.fromarray(scene()), kind, quality=95))
    assert difference(decoded.pixels, scene()) < 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_is_turned_upright(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    undo = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
    stored = Image.fromarray(scene())
    if orientation != 1:
        stored = stored.transpose(images.UPRIGHT[undo[orientation]])
    options = {"quality": 95} if kind != "PNG" else {}
    decoded = images.decode(save(stored, kind, exif=exif, **options))
    assert decoded.pixels.shape == (HEIGHT, WIDTH, 3)
    assert difference(decoded.pixels, scene()) < 4


def test_broken_exif_does_not_matter() -> None:
    data = save(Image.fromarray(scene()), "JPEG", quality=95, exif=b"Exif\x00\x00MM\x00*garbage")
    assert images.decode(data).pixels.shape == (HEIGHT, WIDTH, 3)


def test_cmyk_without_a_profile() -> None:
    cmyk = Image.fromarray(scene()).convert("CMYK")
    assert difference(images.decode(save(cmyk, "JPEG", quality=95)).pixels, scene()) < 6


def test_a_profile_that_does_not_fit_is_ignored() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    cmyk = Image.fromarray(scene()).convert("CMYK")
    data = save(cmyk, "JPEG", quality=95, icc_profile=profile)
    assert difference(images.decode(data).pixels, scene()) < 6


def test_a_profile_of_another_kind_of_colour_does_no_harm() -> None:
    xyz = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    data = save(Image.fromarray(scene()), "PNG", icc_profile=xyz)
    assert images.decode(data).pixels.shape == (HEIGHT, WIDTH, 3)


def test_an_srgb_profile_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = save(Image.fromarray(scene()), "PNG", icc_profile=profile)
    assert np.array_equal(images.decode(data).pixels, scene())


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA"])
def test_other_modes_become_rgb(mode: str) -> None:
    image = Image.fromarray(scene()).convert("L").convert(mode)
    decoded = images.decode(save(image, "PNG"))
    assert np.array_equal(decoded.pixels, np.asarray(image.convert("RGB")))


def test_sixteen_bit_grey_keeps_its_brightness() -> None:
    grey = np.asarray(Image.fromarray(scene()).convert("L"))
    data = save(Image.fromarray(grey.astype(np.uint16) * 257), "PNG")
    assert np.array_equal(images.decode(data).pixels[..., 0], grey)


def test_sixteen_bit_colour() -> None:
    rows = scene().astype(">u2") * 257
    raw = b"".join(b"\x00" + row.tobytes() for row in rows)
    data = png(WIDTH, HEIGHT, raw, depth=16)
    assert difference(images.decode(data).pixels, scene()) <= 1


def test_transparency_is_kept_and_can_be_laid_on_white() -> None:
    alpha = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    alpha[:, WIDTH // 2 :] = 255
    decoded = images.decode(save(Image.fromarray(np.concatenate([scene(), alpha], axis=2)), "PNG"))
    assert decoded.pixels.shape == (HEIGHT, WIDTH, 4)
    assert (decoded.on_white[:, : WIDTH // 2] == 255).all()
    assert np.array_equal(decoded.on_white[:, WIDTH // 2 :], scene()[:, WIDTH // 2 :])


def test_an_alpha_channel_that_is_opaque_is_dropped() -> None:
    data = save(Image.fromarray(scene()).convert("RGBA"), "PNG")
    assert np.array_equal(images.decode(data).pixels, scene())


def test_a_transparent_palette_colour_is_seen() -> None:
    image = Image.fromarray(scene()).convert("P")
    image.putpixel((0, 0), 3)
    assert images.decode(save(image, "PNG", transparency=3)).pixels.shape[2] == 4


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_gives_its_first_frame_and_says_so(kind: str) -> None:
    frames = [Image.fromarray(scene()), Image.fromarray(255 - scene())]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = save(frames[0], kind, save_all=True, append_images=frames[1:], duration=100, **options)
    decoded = images.decode(data)
    assert [finding.code for finding in decoded.findings] == ["animated"]
    assert difference(decoded.pixels, scene()) < 20


def test_two_photos_in_one_jpeg_are_no_animation() -> None:
    first, second = Image.fromarray(scene()), Image.fromarray(255 - scene())
    data = save(first, "MPO", save_all=True, append_images=[second], quality=95)
    decoded = images.decode(data)
    assert decoded.findings == []
    assert difference(decoded.pixels, scene()) < 4


def test_nothing_is_refused_as_empty() -> None:
    with pytest.raises(EmptyFile):
        images.decode(b"")


@pytest.mark.parametrize("data", [b"hello", b"<html>", bytes(1000), b"\x89PN"])
def test_other_files_are_no_pictures(data: bytes) -> None:
    with pytest.raises(NotAnImage):
        images.decode(data)


@pytest.mark.parametrize(("kind", "name"), [("TIFF", "TIFF"), ("ICO", "icon"), ("JPEG2000", "JPEG 2000")])
def test_formats_that_are_not_read_are_named(kind: str, name: str) -> None:
    with pytest.raises(UnsupportedFormat, match=name):
        images.decode(save(Image.fromarray(scene()), kind))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7])
def test_a_picture_cut_short_is_refused(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    data = save(Image.fromarray(noise), kind)
    with pytest.raises(TruncatedImage):
        images.decode(data[: int(len(data) * share)])


def test_an_animation_cut_anywhere_is_read_or_refused() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)
    frames = [Image.fromarray(frame) for frame in noise]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    whole = buffer.getvalue()
    for length in range(13, len(whole), 7):
        with suppress(LeffaError):
            images.decode(whole[:length])


def test_too_many_bytes() -> None:
    with pytest.raises(ImageTooLarge):
        images.decode(bytes(2000), images.Limits(file_bytes=1999))


def png(width: int, height: int, raw: bytes, depth: int = 8) -> bytes:
    """A PNG written by hand, so that its header may say what it likes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(raw, 9))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(12_000, 12_000), (65_000, 65_000), (2**31 - 1, 1), (20_000, 100)])
def test_too_many_pixels_are_refused_by_the_header(size: tuple[int, int]) -> None:
    with pytest.raises(TooManyPixels):
        images.decode(png(*size, b""))


def test_a_header_that_promises_less_than_the_data_holds_is_bounded() -> None:
    """The data would fill 30,000 rows; only the 64 promised ones are ever made."""
    data = png(64, 64, bytes((64 * 3 + 1) * 30_000))
    assert images.decode(data).pixels.shape == (64, 64, 3)


def test_a_header_that_promises_more_than_the_data_holds_is_truncated() -> None:
    with pytest.raises(TruncatedImage):
        images.decode(png(6000, 6000, bytes(100)))


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    data = save(Image.fromarray(scene()), "JPEG", progressive=True)
    scan = data.rindex(b"\xff\xda")
    with pytest.raises(UnsupportedFormat):
        images.decode(data[:scan] + data[scan:-2] * 200 + data[-2:])


@pytest.mark.parametrize("size", [(1, 1), (31, 500), (500, 8)])
def test_slivers_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ImageTooSmall):
        images.decode(save(Image.new("RGB", size), "PNG"))


def test_a_mask_becomes_black_and_white() -> None:
    grey = np.zeros((HEIGHT, WIDTH), np.uint8)
    grey[:10], grey[10:20] = 200, 100
    mask = images.decode_mask(save(Image.fromarray(grey), "PNG"), (HEIGHT, WIDTH))
    assert (mask[:10] == 255).all() and (mask[10:] == 0).all()


@pytest.mark.parametrize(
    ("value", "size", "error"),
    [(0, (HEIGHT, WIDTH), EmptyMask), (255, (HEIGHT, WIDTH), BadMask), (128, (HEIGHT, 99), MaskWrongSize)],
)
def test_useless_masks_are_refused(value: int, size: tuple[int, int], error: type[LeffaError]) -> None:
    with pytest.raises(error):
        images.decode_mask(save(Image.new("L", (WIDTH, HEIGHT), value), "PNG"), size)


@pytest.mark.parametrize("kind", list(images.WRITE_FORMATS))
def test_encoding_is_deterministic_and_carries_no_metadata(kind: str) -> None:
    data = images.encode(scene(), kind)
    assert data == images.encode(scene(), kind)
    assert difference(images.decode(data).pixels, scene()) < 4
    assert not {"icc_profile", "comment"} & set(Image.open(io.BytesIO(data)).info)


def test_labels_survive_as_pixel_values() -> None:
    labels = (np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 18).astype(np.uint8)
    data = images.encode_labels(labels, np.zeros((18, 3), np.uint8))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), labels)


def test_output_formats_by_name(tmp_path) -> None:
    assert [images.format_of(tmp_path / name) for name in ("a.PNG", "a.jpg", "a.jpeg", "a.webp")] == [
        "png",
        "jpeg",
        "jpeg",
        "webp",
    ]
    with pytest.raises(UnknownOutputFormat):
        images.format_of(tmp_path / "a.gif")


def test_files_are_written_whole_or_not_at_all(tmp_path) -> None:
    images.write_file(tmp_path / "a.png", b"one")
    images.write_file(tmp_path / "a.png", b"two")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"two"
    with pytest.raises(CannotWrite):
        images.write_file(tmp_path / "nowhere" / "a.png", b"one")
    with pytest.raises(FileMissing):
        images.read_file(tmp_path / "b.png")
