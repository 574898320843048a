"""Garments photographed by hand: on a floor or a bed, crumpled, in uneven light, by a phone.

Colours change, places do not: the flow into the picture stays exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from leffa.synth.noise import smooth_noise
from leffa.synth.textures import fold_bump

CREASE_SCALE = np.float32(2.3)  # creases are finer than the folds of worn cloth
PACKED = 0.21  # metres between the edges along which a garment was folded
EDGE = 0.004  # metres, half width of such an edge


@dataclass(frozen=True)
class Snapshot:
    """One hand-held photograph of a garment."""

    ground: Callable[[np.random.Generator, int, int], np.ndarray]  # paints [H, W, 3] around 1
    tone: np.ndarray  # [3] of the ground
    light: float  # radians, from where light falls in the picture, 0 right, counter-clockwise
    shadow: float  # 0..1, how dark
    reach: float  # of the shadow, share of the picture's height
    fall_off: float  # of the light across the picture
    creases: float
    packed: tuple[float, float]  # offsets of the folded edges, metres
    balance: np.ndarray  # [3], error of the white balance
    gamma: float
    noise: float
    seed: int


def random_snapshot(rng: np.random.Generator) -> Snapshot:
    """Bed sheets, boards or a grey floor under a lamp or a window at one side."""
    ground, lightness, tint = GROUNDS[rng.integers(len(GROUNDS))]
    warm = rng.normal(0, 0.035)
    return Snapshot(
        ground=ground,
        tone=(rng.uniform(*lightness) * (tint + rng.normal(0, 0.025, 3))).astype(np.float32),
        light=float(rng.uniform(0.15, math.pi - 0.15)),
        shadow=float(rng.uniform(0.45, 0.7)),
        reach=float(rng.uniform(0.02, 0.045)),
        fall_off=float(rng.uniform(0.12, 0.38)),
        creases=float(rng.uniform(0.03, 0.07)),
        packed=(float(rng.uniform(0, PACKED)), float(rng.uniform(0, PACKED))),
        balance=np.array([1 + warm, 1 + rng.normal(0, 0.012), 1 - warm], np.float32),
        gamma=float(rng.uniform(0.85, 1.2)),
        noise=float(rng.uniform(0.006, 0.016)),
        seed=int(rng.integers(1 << 30)),
    )


def lay_down(
    snapshot: Snapshot, colours: np.ndarray, mask: np.ndarray, cloth_uv: np.ndarray, supersample: int
) -> np.ndarray:
    """The picture [H, W, 3] float32 of cloth colours [H, W, 3] where mask [H, W] is set.

    cloth_uv [H, W, 2] are texture coordinates in metres of the front, NaN elsewhere.
    """
    height, width = mask.shape
    rng = np.random.default_rng(snapshot.seed)
    towards = np.array([math.cos(snapshot.light), -math.sin(snapshot.light)])  # x right, y down
    solid = mask.astype(np.float32)
    cloth = colours * (_volume(solid, towards) * _creases(snapshot, cloth_uv))[..., None]
    ground = snapshot.tone * snapshot.ground(rng, height, width)
    ground *= (1 - snapshot.shadow * _shadow(solid, towards, snapshot.reach * height))[..., None]
    image = np.where(mask[..., None], cloth, ground) * _fall_off(snapshot, towards, height, width)
    image = np.clip(image, 0, 1) ** snapshot.gamma * snapshot.balance
    grain = rng.standard_normal((height // supersample, width // supersample, 3), dtype=np.float32)
    grain = 0.8 * grain.mean(2, keepdims=True) * math.sqrt(3) + 0.5 * grain  # grey more than coloured
    grain = grain.repeat(supersample, 0).repeat(supersample, 1)
    return (image + snapshot.noise * grain).astype(np.float32)


def _volume(solid: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Light on the rounded borders of cloth that lies a finger high."""
    height = solid.shape[0]
    soft = cv2.GaussianBlur(solid, (0, 0), 0.011 * height)
    slope = soft - _moved(soft, towards * 0.012 * height)
    return 0.82 + 0.18 * np.clip(soft * 1.7 - 0.7, 0, 1) - 0.35 * slope


