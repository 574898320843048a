"""Rendering: a camera, layers of triangles, their shading, and the finish of a photograph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from leffa.synth import kernels

AMBIENT_REACH = 0.10  # metres by which a neighbour must be nearer to take all its share of the light


@dataclass(frozen=True)
class Camera:
    """A perspective camera that looks along +y; pictures have z up and the person's left on the right."""

    height: int
    width: int
    pixels_per_metre: float
    centre_x: float  # world x in the middle of the picture
    top_z: float  # world z at the upper edge, at the depth of the body's axis
    eye_z: float
    distance: float

    def project(self, points: np.ndarray) -> np.ndarray:
        """World points [N, 3] to pixel x, pixel y and depth, float32 [N, 3]."""
        nearer = self.distance / (self.distance + points[:, 1])
        result = np.empty((len(points), 3), np.float32)
        result[:, 0] = self.width / 2 + (points[:, 0] - self.centre_x) * nearer * self.pixels_per_metre
        rise = (points[:, 2] - self.eye_z) * nearer
        result[:, 1] = (self.top_z - self.eye_z - rise) * self.pixels_per_metre
        result[:, 2] = self.distance + points[:, 1]
        return result


@dataclass(frozen=True)
class Light:
    """One lamp and its surroundings."""

    direction: np.ndarray  # [3] unit, towards the lamp
    ambient: float  # share of light from everywhere, 0..1
    colour: np.ndarray  # [3] of the lamp
    strength: float


@dataclass(frozen=True)
class Paint:
    """Look of some fragments: colour [N, 3], ATR label and LIP label (int or [N]), sideways lean, gloss."""

    colour: np.ndarray
    label: np.ndarray | int
    lip_label: np.ndarray | int
    lean: np.ndarray | float = 0.0
    gloss: float = 0.0


@dataclass(frozen=True)
class Fragments:
    """The visible pixels of one layer; interpolates vertex values at them."""

    pixels: np.ndarray  # [N] flat pixel numbers
    faces: np.ndarray  # [F, 3]
    face: np.ndarray  # [N] face number
    face_index: np.ndarray  # [H * W]
    corners: np.ndarray  # [H * W, 3]

    def value(self, per_vertex: np.ndarray) -> np.ndarray:
        """Vertex values [U, C] at the fragments, float32 [N, C]."""
        values = np.ascontiguousarray(per_vertex, np.float32)
        return kernels.interpolate(self.pixels, self.face_index, self.corners, self.faces, values)

    def at_first_corner(self, per_vertex: np.ndarray) -> np.ndarray:
        """The value of each fragment's first corner, [N, ...]: for flags that a face shares."""
        return per_vertex[self.faces[self.face, 0]]


@dataclass(frozen=True)
class Layer:
    """Triangles with one kind of paint."""

    name: str
    vertices: np.ndarray  # [U, 3] float32 world
    normals: np.ndarray  # [U, 3] float32
    faces: np.ndarray  # [F, 3] int32
    paint: Callable[[Fragments], Paint]
    keep: np.ndarray | None = None  # [U, K] float32, drawn where all are positive
    bias: float = 0.0  # metres nearer to the camera than it is
    two_sided: bool = False


class Projector(Protocol):
    """Anything that turns vertices into pixel positions and depth."""

    def project(self, points: np.ndarray) -> np.ndarray:
        """Vertices [N, 3] to pixel x, pixel y and depth, float32 [N, 3]."""
        ...


