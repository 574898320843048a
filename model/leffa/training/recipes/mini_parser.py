"""Stage `parser`: clothing labels and body parts from picture, silhouette and keypoints.

Trained on synthetic people only, so the pictures are disturbed far more than cameras do it, and silhouette
and keypoints come from the ground truth with the faults that the real detectors were seen to make (running
them instead costs twice the training step itself).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from leffa.mini.parser import HEIGHT, LABELS, PARTS, WIDTH, ParserNet, net_inputs
from leffa.training.data import load_shards
from leffa.training.loop import LoopConfig, fit

Arrays = dict[str, NDArray[Any]]

HELD_OUT: Final = 64  # last samples, never trained on
EYE, EAR, SHOULDER, ELBOW, WRIST, HIP, KNEE, ANKLE = 1, 3, 5, 7, 9, 11, 13, 15
KEYPOINT_MIRROR: Final = [0] + [
    i + d for i in (EYE, EAR, SHOULDER, ELBOW, WRIST, HIP, KNEE, ANKLE) for d in (1, 0)
]
LABEL_MIRROR: Final = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 9, 11, 13, 12, 15, 14, 16, 17], np.uint8)
PART_MIRROR: Final = np.array([0, 1, 2] + [i + d for i in range(3, 25, 2) for d in (1, 0)], np.uint8)
CLOTHES: Final = (4, 5, 6, 7, 17)
SKIN: Final = (11, 12, 13, 14, 15)


def train_parser(net: ParserNet, data: Path, out: Path, config: LoopConfig, batch: int, resume: bool) -> None:
    """Train `net` on the shards in `data`; leaves the averaged weights in it.

    Writes, besides what `fit` writes, `out/parser.json` (figures on HELD_OUT samples) and `out/parser.png` (a
    sheet of them: picture, true and found labels, true and found parts).
    """
    people = load_people(data)
    count = len(people["picture"]) - HELD_OUT
    weights = class_weights(people["labels"][:count], LABELS), class_weights(people["parts"][:count], PARTS)

    def loss(model: nn.Module, rng: np.random.Generator) -> dict[str, Tensor]:
        chosen = rng.integers(count, size=batch)
        return parser_loss(model, draw_batch(people, chosen, rng), weights)

    net.to(memory_format=torch.channels_last)
    fit("parser", net, loss, config, out, resume)
    held_out = draw_batch(
        people, np.arange(count, count + HELD_OUT), np.random.default_rng(0), disturbed=False
    )
    figures = measure(net, held_out)
    (out / "parser.json").write_text(json.dumps(figures, indent=1))
    write_sheet(net, {name: array[:12] for name, array in held_out.items()}, out / "parser.png")


def load_people(data: Path) -> Arrays:
    """Every rendered person of the shards, in both garments: picture, labels, parts, keypoints."""
    shards = load_shards(data, ("person", "target", "labels", "target_labels", "parts", "keypoints"))

    def both(first: str, second: str) -> NDArray[Any]:
        return np.stack([shards.pop(first), shards.pop(second)], 1).reshape(-1, HEIGHT, WIDTH, *_tail(first))

    return {
        "picture": both("person", "target"),
        "labels": both("labels", "target_labels"),
        "parts": np.repeat(shards.pop("parts"), 2, axis=0),
        "keypoints": np.repeat(shards.pop("keypoints"), 2, axis=0),
    }


def _tail(name: str) -> tuple[int, ...]:
    return (3,) if name == "person" else ()


def class_weights(maps: NDArray[np.uint8], classes: int) -> Tensor:
    """Weights of the classes, [classes]: rare ones count more, by the square root of their rarity, up to 4."""
    share = np.bincount(maps[:: max(1, len(maps) // 256)].ravel(), minlength=classes)[:classes] / maps[0].size
    present = share > 0
    weight = np.sqrt(np.median(share[present]) / np.maximum(share, 1e-9))
    return torch.from_numpy(np.where(present, np.clip(weight, 0.5, 4.0), 1.0)).float()


def parser_loss(net: nn.Module, batch: Arrays, weights: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """Weighted cross-entropy of labels and parts at half the picture's size."""
    inputs = net_inputs(batch["picture"], batch["silhouette"], batch["keypoints"])
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(*(x.contiguous(memory_format=torch.channels_last) for x in inputs))
    labels, parts = (
        F.cross_entropy(found.float(), torch.from_numpy(batch[name][:, ::2, ::2].astype(np.int64)), weight)
        for found, name, weight in zip(logits, ("labels", "parts"), weights, strict=True)
    )
    return {"loss": labels + parts, "labels": labels, "parts": parts}