def _shadow(solid: np.ndarray, towards: np.ndarray, reach: float) -> np.ndarray:
    """Soft shadow [H, W] in 0..1 away from the light, with a darker seam at the cloth."""
    near = cv2.GaussianBlur(_moved(solid, -0.4 * reach * towards), (0, 0), 0.25 * reach)
    far = cv2.GaussianBlur(_moved(solid, -1.2 * reach * towards), (0, 0), 0.8 * reach)
    return 0.5 * near + 0.5 * far


def _moved(image: np.ndarray, by: np.ndarray) -> np.ndarray:
    move = np.array([[1, 0, by[0]], [0, 1, by[1]]], np.float32)
    return cv2.warpAffine(image, move, image.shape[::-1])


def _creases(snapshot: Snapshot, cloth_uv: np.ndarray) -> np.ndarray:
    """Gain [H, W] of sharp creases and of the edges along which the garment was folded."""
    gain = np.ones(cloth_uv.shape[:2], np.float32)
    front = ~np.isnan(cloth_uv[..., 0])
    uv = cloth_uv[front]
    sharp = np.tanh(1.5 * fold_bump(snapshot.seed, uv * CREASE_SCALE, 1.0))
    across = fold_bump(snapshot.seed + 1, uv[:, ::-1] * CREASE_SCALE, 1.0)
    gain[front] += np.float32(snapshot.creases) * (0.7 * sharp + 0.5 * across)
    for axis, offset in enumerate(snapshot.packed):
        away = (uv[:, axis] - offset + PACKED / 2) % PACKED - PACKED / 2
        gain[front] += np.float32(1.6 * snapshot.creases) * (away / EDGE) * np.exp(0.5 - (away / EDGE) ** 2)
    return gain


def _fall_off(snapshot: Snapshot, towards: np.ndarray, height: int, width: int) -> np.ndarray:
    """Light [H, W, 1]: strong at the lamp's side, weaker at the other and in the corners."""
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    along = x * np.float32(towards[0]) + y * np.float32(towards[1])
    light = 1.0 + snapshot.fall_off * (0.4 * along - 0.25 * (x**2 + y**2) / 2)
    return light[..., None].astype(np.float32)


# ---- grounds: unevenness around 1


def _wrinkles(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width].reshape(2, -1).astype(np.float32) / height
    turn = rng.uniform(0, math.pi)
    uv = np.stack([math.cos(turn) * x - math.sin(turn) * y, math.sin(turn) * x + math.cos(turn) * y], 1)
    field = fold_bump(int(rng.integers(1 << 30)), uv.astype(np.float32), float(rng.uniform(0.025, 0.06)))
    broad = 0.12 * (smooth_noise(rng, height, width, 3) - 0.5)
    return (1 + field.reshape(height, width) + broad)[..., None].repeat(3, 2)


def _speckles(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    fine = smooth_noise(rng, height, width, rng.uniform(60, 120)) - 0.5
    broad = smooth_noise(rng, height, width, 4, 2) - 0.5
    field = 1 + np.float32(rng.uniform(0.1, 0.3)) * fine + np.float32(0.22) * broad
    return field[..., None].repeat(3, 2)


def _boards(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Boards up and down the picture, with grain and seams."""
    wide = width * rng.uniform(0.16, 0.45)
    place = (np.arange(width) + rng.uniform(0, wide)) / wide
    board = place.astype(int)
    tones = rng.normal(1, 0.05, int(board.max()) + 1)[board]
    seam = np.minimum(place % 1, 1 - place % 1) * wide < 0.0025 * height
    grain = cv2.resize(
        rng.random((10, max(8, width // 3)), dtype=np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    field = tones * np.where(seam, 0.6, 1) + np.float32(rng.uniform(0.08, 0.2)) * (grain - 0.5)
    field = field + 0.08 * (smooth_noise(rng, height, width, 3) - 0.5)
    return field.astype(np.float32)[..., None].repeat(3, 2)


GROUNDS = (  # painter, range of lightness, tint: a bed sheet, a floor or carpet, boards from oak to walnut
    (_wrinkles, (0.72, 0.90), (1.0, 1.0, 0.98)),
    (_speckles, (0.35, 0.72), (1.0, 1.0, 1.0)),
    (_boards, (0.42, 0.85), (1.0, 0.8, 0.6)),
)
