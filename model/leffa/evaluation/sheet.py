"""A contact sheet: the best, the median and the worst cases, to see what the figures mean."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from leffa.evaluation.pairs import read_pair
from leffa.evaluation.scoring import CaseReport

ROWS_EACH = 3
TILE_HEIGHT, TILE_WIDTH = 256, 192
MARGIN, HEADER = 8, 28
COLUMNS = ("person", "garment", "result", "target", "figures")
PAPER, INK = (255, 255, 255), (32, 32, 32)


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """``picture`` (uint8 RGB [H, W, 3]) fitted on white into a tile of the sheet, uint8 [256, 192, 3]."""
    image = Image.fromarray(picture)
    scale = min(TILE_WIDTH / image.width, TILE_HEIGHT / image.height)
    image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    tile = Image.new("RGB", (TILE_WIDTH, TILE_HEIGHT), PAPER)
    tile.paste(image, ((TILE_WIDTH - image.width) // 2, (TILE_HEIGHT - image.height) // 2))
    return np.array(tile)


def choose_cases(cases: Sequence[CaseReport]) -> list[tuple[str, CaseReport]]:
    """Up to three best, median and worst cases by the model's garment PSNR, best first, none twice."""
    ranked = sorted(cases, key=lambda case: case.model.garment_psnr_db, reverse=True)
    each = min(ROWS_EACH, -(-len(ranked) // 3))
    middle = (len(ranked) - each) // 2
    chosen: dict[int, str] = {}
    for group, start in (("best", 0), ("worst", len(ranked) - each), ("median", middle)):
        for rank in range(start, start + each):
            chosen.setdefault(rank, group)
    return [(chosen[rank], ranked[rank]) for rank in sorted(chosen)]


def draw_sheet(cases: Sequence[CaseReport], pairs: Path, thumbnails: dict[str, np.ndarray]) -> Image.Image:
    """The sheet, one row a chosen case; ``thumbnails`` are the results by case name, see :func:`thumbnail`.

    Raises what :func:`leffa.evaluation.pairs.read_pair` raises.
    """
    chosen = choose_cases(cases)
    size = ((TILE_WIDTH + MARGIN) * len(COLUMNS), HEADER + (TILE_HEIGHT + MARGIN) * len(chosen))
    sheet = Image.new("RGB", size, PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for column, title in enumerate(COLUMNS):
        draw.text((column * (TILE_WIDTH + MARGIN), MARGIN), title, INK, font)
    for row, (group, case) in enumerate(chosen):
        top = HEADER + row * (TILE_HEIGHT + MARGIN)
        tiles = _tiles(pairs / case.name, thumbnails[case.name])
        for column, tile in enumerate(tiles):
            sheet.paste(Image.fromarray(tile), (column * (TILE_WIDTH + MARGIN), top))
        draw.multiline_text((len(tiles) * (TILE_WIDTH + MARGIN), top), _caption(group, case), INK, font)
    return sheet


def _tiles(folder: Path, result: np.ndarray) -> list[np.ndarray]:
    pair = read_pair(folder)
    return [thumbnail(pair.person), thumbnail(pair.garment[..., :3]), result, thumbnail(pair.target)]


def _caption(group: str, case: CaseReport) -> str:
    figures = case.model
    lines = [
        f"{group}: {case.name}",
        case.garment_type,
        f"garment {figures.garment_psnr_db:.1f} dB",
        f"  unchanged {case.unchanged.garment_psnr_db:.1f} dB",
        f"  pasted {case.pasted.garment_psnr_db:.1f} dB",
        f"garment SSIM {figures.garment_ssim:.2f}",
        f"mask {figures.mask_psnr_db:.1f} dB",
        f"IoU {figures.garment_iou:.2f}",
        f"colour error {figures.garment_color_error:.0f}",
    ]
    return "\n".join(lines + ([f"failed: {case.failure}"] if case.failure else []))