def draw_batch(
    people: Arrays, chosen: NDArray[Any], rng: np.random.Generator, disturbed: bool = True
) -> Arrays:
    """The chosen samples as the net will see them: stacked picture, silhouette, keypoints, labels, parts."""
    drawn = []
    for index in chosen:
        sample = {name: array[index] for name, array in people.items()}
        if disturbed:
            sample = _disturbed(_moved(sample, rng), rng)
        sample["silhouette"] = _as_detected(sample["labels"] > 0, rng)
        sample["keypoints"] = _keypoints_as_detected(sample, rng)
        drawn.append(sample)
    return {name: np.stack([sample[name] for sample in drawn]) for name in drawn[0]}


def _moved(sample: Arrays, rng: np.random.Generator) -> Arrays:
    """Another framing: mirrored, turned, nearer, cut off; all maps and keypoints follow."""
    matrix = _framing(sample["labels"], rng)
    moved = dict(sample)
    for name in ("picture", "labels", "parts"):
        flags = cv2.INTER_LINEAR if name == "picture" else cv2.INTER_NEAREST
        moved[name] = cv2.warpAffine(
            sample[name], matrix, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
    points = sample["keypoints"].copy()
    points[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    moved["keypoints"] = points
    return _mirrored(moved) if rng.random() < 0.5 else moved


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


def _mirrored(sample: Arrays) -> Arrays:
    points = sample["keypoints"][KEYPOINT_MIRROR]
    points[:, 0] = WIDTH - points[:, 0]
    return {
        "picture": np.ascontiguousarray(sample["picture"][:, ::-1]),
        "labels": np.ascontiguousarray(LABEL_MIRROR[sample["labels"][:, ::-1]]),
        "parts": np.ascontiguousarray(PART_MIRROR[sample["parts"][:, ::-1]]),
        "keypoints": points,
    }


def _disturbed(sample: Arrays, rng: np.random.Generator) -> Arrays:
    """Other colours, light, lens and compression, and things in front."""
    picture = sample["picture"].astype(np.float32) / 255
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


def _recoloured(
    picture: NDArray[np.float32], labels: NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.float32]:
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


def _relit(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
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


def _occluded(
    picture: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    hidden = np.zeros((HEIGHT, WIDTH), bool)
    for _ in range(rng.choice([0, 1, 2], p=[0.75, 0.15, 0.1])):
        height, width = rng.integers(10, 90), rng.integers(6, 60)
        top, left = rng.integers(-10, HEIGHT - 10), rng.integers(-10, WIDTH - 10)
        hidden[max(0, top) : top + height, max(0, left) : left + width] = True
        picture[max(0, top) : top + height, max(0, left) : left + width] = rng.uniform(0, 1, 3)
    return picture, hidden


def _softened(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    if rng.random() < 0.5:
        return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.8))
    factor = rng.uniform(0.35, 0.9)
    small = cv2.resize(picture, (round(WIDTH * factor), round(HEIGHT * factor)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)


def _noisy(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    return picture + rng.normal(0, rng.uniform(0.005, 0.05), picture.shape).astype(np.float32)


def _compressed(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 96))]
    _, code = cv2.imencode(".jpg", (picture.clip(0, 1) * 255).astype(np.uint8), quality)
    return cv2.imdecode(code, cv2.IMREAD_UNCHANGED).astype(np.float32) / 255


def _as_detected(silhouette: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.float32]:
    """The true silhouette with a detector's faults: soft wavy outline, lost pieces, false ones, all lost."""
    if rng.random() < 0.02:
        return np.zeros((HEIGHT, WIDTH), np.float32)
    soft = cv2.GaussianBlur(silhouette.astype(np.float32), (0, 0), rng.uniform(0.8, 3.0))
    waves = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT // 4, WIDTH // 4)).astype(np.float32), (0, 0), 2.0)
    waves = cv2.resize(waves, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR) * 7.0  # to a deviation near 1
    mask = 1 / (1 + np.exp(-12 * (soft - 0.5 + rng.uniform(0, 0.12) * waves)))
    if rng.random() < 0.3:
        lost = rng.random() < 0.7
        mask = mask + _blob(rng) * rng.uniform(0.3, 1.0) * (-1 if lost else 1)
    return np.asarray(mask.clip(0, 1), np.float32)


def _blob(rng: np.random.Generator) -> NDArray[np.float32]:
    y, x = np.ogrid[:HEIGHT, :WIDTH]
    cy, cx = rng.uniform(0.2, 1.0) * HEIGHT, rng.uniform(0.2, 0.8) * WIDTH
    ry, rx = rng.uniform(8, 40), rng.uniform(8, 30)
    return np.asarray(np.exp(-(((y - cy) / ry) ** 2) - ((x - cx) / rx) ** 2), np.float32)


def _keypoints_as_detected(sample: Arrays, rng: np.random.Generator) -> NDArray[np.float32]:
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


@torch.inference_mode()
def predict(net: nn.Module, batch: Arrays) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Labels and parts of a drawn batch at half size, uint8 [B, H/2, W/2] each."""
    found: list[list[NDArray[np.uint8]]] = [[], []]
    for start in range(0, len(batch["picture"]), 8):
        piece = slice(start, start + 8)
        inputs = net_inputs(batch["picture"][piece], batch["silhouette"][piece], batch["keypoints"][piece])
        for kind, logits in zip(found, net(*inputs), strict=True):
            kind.append(logits.argmax(1).byte().numpy())
    return np.concatenate(found[0]), np.concatenate(found[1])


def measure(net: nn.Module, batch: Arrays) -> dict[str, Any]:
    """Mean IoU of labels and parts over the classes that occur, and the IoU of each label and part."""
    figures: dict[str, Any] = {}
    for name, found in zip(("labels", "parts"), predict(net, batch), strict=True):
        true = batch[name][:, ::2, ::2]
        ious = {}
        for index in np.flatnonzero(np.bincount(true.ravel()) > 50):
            a, b = found == index, true == index
            ious[int(index)] = round(float((a & b).sum() / (a | b).sum()), 4)
        figures[f"{name}_miou"] = round(float(np.mean(list(ious.values()))), 4)
        figures[f"{name}_iou"] = ious
    return figures


def write_sheet(net: nn.Module, batch: Arrays, path: Path) -> None:
    """Draw one row a sample: picture, true and found labels, true and found parts."""
    found = predict(net, batch)
    size = batch["picture"].shape[2] // 2, batch["picture"].shape[1] // 2
    columns: list[Callable[[int], NDArray[np.uint8]]] = [
        lambda i: cv2.resize(batch["picture"][i], size, interpolation=cv2.INTER_AREA),
        lambda i: _painted(batch["labels"][i, ::2, ::2]),
        lambda i: _painted(found[0][i]),
        lambda i: _painted(batch["parts"][i, ::2, ::2]),
        lambda i: _painted(found[1][i]),
    ]
    rows = [np.hstack([column(index) for column in columns]) for index in range(len(batch["picture"]))]
    half = (len(rows) + 1) // 2
    sheet = (
        np.hstack([np.vstack(rows[:half]), np.vstack(rows[half:])]) if len(rows) % 2 == 0 else np.vstack(rows)
    )
    cv2.imwrite(str(path), sheet[..., ::-1])


def _painted(indices: NDArray[np.uint8]) -> NDArray[np.uint8]:
    hue = (indices.astype(np.int32) * 67 % 180).astype(np.uint8)
    value = np.where(indices > 0, 160 + indices % 3 * 45, 0).astype(np.uint8)
    return cv2.cvtColor(np.dstack([hue, np.full_like(hue, 190), value]), cv2.COLOR_HSV2RGB)