class Frame:
    """The drawing buffers of one picture."""

    def __init__(self, height: int, width: int) -> None:
        """Empty buffers of height x width pixels."""
        self.depth = np.full((height, width), kernels.FAR, np.float32)
        self.layer = np.zeros((height, width), np.uint8)  # number of the layer in `layers`, from 1
        self.face_index = np.zeros((height, width), np.int32)
        self.corners = np.zeros((height, width, 3), np.float32)
        self.layers: list[Layer] = []

    def copy(self) -> Frame:
        """An independent copy, to draw something else over the same start."""
        other = Frame.__new__(Frame)
        other.depth, other.layer = self.depth.copy(), self.layer.copy()
        other.face_index, other.corners = self.face_index.copy(), self.corners.copy()
        other.layers = list(self.layers)
        return other

    def draw(self, layers: Sequence[Layer], camera: Projector) -> None:
        """Rasterise layers in order; nearer fragments win."""
        for layer in layers:
            self.layers.append(layer)
            points = camera.project(layer.vertices)
            keep = np.zeros((len(points), 0), np.float32) if layer.keep is None else layer.keep
            kernels.rasterise(
                points, layer.faces, keep, layer.bias, len(self.layers),
                self.depth, self.layer, self.face_index, self.corners,
            )  # fmt: skip

    def fragments(self, number: int) -> Fragments:
        """The visible pixels of layer `number` (from 1)."""
        pixels = np.flatnonzero(self.layer.ravel() == number)
        index = self.face_index.ravel()
        corners = self.corners.reshape(-1, 3)
        return Fragments(pixels, self.layers[number - 1].faces, index[pixels], index, corners)


