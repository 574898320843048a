"""Synthetic people disturbed: other framing, colours, light and lens, and the faults of real detectors.

Samples are dictionaries of arrays: picture uint8 [H, W, 3], labels (ATR-18) and parts (DensePose) uint8
[H, W], keypoints float32 [17, 3]: x, y, visibility 0 absent, 1 hidden, 2 seen. What the real detector makes
of the undisturbed picture: found_keypoints float32 [17, 3]: x, y, confidence, all 0 where it found nobody;
found_silhouette uint8 [H, W] 0..255.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from leffa.mini.parser import HEIGHT, WIDTH

Arrays = dict[str, NDArray[Any]]
Picture = NDArray[np.floating[Any]]

EYE, EAR, SHOULDER, ELBOW, WRIST, HIP, KNEE, ANKLE = 1, 3, 5, 7, 9, 11, 13, 15
KEYPOINT_MIRROR: Final = [0] + [
    i + d for i in (EYE, EAR, SHOULDER, ELBOW, WRIST, HIP, KNEE, ANKLE) for d in (1, 0)
]
LABEL_MIRROR: Final = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 9, 11, 13, 12, 15, 14, 16, 17], np.uint8)
PART_MIRROR: Final = np.array([0, 1, 2] + [i + d for i in range(3, 25, 2) for d in (1, 0)], np.uint8)
MAPS: Final = ("picture", "labels", "parts", "found_silhouette")
POINTS: Final = ("keypoints", "found_keypoints")
FOUND_SHARE: Final = 0.6  # of the samples with a real detection: the others vary more
CLOTHES: Final = (4, 5, 6, 7, 17)
SKIN: Final = (11, 12, 13, 14, 15)
BAG: Final = (16,)
SHOES: Final = (9, 10)


def moved(sample: Arrays, rng: np.random.Generator) -> Arrays:
    """Another framing: mirrored, turned, nearer, cut off; all maps and keypoints follow."""
    matrix = _framing(sample["labels"], rng)
    answer = dict(sample)
    for name in MAPS:
        flags = cv2.INTER_NEAREST if name in ("labels", "parts") else cv2.INTER_LINEAR
        answer[name] = cv2.warpAffine(
            sample[name], matrix, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
    for name in POINTS:
        answer[name] = sample[name].copy()
        answer[name][:, :2] = sample[name][:, :2] @ matrix[:, :2].T + matrix[:, 2]
    return mirrored(answer) if rng.random() < 0.5 else answer


def _framing(labels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float64]:
    """A random map from the sample's pixels to the new picture's: [2, 3]."""
    centre = np.array([WIDTH, HEIGHT]) / 2
    ys, xs = np.nonzero(labels)
    if rng.random() < 0.6 or not len(ys):
        scale = rng.uniform(0.9, 1.2)
    else:  # cut off below or, less often, anywhere
        scale = rng.uniform(1.1, 2.2)
        half = HEIGHT / 2 / scale
        top = ys.min() - rng.uniform(-4, 16) / scale
        middle = top + half if rng.random() < 0.75 else rng.uniform(ys.min(), ys.max())
        centre = np.array([np.median(xs), middle])
    centre = centre + rng.normal(0, 6, 2)
    matrix = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), rng.normal(0, 4), scale)
    matrix[:, 2] += np.array([WIDTH, HEIGHT]) / 2 - centre
    return matrix


def mirrored(sample: Arrays) -> Arrays:
    """The sample seen in a mirror: left and right change places in all maps."""
    answer = {name: np.ascontiguousarray(sample[name][:, ::-1]) for name in MAPS}
    for name in POINTS:
        answer[name] = sample[name][KEYPOINT_MIRROR]
        answer[name][:, 0] = WIDTH - answer[name][:, 0]
    return answer | {"labels": LABEL_MIRROR[answer["labels"]], "parts": PART_MIRROR[answer["parts"]]}


def disturbed_look(sample: Arrays, rng: np.random.Generator) -> Arrays:
    """Other colours, light, lens and compression, and things in front."""
    picture: Picture = sample["picture"].astype(np.float32) / 255
    picture = _recoloured(picture, sample["labels"], rng)
    picture = _relit(picture, rng)
    picture, hidden = _occluded(picture, rng)
    for degrade in (_softened, _noisy, _compressed):
        if rng.random() < 0.35:
            picture = degrade(picture, rng)
    return sample | {
        "picture": (picture.clip(0, 1) * 255).astype(np.uint8),
        "labels": np.where(hidden, 0, sample["labels"]).astype(np.uint8),
        "parts": np.where(hidden, 0, sample["parts"]).astype(np.uint8),
    }


def _recoloured(picture: Picture, labels: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """Tint clothes at random; now and then pull them towards the skin's or the background's colour."""
    for label in CLOTHES:
        region = labels == label
        if not region.any() or rng.random() > 0.4:
            continue
        if rng.random() < 0.35:
            other = np.isin(labels, SKIN) if rng.random() < 0.6 else labels == 0
            if other.any():
                pull = rng.uniform(0.4, 0.85)
                picture[region] = (1 - pull) * picture[region] + pull * picture[other].mean(0)
        else:
            picture[region] = picture[region] * rng.uniform(0.3, 1.6, 3).astype(np.float32)
    return picture


def _relit(picture: Picture, rng: np.random.Generator) -> Picture:
    """Exposure, white balance, gamma, saturation, and light from one side."""
    picture = picture.clip(0, 1) ** np.float32(np.exp(rng.normal(0, 0.25)))
    picture = picture * rng.normal(1, 0.08, 3).astype(np.float32) * np.float32(np.exp(rng.normal(0, 0.2)))
    grey = picture.mean(-1, keepdims=True)
    picture = grey + (picture - grey) * np.float32(rng.uniform(0.3, 1.4) if rng.random() < 0.9 else 0.0)
    slope_y, slope_x = rng.normal(0, 0.12, 2)
    light = np.linspace(-slope_y, slope_y, HEIGHT)[:, None] + np.linspace(-slope_x, slope_x, WIDTH)
    contrast = rng.uniform(0.6, 1.2)
    return np.asarray(
        (picture * (1 + light[..., None]) - 0.5) * contrast + 0.5 + rng.normal(0, 0.04), np.float32
    )


def _occluded(picture: Picture, rng: np.random.Generator) -> tuple[Picture, NDArray[np.bool_]]:
    hidden = np.zeros((HEIGHT, WIDTH), bool)
    for _ in range(rng.choice([0, 1, 2], p=[0.75, 0.15, 0.1])):
        height, width = rng.integers(10, 90), rng.integers(6, 60)
        top, left = rng.integers(-10, HEIGHT - 10), rng.integers(-10, WIDTH - 10)
        hidden[max(0, top) : top + height, max(0, left) : left + width] = True
        picture[max(0, top) : top + height, max(0, left) : left + width] = rng.uniform(0, 1, 3)
    return picture, hidden


def _softened(picture: Picture, rng: np.random.Generator) -> Picture:
    if rng.random() < 0.5:
        return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.8))
    factor = rng.uniform(0.35, 0.9)
    small = cv2.resize(picture, (round(WIDTH * factor), round(HEIGHT * factor)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)


def _noisy(picture: Picture, rng: np.random.Generator) -> Picture:
    return picture + rng.normal(0, rng.uniform(0.005, 0.05), picture.shape).astype(np.float32)


def _compressed(picture: Picture, rng: np.random.Generator) -> Picture:
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 96))]
    _, code = cv2.imencode(".jpg", (picture.clip(0, 1) * 255).astype(np.uint8), quality)
    decoded = cv2.imdecode(code, cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    return decoded.astype(np.float32) / 255


def detected(sample: Arrays, rng: np.random.Generator) -> Arrays:
    """What a detector says of the sample: silhouette float32 [H, W] 0..1, keypoints [17, 3] x, y, confidence.

    The real one's word where there is one, in FOUND_SHARE of the cases; else the truth with its faults.
    """
    if sample["found_keypoints"][:, 2].any() and rng.random() < FOUND_SHARE:
        silhouette = sample["found_silhouette"].astype(np.float32) / 255
        return {"silhouette": silhouette, "keypoints": sample["found_keypoints"]}
    return {
        "silhouette": silhouette_as_detected(sample["labels"], rng),
        "keypoints": keypoints_as_detected(sample, rng),
    }


def silhouette_as_detected(labels: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """The silhouette of ATR labels with a detector's faults: wavy outline, pieces lost or false, or all lost.

    Measured on renders: of bags and shoes a third to a half is often missing, of nothing else.
    """
    if rng.random() < 0.02:
        return np.zeros((HEIGHT, WIDTH), np.float32)
    silhouette = labels > 0
    for often_lost in (BAG, SHOES):
        if rng.random() < 0.4:
            silhouette &= ~np.isin(labels, often_lost)
    soft = cv2.GaussianBlur(silhouette.astype(np.float32), (0, 0), rng.uniform(0.8, 3.0))
    waves = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT // 4, WIDTH // 4)).astype(np.float32), (0, 0), 2.0)
    waves = cv2.resize(waves, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR) * 7.0  # to a deviation near 1
    mask = 1 / (1 + np.exp(-12 * (soft - 0.5 + rng.uniform(0, 0.12) * waves)))
    if rng.random() < 0.3:
        lost = rng.random() < 0.7
        mask = mask + _blob(rng) * rng.uniform(0.3, 1.0) * (-1 if lost else 1)
    return np.asarray(mask.clip(0, 1), np.float32)


def _blob(rng: np.random.Generator) -> Picture:
    y, x = np.ogrid[:HEIGHT, :WIDTH]
    cy, cx = rng.uniform(0.2, 1.0) * HEIGHT, rng.uniform(0.2, 0.8) * WIDTH
    ry, rx = rng.uniform(8, 40), rng.uniform(8, 30)
    return np.asarray(np.exp(-(((y - cy) / ry) ** 2) - ((x - cx) / rx) ** 2), np.float32)


def keypoints_as_detected(sample: Arrays, rng: np.random.Generator) -> Picture:
    """True keypoints with the detector's faults, [17, 3]: x, y, confidence.

    Measured on renders, as shares of the person's height: 1.2 % off in the median where the joint is seen,
    2.5 % where it is hidden, with tails of 5 and 10 %; confidence 0.86..1 seen, 0.1..1 hidden.
    """
    points = sample["keypoints"].astype(np.float32).copy()
    seen = points[:, 2] == 2
    rows = np.flatnonzero((sample["labels"] > 0).any(1))
    height = float(rows[-1] - rows[0]) if len(rows) else float(HEIGHT)
    error = np.where(seen, 0.011, 0.024) * np.exp(rng.normal(0, 0.5, 17)) * height
    points[:, :2] += rng.normal(0, 0.8, (17, 2)) * error[:, None]
    confidence = np.where(seen, rng.beta(12, 1, 17), rng.beta(2, 1, 17)) * (points[:, 2] > 0)
    confidence *= rng.random(17) > 0.04
    if rng.random() < 0.03:
        points[:, :2] = points[KEYPOINT_MIRROR, :2]
    points[:, 2] = confidence * (rng.random() > 0.02)
    return points
