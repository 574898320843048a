"""Prints on clothes: letters, words and simple pictures drawn by code.

The letters are those of `ImageFont.load_default`: Aileron, which its author gave away with
"No Rights Reserved" (CC0); Pillow carries it inside, so every machine draws the same ones.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from leffa.synth.palette import contrasting, garment_colour

CANVAS = 192  # drawing size; halved once for smooth edges
BORDER = 2  # clear texels round a stamp, so that its own edge never smears
SYLLABLES = (
    "ba",
    "co",
    "de",
    "fi",
    "ga",
    "lo",
    "ma",
    "ne",
    "no",
    "pa",
    "ra",
    "sa",
    "ta",
    "ti",
    "vo",
    "zu",
    "ka",
    "mi",
)
WORDS = (
    "SUNDAY",
    "CITY",
    "OCEAN",
    "NORTH",
    "HELLO",
    "WILD",
    "MOON",
    "COAST",
    "RIVER",
    "TEAM",
    "FOREST",
    "1987",
)

Point = tuple[float, float]
Brush = ImageDraw.ImageDraw
Ground = list[np.ndarray]  # the colours [3] of the cloth under a print


@dataclass(frozen=True)
class Stamp:
    """One print: premultiplied RGBA pictures from fine to coarse, and where they sit on the cloth.

    levels: float32 [h, w, 4] in 0..1, each half the size of the one before.
    centre: metres in the flat; width: metres across; tilt: (cosine, sine).
    """

    levels: tuple[np.ndarray, ...]
    centre: Point
    width: float
    tilt: Point = (1.0, 0.0)

    def over(self, colours: np.ndarray, uv: np.ndarray, front: np.ndarray, pixel: float) -> None:
        """Paint the stamp onto `colours` [N, 3] in place, on points `uv` [N, 2] of the front panel."""
        radius = 0.5 * self.width * math.hypot(1.0, self.levels[0].shape[0] / self.levels[0].shape[1])
        delta = uv - np.array(self.centre, np.float32)
        near = np.flatnonzero(front & (np.abs(delta) < radius).all(1))
        if len(near) == 0:
            return
        level = self._level(pixel)
        height, width = level.shape[:2]
        (cosine, sine), scale = self.tilt, width / self.width
        u, v = delta[near, 0], delta[near, 1]
        x = (u * cosine + v * sine) * scale + width / 2 - 0.5
        y = (u * sine - v * cosine) * scale + height / 2 - 0.5
        inside = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)
        near = near[inside]
        rgba = _bilinear(level, x[inside], y[inside])
        colours[near] = colours[near] * (1 - rgba[:, 3:]) + rgba[:, :3]

    def _level(self, pixel: float) -> np.ndarray:
        """Return the picture whose texel is nearest to a picture element of `pixel` metres."""
        texel = self.width / self.levels[0].shape[1]
        wanted = round(math.log2(max(pixel / texel, 1.0)))
        return self.levels[min(wanted, len(self.levels) - 1)]


def chest_print(rng: np.random.Generator, ground: Ground) -> Stamp:
    """Return a print for the chest, or a small one for the pocket, that stands out from each colour [3]."""
    if rng.random() < 0.2:
        centre = (float(rng.choice([-1, 1]) * rng.uniform(0.07, 0.10)), float(rng.uniform(0.42, 0.48)))
        width = float(rng.uniform(0.045, 0.075))
    else:
        centre = (float(rng.normal(0, 0.012)), float(rng.uniform(0.30, 0.45)))
        width = float(rng.choice([rng.uniform(0.11, 0.20), rng.uniform(0.20, 0.32)]))
    written = rng.random() < 0.45
    picture = _words(rng, ground) if written else _picture(rng, ground)
    width *= 1.2 if written else 1.0
    height = width * picture.size[1] / picture.size[0]
    if height > 0.30:
        width *= 0.30 / height
    angle = math.radians(float(rng.choice([0.0, rng.normal(0, 8)], p=[0.75, 0.25])))
    return Stamp(_pyramid(picture), centre, width, (math.cos(angle), math.sin(angle)))


def _bilinear(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Read [h, w, C] at texel positions that lie inside it."""
    height, width, channels = image.shape
    flat = image.reshape(height * width, channels)
    column, row = x.astype(np.int32), y.astype(np.int32)
    across, down = (x - column).astype(np.float32)[:, None], (y - row).astype(np.float32)[:, None]
    corner = row * width + column
    upper = flat.take(corner, 0) * (1 - across) + flat.take(corner + 1, 0) * across
    lower = flat.take(corner + width, 0) * (1 - across) + flat.take(corner + width + 1, 0) * across
    return upper * (1 - down) + lower * down


