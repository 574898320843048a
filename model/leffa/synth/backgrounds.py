"""What stands behind a person: studio backdrops, rooms, walls, streets, greenery, clutter."""

from collections.abc import Callable

import cv2
import numpy as np

from leffa.synth.noise import smooth_noise
from leffa.synth.palette import garment_colour, hsv

STUDIO_SHARE = 0.35  # clean shop photographs; the other scenes share the rest evenly
Colour = tuple[int, int, int]
Canvas = np.ndarray  # uint8 RGB [H, W, 3], drawn upon in place


def random_background(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return one picture, float32 RGB [height, width, 3] in 0..1."""
    if rng.random() < STUDIO_SHARE:
        return studio(rng, height, width)
    scene = SCENES[rng.integers(len(SCENES))]
    canvas = np.empty((height, width, 3), np.uint8)
    scene(rng, canvas)
    return through_a_lens(rng, canvas)


def studio(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return a plain backdrop, often near white, with a soft fall-off of light and perhaps a floor."""
    ground = _studio_colour(rng)
    y, x = _grid(height, width)
    light = np.ones((height, width), np.float32)
    if rng.random() < 0.7:
        centre = rng.uniform(0.2, 0.8, 2)
        distance = (x - np.float32(centre[0])) ** 2 + (y - np.float32(centre[1])) ** 2
        light -= np.float32(rng.uniform(0.02, 0.35)) * np.minimum(distance, 1)
    if rng.random() < 0.35:  # the sweep of paper, where wall turns into floor
        bend, softness = rng.uniform(0.75, 0.95), rng.uniform(0.02, 0.15)
        light -= np.float32(rng.uniform(-0.04, 0.12)) * np.clip((y - bend) / softness + 0.5, 0, 1)
    image = light[..., None] * ground
    if rng.random() < 0.3:
        image += np.float32(rng.uniform(0.02, 0.08)) * (_mottle(rng, height, width, 5)[..., None] - 0.5)
    return np.clip(image, 0, 1, out=image)


# ---- scenes: each fills a canvas


def wall_and_floor(rng: np.random.Generator, canvas: Canvas) -> None:
    """A wall, a floor of boards or plain, perhaps a skirting board and a picture."""
    height, width = canvas.shape[:2]
    horizon = int(height * rng.uniform(0.62, 0.95))
    canvas[:horizon] = _wall_colour(rng)
    floor = _tone(rng)
    canvas[horizon:] = floor
    if rng.random() < 0.6:
        _boards(rng, canvas, horizon, floor)
    if rng.random() < 0.5:
        canvas[horizon - max(2, height // 40) : horizon] = _shade(canvas[0, 0], rng.uniform(0.7, 1.3))
    for _ in range(rng.integers(0, 4)):
        _picture_frame(rng, canvas, horizon)


def window_light(rng: np.random.Generator, canvas: Canvas) -> None:
    """Slanted panes of light, or the bars of a blind, on a wall."""
    height, width = canvas.shape[:2]
    wall = _ink(hsv(rng.random(), rng.uniform(0, 0.25), rng.uniform(0.55, 0.9)) * 255)
    canvas[:] = _shade(wall, rng.uniform(0.5, 0.85))
    left, top = rng.uniform(-0.1, 0.5) * width, rng.uniform(0, 0.4) * height
    wide, tall = rng.uniform(0.4, 0.9) * width, rng.uniform(0.4, 0.9) * height
    slant = rng.uniform(-0.5, 0.5)
    columns, rows = (1, int(rng.integers(6, 16))) if rng.random() < 0.4 else tuple(rng.integers(1, 4, 2))
    for row in range(rows):
        for column in range(columns):
            x, y = left + wide * column / columns, top + tall * row / rows
            box = np.array([[x, y], [x + wide * 0.88 / columns, y]])
            pane = np.concatenate([box, box[::-1] + [0, tall * 0.85 / rows]])
            pane[:, 1] += slant * (pane[:, 0] - left)
            _polygon(canvas, pane, _shade(wall, 1.15))
    canvas[:] = _blurred(canvas, rng.uniform(0.01, 0.04) * height)


def shelves(rng: np.random.Generator, canvas: Canvas) -> None:
    """Boards full of books, boxes and jars, or of folded clothes."""
    height, width = canvas.shape[:2]
    wood = _tone(rng)
    canvas[:] = _shade(wood, rng.uniform(0.4, 0.8))
    step = height * rng.uniform(0.12, 0.28)
    y = rng.uniform(0, 1) * step
    while y < height + step:
        x = 0.0
        while x < width:
            wide, tall = step * rng.uniform(0.08, 0.5), step * rng.uniform(0.45, 0.88)
            if rng.random() < 0.85:
                _box(canvas, x, y - tall, wide * 0.93, tall, _colour(rng))
            x += wide
        _box(canvas, 0, y, width, step * 0.07, wood)
        y += step
    if rng.random() < 0.5:
        for x in np.arange(rng.uniform(0, 0.5), 1, rng.uniform(0.3, 0.6)) * width:
            _box(canvas, x, 0, step * 0.07, height, wood)


def furnished_room(rng: np.random.Generator, canvas: Canvas) -> None:
    """A corner of a flat: door, window, sofa, table, lamp, plant."""
    wall_and_floor(rng, canvas)
    height, width = canvas.shape[:2]
    floor = height * rng.uniform(0.75, 0.95)
    for _ in range(rng.integers(2, 6)):
        wide, tall = rng.uniform(0.15, 0.55) * width, rng.uniform(0.12, 0.65) * height
        x, ink = rng.uniform(-0.2, 0.9) * width, _colour(rng)
        _box(canvas, x, floor - tall, wide, tall, ink)
        for _ in range(rng.integers(0, 4)):  # drawers, cushions, panes
            inner = rng.uniform(0, 0.6, 2) * (wide, tall)
            size = rng.uniform(0.2, 0.4, 2) * (wide, tall)
            left, top = x + inner[0], floor - tall + inner[1]
            _box(canvas, left, top, size[0], size[1], _shade(ink, rng.uniform(0.6, 1.4)))
    if rng.random() < 0.5:
        _plant(rng, canvas, rng.uniform(0, 1) * width, floor)
    if rng.random() < 0.4:
        x, radius = int(rng.uniform(0, 1) * width), int(height * rng.uniform(0.03, 0.08))
        cv2.line(canvas, (x, int(height * 0.3)), (x, int(floor)), _shade(_colour(rng), 0.5), 2, cv2.LINE_AA)
        cv2.circle(canvas, (x, int(height * 0.3)), radius, (250, 240, 205), -1, cv2.LINE_AA)


def masonry(rng: np.random.Generator, canvas: Canvas) -> None:
    """Bricks in a running bond, or tiles in a grid."""
    height, width = canvas.shape[:2]
    tall = max(5.0, height * rng.uniform(0.025, 0.12))
    tiles = rng.random() < 0.4
    wide = tall * (rng.choice([1.0, 1.0, 2.0]) if tiles else rng.uniform(2, 3))
    face = _wall_colour(rng) if tiles else _tone(rng)
    rows, columns = int(height / tall) + 2, int(width / wide) + 3
    shades = rng.normal(1, rng.uniform(0.02, 0.14), (rows, columns, 1)).clip(0.5, 1.5)
    tints = np.clip(shades * face, 0, 255).astype(np.uint8)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    row = np.floor(y / tall)
    column = x / wide + (0 if tiles else 0.5 * (row % 2)) + rng.uniform(0, 1)
    canvas[:] = tints[row.astype(int), column.astype(int)]
    gap = max(1.0, tall * rng.uniform(0.04, 0.14))
    joint = ((y - row * tall) < gap) | ((column - np.floor(column)) * wide < gap)
    canvas[joint] = _shade(face, rng.uniform(0.55, 1.5))


def greenery(rng: np.random.Generator, canvas: Canvas) -> None:
    """A park: sky through leaves, trunks, grass."""
    height, width = canvas.shape[:2]
    hue, season = rng.uniform(0.2, 0.36), rng.random()
    hue = rng.uniform(0.05, 0.14) if season < 0.15 else hue
    fine = smooth_noise(rng, height, width, rng.uniform(14, 60), 2)
    coarse = smooth_noise(rng, height, width, rng.uniform(3, 8), 2)
    leaves = np.clip(0.5 + 1.6 * (0.5 * fine + 0.5 * coarse - 0.5), 0, 1)
    shades = np.linspace(0, 1, 256, dtype=np.float32)[:, None]
    dark, light = hsv(hue, rng.uniform(0.4, 0.8), 0.12), hsv(hue - 0.03, rng.uniform(0.3, 0.7), 0.75)
    table = (255 * (dark + (light - dark) * shades)).astype(np.uint8)
    if rng.random() < 0.7:
        table[int(rng.uniform(170, 240)) :] = (215, 230, 245)
    canvas[:] = table[(leaves * 255).astype(np.uint8)]
    for _ in range(rng.integers(0, 5)):
        x, thick = rng.uniform(0, 1) * width, rng.uniform(0.01, 0.06) * width
        bark = _shade((95, 78, 62), rng.uniform(0.5, 1.4))
        lean = rng.normal(0, 0.05) * width
        _polygon(canvas, [(x, 0), (x + thick, 0), (x + thick * 1.3 + lean, height), (x + lean, height)], bark)
    horizon = int(height * rng.uniform(0.55, 0.95))
    grass = hsv(hue, rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7)) * 255
    canvas[horizon:] = np.clip(grass * (0.6 + 0.8 * fine[horizon:, :, None]), 0, 255)


def street(rng: np.random.Generator, canvas: Canvas) -> None:
    """Two rows of houses towards a vanishing point, sky above, road below."""
    height, width = canvas.shape[:2]
    vanishing = np.array([rng.uniform(0.2, 0.8) * width, rng.uniform(0.35, 0.65) * height])
    sky = _shade((190, 210, 232), rng.uniform(0.7, 1.1))
    canvas[:] = sky
    road = int(rng.uniform(70, 170))
    canvas[int(vanishing[1]) :] = (road, road, road + 4)
    for side in (-0.05 * width, 1.05 * width):
        for near, far in _house_depths(rng):
            _house(rng, canvas, vanishing, side, near, far)
    for lane in rng.uniform(0, width, rng.integers(0, 4)):
        start = (int(lane), height)
        cv2.line(canvas, start, (int(vanishing[0]), int(vanishing[1])), (220, 220, 215), 2, cv2.LINE_AA)


def lights_out_of_focus(rng: np.random.Generator, canvas: Canvas) -> None:
    """Discs of light before a dark or bright blur."""
    height, width = canvas.shape[:2]
    dark = rng.random() < 0.6
    low = hsv(rng.random(), rng.uniform(0.1, 0.6), rng.uniform(0.08, 0.3) if dark else rng.uniform(0.5, 0.8))
    canvas[:] = np.clip(255 * low * (0.6 + 0.8 * smooth_noise(rng, height, width, 3)[..., None]), 0, 255)
    lights = canvas.copy()
    for _ in range(rng.integers(15, 50)):
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        radius = max(2, int(height * rng.uniform(0.012, 0.06)))
        ink = hsv(rng.uniform(0, 0.17) if rng.random() < 0.6 else rng.random(), rng.uniform(0.1, 0.8), 1.0)
        cv2.circle(lights, centre, radius, _ink(ink * 255), -1, cv2.LINE_AA)
    cv2.addWeighted(canvas, 0.45, lights, 0.55, 0, dst=canvas)


def clutter(rng: np.random.Generator, canvas: Canvas) -> None:
    """No scene at all: patches, discs and lines of any colour over each other."""
    height, width = canvas.shape[:2]
    canvas[:] = _colour(rng)
    for _ in range(rng.integers(6, 40)):
        x, y = rng.uniform(-0.2, 1, 2) * (width, height)
        wide, tall = rng.uniform(0.03, 0.5, 2) * (width, height)
        ink, shape = _colour(rng), rng.integers(4)
        if shape == 0:
            _box(canvas, x, y, wide, tall, ink)
        elif shape == 1:
            axes = (int(wide / 2) + 1, int(tall / 2) + 1)
            cv2.ellipse(canvas, (int(x), int(y)), axes, rng.uniform(0, 180), 0, 360, ink, -1, cv2.LINE_AA)
        elif shape == 2:
            _polygon(canvas, rng.uniform(-0.3, 0.3, (5, 2)) * (width, height) + (x, y), ink)
        else:
            end = (int(x + 2 * wide), int(y + tall))
            cv2.line(canvas, (int(x), int(y)), end, ink, int(rng.integers(1, 6)), cv2.LINE_AA)


def open_country(rng: np.random.Generator, canvas: Canvas) -> None:
    """Sky with clouds, hills, and sea, sand or meadow in front."""
    height, width = canvas.shape[:2]
    horizon = int(height * rng.uniform(0.35, 0.75))
    clouds = smooth_noise(rng, height, width, rng.uniform(2, 6), 3)[..., None]
    blue = np.array([rng.uniform(90, 160), rng.uniform(140, 190), rng.uniform(200, 245)], np.float32)
    canvas[:] = blue + (245 - blue) * np.clip(2.5 * (clouds - rng.uniform(0.3, 0.6)), 0, 1)
    for _ in range(rng.integers(0, 4)):
        ridge = horizon - np.abs(rng.normal(0, 0.1, 8)) * height
        slope = list(zip(np.linspace(0, width, 8), ridge, strict=True))
        ink = _ink(hsv(rng.uniform(0.2, 0.65), rng.uniform(0.1, 0.5), rng.uniform(0.3, 0.7)) * 255)
        _polygon(canvas, [*slope, (width, height), (0, height)], ink)
    ground = hsv(rng.choice([0.1, 0.12, 0.3, 0.55]), rng.uniform(0.2, 0.6), rng.uniform(0.4, 0.85)) * 255
    waves = smooth_noise(rng, height - horizon, width, rng.uniform(8, 30), 2)[..., None]
    canvas[horizon:] = np.clip(ground * (0.75 + 0.5 * waves), 0, 255)


SCENES: list[Callable[[np.random.Generator, Canvas], None]] = [
    wall_and_floor, window_light, shelves, furnished_room, masonry, greenery, street,
    lights_out_of_focus, clutter, open_country,
]  # fmt: skip


# ---- light and lens


def through_a_lens(rng: np.random.Generator, canvas: Canvas) -> np.ndarray:
    """Return float32 in 0..1: out of focus by a random amount, unevenly lit, with some stain and grain."""
    height, width = canvas.shape[:2]
    draw = rng.random()
    if draw > 0.35:
        sigma = height / 256 * (rng.uniform(0.5, 1.5) if draw < 0.6 else rng.uniform(1.5, 6))
        canvas = _blurred(canvas, sigma)
    light = 1 + np.float32(rng.uniform(0, 0.5)) * (_mottle(rng, height, width, 2) - 0.5)
    if rng.random() < 0.3:
        light *= 1 + np.float32(rng.uniform(0, 0.2)) * (_mottle(rng, height, width, 30) - 0.5)
    tone = (rng.uniform(0.75, 1.15) * rng.uniform(0.94, 1.06, 3) / 255).astype(np.float32)
    image = canvas.astype(np.float32)
    image *= light[..., None] * tone
    return np.clip(image, 0, 1, out=image)


def _blurred(canvas: Canvas, sigma: float) -> Canvas:
    """Blur; strong blurs work on a smaller picture, which looks the same and is faster."""
    height, width = canvas.shape[:2]
    if sigma < 2.5:
        return cv2.GaussianBlur(canvas, (0, 0), sigma)
    shrink = 2 if sigma < 5 else 4
    small = cv2.resize(canvas, (width // shrink, height // shrink), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrink)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _mottle(rng: np.random.Generator, height: int, width: int, cells: int) -> np.ndarray:
    """Return smooth light and dark patches [height, width] in 0..1."""
    grid = rng.random((cells + 1, cells + 1), dtype=np.float32)
    return np.clip(cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)


def _grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return y [height, 1] and x [1, width] in 0..1."""
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    return y, np.linspace(0, 1, width, dtype=np.float32)[None]


# ---- colours of things


def _ink(colour: np.ndarray) -> Colour:
    red, green, blue = (int(np.clip(value, 0, 255)) for value in colour)
    return red, green, blue


def _shade(colour: np.ndarray | Colour, factor: float) -> Colour:
    return _ink(np.asarray(colour, np.float32) * factor)


def _colour(rng: np.random.Generator) -> Colour:
    return _ink(garment_colour(rng) * 255)


def _wall_colour(rng: np.random.Generator) -> Colour:
    """Mostly light and pale, at times dark or strong."""
    if rng.random() < 0.75:
        return _ink(hsv(rng.random(), rng.uniform(0, 0.2), rng.uniform(0.6, 0.97)) * 255)
    return _colour(rng)


def _tone(rng: np.random.Generator) -> Colour:
    """Wood, clay, stone: browns, reds and greys."""
    return _ink(hsv(rng.uniform(0, 0.13), rng.uniform(0.03, 0.6), rng.uniform(0.25, 0.8)) * 255)


def _studio_colour(rng: np.random.Generator) -> np.ndarray:
    draw = rng.random()
    if draw < 0.55:
        return (rng.uniform(0.86, 1.0) + rng.normal(0, 0.008, 3)).astype(np.float32)
    if draw < 0.8:
        return (rng.uniform(0.45, 0.86) + rng.normal(0, 0.015, 3)).astype(np.float32)
    if draw < 0.93:
        return hsv(rng.random(), rng.uniform(0.08, 0.4), rng.uniform(0.6, 0.95))
    return garment_colour(rng)


# ---- things


def _box(canvas: Canvas, x: float, y: float, wide: float, tall: float, ink: Colour) -> None:
    left, top = max(0, int(x)), max(0, int(y))
    canvas[top : max(top, int(y + tall)), left : max(left, int(x + wide))] = ink


def _polygon(canvas: Canvas, corners: object, ink: Colour) -> None:
    points = np.round(np.asarray(corners, np.float64)).astype(np.int32)
    cv2.fillPoly(canvas, [points], ink, cv2.LINE_AA)


def _boards(rng: np.random.Generator, canvas: Canvas, horizon: int, floor: Colour) -> None:
    """Lines of floor boards that run towards the viewer."""
    height, width = canvas.shape[:2]
    middle, seam = width * rng.uniform(0.2, 0.8), _shade(floor, rng.uniform(0.7, 0.9))
    for place in np.linspace(-2, 2, rng.integers(10, 30)):
        top = (int(middle + place * width * 0.5), horizon)
        bottom = (int(middle + place * width * 1.1), height)
        cv2.line(canvas, top, bottom, seam, 1, cv2.LINE_AA)


def _picture_frame(rng: np.random.Generator, canvas: Canvas, floor: float) -> None:
    height, width = canvas.shape[:2]
    wide, tall = rng.uniform(0.1, 0.4) * width, rng.uniform(0.1, 0.3) * height
    x, y, edge = rng.uniform(-0.1, 0.9) * width, rng.uniform(0, 0.6) * floor, rng.uniform(0.01, 0.03) * height
    _box(canvas, x, y, wide, min(tall, floor - y), _colour(rng))
    _box(canvas, x + edge, y + edge, wide - 2 * edge, min(tall, floor - y) - 2 * edge, _colour(rng))


def _plant(rng: np.random.Generator, canvas: Canvas, x: float, floor: float) -> None:
    height = canvas.shape[0]
    size = height * rng.uniform(0.1, 0.3)
    _box(canvas, x - size * 0.15, floor - size * 0.3, size * 0.3, size * 0.3, _tone(rng))
    green = hsv(rng.uniform(0.22, 0.4), 0.6, rng.uniform(0.25, 0.6)) * 255
    for _ in range(rng.integers(12, 40)):
        tip = rng.normal((x, floor - size * 0.9), (size * 0.35, size * 0.3))
        leaf, root = _shade(green, rng.uniform(0.6, 1.4)), (int(x), int(floor - size * 0.3))
        cv2.line(canvas, root, (int(tip[0]), int(tip[1])), leaf, int(rng.integers(2, 7)), cv2.LINE_AA)


def _house_depths(rng: np.random.Generator) -> list[tuple[float, float]]:
    """Return (near, far) shares of the way to the vanishing point, far houses first."""
    cuts = 1 - np.cumprod(rng.uniform(0.55, 0.85, rng.integers(3, 6)))
    edges = [0.0, *cuts.tolist(), 0.96]
    return list(zip(edges[:-1], edges[1:], strict=True))[::-1]


def _house(
    rng: np.random.Generator, canvas: Canvas, vanishing: np.ndarray, side: float, near: float, far: float
) -> None:
    """Draw a front in perspective between two depths, with its windows."""
    height = canvas.shape[0]
    face, glass = _wall_colour(rng), _shade(_colour(rng), 0.6)
    roof = vanishing[1] - height * rng.uniform(0.5, 1.3)
    base = height * 1.02

    def corner(depth: float, level: float) -> np.ndarray:
        edge = np.array([side, base + (roof - base) * level])
        return edge + (vanishing - edge) * depth

    _polygon(canvas, [corner(near, 0), corner(near, 1), corner(far, 1), corner(far, 0)], face)
    if (far - near) * abs(side - vanishing[0]) < 0.03 * height:
        return  # windows too small to see
    rows, columns = rng.integers(3, 8), rng.integers(2, 5)
    for row in range(rows):
        for column in range(columns):
            low, high = (row + 0.35) / rows, (row + 0.85) / rows
            start = near + (far - near) * (column + 0.25) / columns
            end = near + (far - near) * (column + 0.75) / columns
            pane = [corner(start, low), corner(start, high), corner(end, high), corner(end, low)]
            _polygon(canvas, pane, glass)