def faces_within(faces: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """[F] bool: faces [F, 3] with all their vertices among the marked [V] ones."""
    return marked[faces[:, 0]] & marked[faces[:, 1]] & marked[faces[:, 2]]


@dataclass(frozen=True)
class Picture:
    """A shaded frame: colours [H, W, 3] float32 linear 0..1 and label maps [H, W] uint8."""

    colours: np.ndarray
    labels: np.ndarray
    lip_labels: np.ndarray


def shade(frame: Frame, background: np.ndarray, light: Light, camera: Camera) -> Picture:
    """Colour every layer's fragments over a background [H, W, 3]."""
    ambient, lamp = _light_maps(frame, light, camera)
    colours = background.astype(np.float32).copy()
    labels, lip_labels = np.zeros(frame.depth.shape, np.uint8), np.zeros(frame.depth.shape, np.uint8)
    for number, layer in enumerate(frame.layers, 1):
        fragments = frame.fragments(number)
        if len(fragments.pixels) == 0:
            continue
        paint = layer.paint(fragments)
        at = fragments.pixels
        normals = _bent_normals(fragments.value(layer.normals), paint, layer.two_sided)
        lit = _lit(paint, normals, light, ambient.ravel()[at], lamp.ravel()[at])
        colours.reshape(-1, 3)[at] = lit
        labels.ravel()[at], lip_labels.ravel()[at] = paint.label, paint.lip_label
    return Picture(np.clip(colours, 0, 1), labels, lip_labels)


def _light_maps(frame: Frame, light: Light, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    scale = camera.pixels_per_metre
    angles = 2 * np.pi * np.arange(6) / 6
    rings = [(radius, angles + 50 * radius) for radius in (0.012, 0.03, 0.06)]
    offsets = np.concatenate([radius * np.column_stack([np.cos(a), np.sin(a)]) for radius, a in rings])
    steps = np.round(offsets * scale).astype(np.int32)
    x, y, z = light.direction
    return kernels.occlusion(
        frame.depth, steps[:, 0], steps[:, 1], AMBIENT_REACH, 9, float(x), -float(z), -float(y), scale
    )


def _bent_normals(normals: np.ndarray, paint: Paint, two_sided: bool) -> np.ndarray:
    if two_sided:
        normals = np.where(normals[:, 1:2] > 0.05, -normals, normals)
    normals = normals + np.asarray(paint.lean, np.float32).reshape(-1, 1) * np.array([1, 0, 0.3], np.float32)
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9)


def _lit(
    paint: Paint, normals: np.ndarray, light: Light, ambient: np.ndarray, lamp: np.ndarray
) -> np.ndarray:
    diffuse = np.clip(normals @ light.direction.astype(np.float32) * 0.85 + 0.15, 0, 1) * (0.45 + 0.55 * lamp)
    sky = (0.72 + 0.28 * normals[:, 2]) * (0.35 + 0.65 * ambient)
    amount = light.ambient * sky[:, None] + (1 - light.ambient) * diffuse[:, None] * light.colour
    lit = paint.colour * (amount * light.strength).astype(np.float32)
    if paint.gloss > 0:
        half = light.direction + np.array([0.0, -1.0, 0.0])
        half = (half / np.linalg.norm(half)).astype(np.float32)
        lit = lit + (paint.gloss * np.clip(normals @ half, 0, 1) ** 18 * lamp)[:, None]
    return lit


def random_light(rng: np.random.Generator) -> Light:
    """A lamp somewhere in front and above."""
    direction = np.array([rng.normal(0, 0.55), -1.0, rng.uniform(0.15, 1.0)])
    warmth = rng.normal(0, 0.05)
    ambient = float(rng.uniform(0.4, 0.75))
    return Light(
        direction=direction / np.linalg.norm(direction),
        ambient=ambient,
        colour=np.array([1 + warmth, 1.0, 1 - warmth]),
        strength=float(rng.uniform(1.02, 1.28)),
    )


def cast_shadow(
    background: np.ndarray, silhouette: np.ndarray, light: Light, floor: np.ndarray | None, strength: float
) -> np.ndarray:
    """Background [H, W, 3] with the person's soft shadow on the wall and, at `floor` [N, 2] pixels, below."""
    height, width = silhouette.shape
    shift = np.array([-light.direction[0], light.direction[2]]) * 0.10 * height
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    wall = cv2.warpAffine(silhouette.astype(np.float32), move, (width, height))
    wall = cv2.GaussianBlur(wall, (0, 0), 0.045 * height)
    amount = strength * wall
    if floor is not None:
        rows, columns = np.arange(height)[:, None], np.arange(width)[None]
        spread = 0.07 * height
        for x, y in floor:
            pool = np.exp(-(((columns - x) / spread) ** 2) - ((rows - y) / (0.22 * spread)) ** 2)
            amount = np.maximum(amount, 0.6 * pool)
    return background * (1 - np.clip(amount, 0, 0.85))[..., None].astype(np.float32)


def downsample(image: np.ndarray, factor: int) -> np.ndarray:
    """Mean over factor x factor blocks of [H, W, C]."""
    if factor == 1:
        return image
    height, width = image.shape[:2]
    return image.reshape(height // factor, factor, width // factor, factor, -1).mean((1, 3))


@dataclass(frozen=True)
class Finish:
    """What a camera does to a picture, the same for all pictures of one pair."""

    gamma: float
    balance: np.ndarray  # [3]
    blur: float  # sigma in pixels of a picture 256 high
    noise: float
    seed: int

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Finish [H, W, 3] float 0..1 into uint8."""
        sigma = self.blur * image.shape[0] / 256
        if sigma > 0.15:
            image = cv2.GaussianBlur(image, (0, 0), sigma)
        image = np.clip(image, 0, 1) ** self.gamma * self.balance
        grain = np.random.default_rng(self.seed).standard_normal(image.shape[:2], dtype=np.float32)
        image = image + (self.noise * grain)[..., None]
        return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


def random_finish(rng: np.random.Generator) -> Finish:
    """A random camera: mild gamma and white balance, some blur and noise."""
    return Finish(
        gamma=float(rng.uniform(0.82, 1.15)),
        balance=rng.uniform(0.93, 1.04, 3).astype(np.float32),
        blur=float(rng.choice([rng.uniform(0.35, 0.5), rng.uniform(0.5, 0.8)], p=[0.7, 0.3])),
        noise=float(rng.uniform(0, 0.012)),
        seed=int(rng.integers(1 << 30)),
    )