def _pyramid(picture: Image.Image) -> tuple[np.ndarray, ...]:
    """Return premultiplied float pictures, each half as large as the one before."""
    picture = picture.convert("RGBa")
    levels: list[np.ndarray] = []
    while min(picture.size) >= 8 and len(levels) < 4:
        picture = picture.reduce(2)
        framed = Image.new("RGBa", (picture.width + 2 * BORDER, picture.height + 2 * BORDER))
        framed.paste(picture, (BORDER, BORDER))
        levels.append(np.asarray(framed, np.float32) / 255)
    return tuple(levels)


def _ink(colour: np.ndarray) -> tuple[int, int, int, int]:
    red, green, blue = (int(value * 255 + 0.5) for value in colour)
    return red, green, blue, 255


# ---- letters


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)


def _spell(rng: np.random.Generator) -> str:
    """Return one to eight characters: an initial, a number, a made-up word or a common one."""
    kind = rng.integers(5)
    if kind == 0:
        return str(rng.choice(list("ABCDEFGHKLMNPRSTUVWXYZ"))) + str(rng.choice(["", "", "&", "!"]))
    if kind == 1:
        return f"{rng.integers(1, 100)}"
    if kind == 2:
        return str(rng.choice(WORDS))
    word = "".join(rng.choice(SYLLABLES, rng.integers(1, 4)))
    return [word, word.upper(), word.capitalize()][rng.integers(3)]


