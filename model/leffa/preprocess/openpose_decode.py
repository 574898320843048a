"""From the OpenPose network's maps to the 18 points of one person.

The method is that of "Realtime Multi-Person 2D Pose Estimation using Part Affinity Fields" (Cao et al. 2017):
peaks of the heat maps are points, the affinity field along the line between two points says whether they
belong together, and pairs that share a point make a person. The numbers are upstream's
(preprocess/openpose/annotator/openpose/body.py), everything at 384x512, the only size it takes.

Upstream's list of points goes wrong when a part has several peaks, and takes the person it built first
(preprocess/openpose/run_openpose.py). Here both are put right; `exact` keeps them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from leffa.errors import NoPerson
from leffa.preprocess.keypoints import HEIGHT, POINTS, WIDTH

STRIDE: Final = 8  # pixels of the network's input a cell of its maps
INPUT_HEIGHT: Final = 184  # half of the 368 that the network was trained at, upstream's only scale
INPUT_WIDTH: Final = 138

SIGMA: Final = 3.0
RADIUS: Final = 12  # 4 sigma, where scipy.ndimage.gaussian_filter cuts its kernel
MIN_PEAK: Final = 0.1  # of the smoothed heat map
SAMPLES: Final = 10  # of the affinity field along a limb
MIN_SAMPLE: Final = 0.05
MIN_GOOD_SAMPLES: Final = 9
MIN_PARTS: Final = 4
MIN_MEAN_SCORE: Final = 0.4  # a part
# Of one part, the highest are paired. The network's 23x18 cells have room for some 200 peaks; more of them
# come only from maps that are flat but for rounding, and pairing those would take hours and all memory.
MOST_PEAKS: Final = 400


class Limb(NamedTuple):
    """Two points that belong together, and the affinity channels (x, y) that say so."""

    start: int
    end: int
    channels: tuple[int, int]


LIMBS: Final = (
    Limb(1, 2, (12, 13)), Limb(1, 5, (20, 21)), Limb(2, 3, (14, 15)), Limb(3, 4, (16, 17)),
    Limb(5, 6, (22, 23)), Limb(6, 7, (24, 25)), Limb(1, 8, (0, 1)), Limb(8, 9, (2, 3)),
    Limb(9, 10, (4, 5)), Limb(1, 11, (6, 7)), Limb(11, 12, (8, 9)), Limb(12, 13, (10, 11)),
    Limb(1, 0, (28, 29)), Limb(0, 14, (30, 31)), Limb(14, 16, (34, 35)), Limb(0, 15, (32, 33)),
    Limb(15, 17, (36, 37)), Limb(2, 16, (18, 19)), Limb(5, 17, (26, 27)),
)  # fmt: skip
SHOULDERS_TO_EARS: Final = LIMBS[-2:]  # they only add to a person, never start one


class Pair(NamedTuple):
    """Two peaks found to be a limb: their numbers, and how well the field agrees (about 0..1)."""

    start: int
    end: int
    score: float


@dataclass
class Person:
    """Peak numbers of the 18 points, None where unseen; the sum of peak and pair scores; points counted."""

    peaks: list[int | None]
    score: float
    parts: int

    def holds(self, limb: Limb, pair: Pair) -> bool:
        """Whether one end of the pair is this person's already."""
        return self.peaks[limb.start] == pair.start or self.peaks[limb.end] == pair.end

    def overlaps(self, other: "Person") -> bool:
        """Whether both have the same part, so that they cannot be one person."""
        return any(a is not None and b is not None for a, b in zip(self.peaks, other.peaks, strict=True))


def decode(
    heat: NDArray[np.float32], fields: NDArray[np.float32], exact: bool = False
) -> NDArray[np.float64]:
    """The 18 points of the most prominent person: float64 [18, 2], pixels of 384x512, (0, 0) where unseen.

    `heat` float32 [19, h, w] (0..1, the last is background) and `fields` [38, h, w] are the network's maps.
    With `exact` the points are upstream's, surplus peaks and first person included. Raises NoPerson.
    """
    peaks = find_peaks(upsample(heat[:POINTS]))
    persons = find_persons(peaks, upsample(fields))
    if not persons:
        raise NoPerson(field="human_image")
    positions = np.concatenate(peaks)[:, :2]
    if exact:
        return _points_by_position(persons[0], positions)
    return _points(max(persons, key=lambda person: _prominence(person, positions)), positions)