def _words(rng: np.random.Generator, ground: Ground) -> Image.Image:
    """Draw one to three lines, cropped to the letters; the first colour contrasts with the ground."""
    ink = contrasting(rng, ground)
    lines = [_spell(rng) for _ in range(rng.choice([1, 2, 3], p=[0.62, 0.25, 0.13]))]
    stroke = int(rng.choice([0, 1, 3]))
    rows = []
    for line in lines:
        size = int(CANVAS / max(0.62 * len(line), 1.0))
        rows.append(_line(rng, line, size, stroke, ink))
        if rng.random() < 0.3:
            ink = contrasting(rng, ground)
    width = max(row.width for row in rows)
    gap = CANVAS // 24
    page = Image.new("RGBA", (width, sum(row.height + gap for row in rows) - gap))
    top = 0
    for row in rows:
        page.paste(row, ((width - row.width) // 2, top))
        top += row.height + gap
    return page


def _line(rng: np.random.Generator, line: str, size: int, stroke: int, ink: np.ndarray) -> Image.Image:
    """Draw one line of letters in a bold, plain, slanted, wide or narrow hand."""
    font = _font(size)
    box = font.getbbox(line, stroke_width=stroke)
    width, height = math.ceil(box[2] - box[0]) + 2, math.ceil(box[3] - box[1]) + 2
    page = Image.new("RGBA", (width, height), _ink(ink)[:3] + (0,))
    draw = ImageDraw.Draw(page)
    draw.text((1 - box[0], 1 - box[1]), line, fill=_ink(ink), font=font, stroke_width=stroke)
    stretch, slant = float(rng.uniform(0.75, 1.35)), float(rng.choice([0.0, 0.0, 0.25]))
    lean = slant * height
    matrix = (1 / stretch, slant, -lean, 0, 1, 0)
    target = (max(4, int(width * stretch + lean)), height)
    return page.transform(target, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


# ---- pictures


def _picture(rng: np.random.Generator, ground: Ground) -> Image.Image:
    """Draw one of PICTURES with inks that stand out from the ground and from each other."""
    page = Image.new("RGBA", (CANVAS, CANVAS))
    first = contrasting(rng, ground)
    second = contrasting(rng, [*ground, first]) if rng.random() < 0.6 else ground[0]
    draw_picture = PICTURES[rng.integers(len(PICTURES))]
    draw_picture(rng, ImageDraw.Draw(page), [_ink(first), _ink(second), _ink(garment_colour(rng))])
    box = page.getbbox()
    return page.crop(box) if box else page


Inks = list[tuple[int, int, int, int]]
MIDDLE = CANVAS / 2


def _disc(draw: Brush, centre: Point, radius: float, ink: tuple[int, ...]) -> None:
    x, y = centre
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=ink)


def _spikes(count: int, outer: float, inner: float, turn: float = 0.0) -> list[Point]:
    """Return the corners of a star; outer and inner radius alternate."""
    corners = []
    for index in range(2 * count):
        angle = turn + index * math.pi / count
        radius = inner if index % 2 else outer
        corners.append((MIDDLE + radius * math.sin(angle), MIDDLE - radius * math.cos(angle)))
    return corners


def _ring(rng: np.random.Generator, draw: Brush, inks: Inks) -> None:
    _disc(draw, (MIDDLE, MIDDLE), 90, inks[0])
    _disc(draw, (MIDDLE, MIDDLE), rng.uniform(45, 72), inks[1])
    if rng.random() < 0.4:
        _disc(draw, (MIDDLE, MIDDLE), rng.uniform(15, 35), inks[0])


def _star(rng: np.random.Generator, draw: Brush, inks: Inks) -> None:
    count = int(rng.choice([4, 5, 5, 6, 8, 12]))
    inner = rng.uniform(0.38, 0.6)
    draw.polygon(_spikes(count, 90, 90 * inner), fill=inks[0])
    if rng.random() < 0.4:
        draw.polygon(_spikes(count, 50, 50 * inner), fill=inks[1])


def _heart(rng: np.random.Generator, draw: Brush, inks: Inks) -> None:
    outline = []
    for angle in np.linspace(0, 2 * math.pi, 60):
        x = 16 * math.sin(angle) ** 3
        y = 13 * math.cos(angle) - 5 * math.cos(2 * angle) - 2 * math.cos(3 * angle) - math.cos(4 * angle)
        outline.append((MIDDLE + 5.4 * x, MIDDLE - 5.4 * y))
    draw.polygon(outline, fill=inks[0])


def _badge(rng: np.random.Generator, draw: Brush, inks: Inks) -> None:
    shield = [(20, 14), (172, 14), (172, 100), (146, 152), (96, 186), (46, 152), (20, 100)]
    draw.polygon(shield, fill=inks[0])
    draw.polygon([(96 + 0.8 * (x - 96), 96 + 0.8 * (y - 96)) for x, y in shield], fill=inks[1])
    if rng.random() < 0.5:
        draw.polygon(_spikes(5, 48, 20), fill=inks[0])
    else:
        draw.rectangle([84, 34, 108, 162], fill=inks[0])
        draw.rectangle([38, 70, 154, 94], fill=inks[0])


def _flag(rng: np.random.Generator, draw: Brush, inks: Inks) -> None:
    bars = int(rng.integers(2, 7))
    upright = rng.random() < 0.4
    for bar in range(bars):
        low, high = 8 + 176 * bar / bars, 8 + 176 * (bar + 1) / bars - 1
        box = [low, 34, high, 158] if upright else [8, 34 + low * 0.65, 184, 34 + high * 0.65]
        draw.rectangle(box, fill=inks[bar % (2 + bars % 2)])


def _frame(rng: np.random.Generator, draw: Brush, inks: Inks) -> None:
    draw.rectangle([8, 40, 184, 152], fill=inks[0])
    edge = rng.uniform(8, 22)
    draw.rectangle([8 + edge, 40 + edge, 184 - edge, 152 - edge], fill=inks[1])
    draw.text((MIDDLE, MIDDLE), _spell(rng)[:4], fill=inks[0], font=_font(56), anchor="mm", stroke_width=2)


def _scenery(rng: np.random.Generator, draw: Brush, inks: Inks) -> None:
    """Sky, sun and two rows of hills in a box."""
    draw.rectangle([8, 24, 184, 168], fill=inks[0])
    _disc(draw, (rng.uniform(50, 142), rng.uniform(55, 90)), rng.uniform(14, 30), inks[1])
    for base, ink in ((100, inks[2]), (132, inks[1])):
        ridge = np.clip(base + rng.normal(0, 18, 7), 60, 160)
        slope = list(zip(np.linspace(8, 184, 7), ridge, strict=True))
        draw.polygon([*slope, (184, 168), (8, 168)], fill=ink)


def _face(rng: np.random.Generator, draw: Brush, inks: Inks) -> None:
    _disc(draw, (MIDDLE, MIDDLE), 88, inks[0])
    for x in (66, 126):
        _disc(draw, (x, 74), rng.uniform(8, 15), inks[1])
    draw.arc([48, 60, 144, 148], 20, 160, fill=inks[1], width=int(rng.integers(8, 16)))


def _bolt(rng: np.random.Generator, draw: Brush, inks: Inks) -> None:
    draw.polygon([(112, 6), (44, 106), (90, 106), (72, 186), (150, 78), (102, 78), (134, 6)], fill=inks[0])


def _flower(rng: np.random.Generator, draw: Brush, inks: Inks) -> None:
    petals = int(rng.integers(5, 9))
    for petal in range(petals):
        angle = 2 * math.pi * petal / petals
        _disc(draw, (MIDDLE + 54 * math.sin(angle), MIDDLE - 54 * math.cos(angle)), 150 / petals, inks[0])
    _disc(draw, (MIDDLE, MIDDLE), 30, inks[1])


def _shapes(rng: np.random.Generator, draw: Brush, inks: Inks) -> None:
    """A loose abstract composition of discs and bars."""
    draw.rectangle([16, 16, 176, 176], fill=inks[0])
    for _ in range(rng.integers(3, 8)):
        x, y = rng.uniform(30, 130, 2)
        width, height = rng.uniform(15, 46, 2)
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape([x, y, x + width, y + height], fill=inks[rng.integers(1, 3)])


PICTURES: list[Callable[[np.random.Generator, Brush, Inks], None]] = [
    _ring, _star, _heart, _badge, _flag, _frame, _scenery, _face, _bolt, _flower, _shapes,
]  # fmt: skip