def upsample(maps: NDArray[np.float32]) -> NDArray[np.float64]:
    """Maps of the padded network input [C, h, w] at photo size, float64 [C, 512, 384].

    As upstream in two steps: to the size of the input, whose padding is cut off, then to the photo's.
    """
    height, width = (STRIDE * cells for cells in maps.shape[1:])
    large = np.empty((len(maps), HEIGHT, WIDTH))
    for channel, one in enumerate(maps):
        padded = cv2.resize(one, (width, height), interpolation=cv2.INTER_LANCZOS4)
        inside = padded[:INPUT_HEIGHT, :INPUT_WIDTH]
        large[channel] = cv2.resize(inside, (WIDTH, HEIGHT), interpolation=cv2.INTER_LANCZOS4)
    return large


def smooth(heat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussian of SIGMA of a map [H, W], bit for bit that of scipy.ndimage.gaussian_filter.

    Mirrored at the border with the edge pixel repeated. The last bits matter: on flat tops they decide how
    many peaks there are, and upstream's list of points depends on that.
    """
    offsets = np.arange(-RADIUS, RADIUS + 1)
    kernel = np.exp(-0.5 / SIGMA**2 * offsets**2)
    kernel /= kernel.sum()
    return _smooth_columns(_smooth_columns(heat, kernel).T, kernel).T


def _smooth_columns(heat: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    height = len(heat)
    padded = np.pad(heat, ((RADIUS, RADIUS), (0, 0)), mode="symmetric")
    total = heat * kernel[RADIUS]
    both = np.empty_like(total)
    for distance in range(RADIUS, 0, -1):  # scipy's order of adding, from the outside in
        above, below = RADIUS - distance, RADIUS + distance
        np.add(padded[above : above + height], padded[below : below + height], out=both)
        both *= kernel[above]
        total += both
    return total


def find_peaks(heat: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Peaks of each part, float64 [n, 4]: x, y, height before smoothing, number counted over all parts.

    `heat` [18, 512, 384]. Row by row; a peak is no lower than its four neighbours once smoothed.
    """
    found = [_peaks(one) for one in heat]
    first = np.cumsum([0, *map(len, found)])
    return [
        np.column_stack([x, y, one[y, x], number + np.arange(len(x))])
        for one, (y, x), number in zip(heat, (rows.T for rows in found), first, strict=False)
    ]


def _peaks(heat: NDArray[np.float64]) -> NDArray[np.int_]:
    """Rows (y, x) where the smoothed map [H, W] has a peak above MIN_PEAK; beyond the border it is 0."""
    smoothed = smooth(heat)
    walled = np.pad(smoothed, 1)
    beside = (walled[:-2, 1:-1], walled[2:, 1:-1], walled[1:-1, :-2], walled[1:-1, 2:])
    return np.argwhere((smoothed > MIN_PEAK) & np.all([smoothed >= other for other in beside], 0))


def find_persons(peaks: Sequence[NDArray[np.float64]], fields: NDArray[np.float64]) -> list[Person]:
    """Everybody of at least MIN_PARTS points and MIN_MEAN_SCORE, in the order in which they were built."""
    heights = np.concatenate(peaks)[:, 2]
    persons: list[Person] = []
    for limb in LIMBS:
        starts, ends = _highest(peaks[limb.start]), _highest(peaks[limb.end])
        for pair in _pairs(starts, ends, fields[list(limb.channels)]):
            _add(persons, limb, pair, heights)
    return [p for p in persons if p.parts >= MIN_PARTS and p.score / p.parts >= MIN_MEAN_SCORE]


def _highest(peaks: NDArray[np.float64]) -> NDArray[np.float64]:
    """At most MOST_PEAKS of the peaks [n, 4], in the same order."""
    return peaks[np.sort(np.argsort(-peaks[:, 2], kind="stable")[:MOST_PEAKS])]


def _pairs(
    starts: NDArray[np.float64], ends: NDArray[np.float64], field: NDArray[np.float64]
) -> Iterator[Pair]:
    """The best pairs first, no peak twice; `field` [2, H, W]."""
    score, fits = _pair_scores(starts[:, None, :2], ends[None, :, :2], field)
    free_starts, free_ends = set(range(len(starts))), set(range(len(ends)))
    candidates = np.flatnonzero(fits)
    for flat in candidates[np.argsort(-score.ravel()[candidates], kind="stable")]:
        start, end = divmod(int(flat), len(ends))
        if start in free_starts and end in free_ends:
            free_starts.remove(start)
            free_ends.remove(end)
            yield Pair(int(starts[start, 3]), int(ends[end, 3]), float(score[start, end]))


def _pair_scores(
    starts: NDArray[np.float64], ends: NDArray[np.float64], field: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Score and fitness of every pair of positions [..., 2]: Cao et al., equation 11, in ten samples.

    Limbs longer than half the photo's height lose score.
    """
    way = ends - starts
    length = np.maximum(np.sqrt((way**2).sum(-1)), 0.001)
    direction = way / length[..., None]
    line = starts[..., None, :] + np.arange(SAMPLES)[:, None] * (way / (SAMPLES - 1))[..., None, :]
    line[..., -1, :] = ends
    x, y = np.moveaxis(np.rint(line).astype(int), -1, 0)
    along = field[0, y, x] * direction[..., :1] + field[1, y, x] * direction[..., 1:]
    mean = along.cumsum(-1)[..., -1] / SAMPLES  # added in order, unlike sum(): equal scores stay equal
    score = mean + np.minimum(0.5 * HEIGHT / length - 1, 0)
    return score, ((along > MIN_SAMPLE).sum(-1) >= MIN_GOOD_SAMPLES) & (score > 0)


def _add(persons: list[Person], limb: Limb, pair: Pair, heights: NDArray[np.float64]) -> None:
    """Give a pair to the person it touches; join the two persons it touches; or let it be a new person."""
    touched = [person for person in persons if person.holds(limb, pair)]
    if not touched:
        if limb not in SHOULDERS_TO_EARS:
            persons.append(_new_person(limb, pair, heights))
        return
    first = touched[0]
    if len(touched) > 1 and not first.overlaps(touched[1]):
        _join(first, touched[1], pair)
        persons[:] = [person for person in persons if person is not touched[1]]
    elif len(touched) > 1 or first.peaks[limb.end] != pair.end:
        first.peaks[limb.end] = pair.end
        first.parts += 1
        first.score += float(heights[pair.end]) + pair.score


def _new_person(limb: Limb, pair: Pair, heights: NDArray[np.float64]) -> Person:
    peaks: list[int | None] = [None] * POINTS
    peaks[limb.start], peaks[limb.end] = pair.start, pair.end
    return Person(peaks, float(heights[pair.start] + heights[pair.end]) + pair.score, 2)


def _join(first: Person, second: Person, pair: Pair) -> None:
    first.peaks = [b if a is None else a for a, b in zip(first.peaks, second.peaks, strict=True)]
    first.parts += second.parts
    first.score = first.score + second.score + pair.score


def _prominence(person: Person, positions: NDArray[np.float64]) -> float:
    """Diagonal of the box around a person's points times the score: large and surely seen.

    By size alone, loose points joined across the photo would beat the person whose they are.
    """
    seen = positions[[peak for peak in person.peaks if peak is not None]]
    return float(np.linalg.norm(np.ptp(seen, 0))) * person.score


def _points(person: Person, positions: NDArray[np.float64]) -> NDArray[np.float64]:
    points = np.zeros((POINTS, 2))
    for part, peak in enumerate(person.peaks):
        if peak is not None:
            points[part] = positions[peak]
    return points


def _points_by_position(person: Person, positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Upstream's points: it walks the list of all peaks and leaves out at most one surplus peak a part."""
    points = np.zeros((POINTS, 2))
    cursor = 0
    for part, peak in enumerate(person.peaks):
        if peak is not None:
            cursor += peak != cursor
            points[part] = positions[cursor]
            cursor += 1
    return points
