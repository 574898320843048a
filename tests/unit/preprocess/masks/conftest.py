"""Drawn people: labels, DensePose parts and keypoints that fit each other, in any size."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from leffa.preprocess.masks.labels import Atr, Lip

# Elbow, wrist and fingertips of the arm on the left of the picture, which is the person's right one; in a
# picture of 384x512.
POSES = {
    "down": ((126, 190), (116, 252), (112, 284)),
    "wide": ((84, 150), (30, 160), (4, 162)),
    "akimbo": ((92, 192), (140, 236), (156, 250)),
    "crossed": ((124, 200), (196, 190), (226, 186)),
    "up": ((112, 62), (130, 20), (134, 4)),
}
SHOULDER, HIP, KNEE, ANKLE, TOE = (148, 122), (168, 262), (164, 360), (162, 452), (150, 472)
MIDDLE = 192


@dataclass
class Person:
    """`atr` with the neck, `lip`, `parts`: uint8 [H, W]; `keypoints` [18, 2] as of a picture 512 high."""

    atr: np.ndarray
    lip: np.ndarray
    parts: np.ndarray
    keypoints: np.ndarray

    @property
    def size(self) -> tuple[int, int]:
        return self.atr.shape[1], self.atr.shape[0]

    def hide(self, *points: int) -> "Person":
        self.keypoints[list(points)] = 0
        return self

    def cut(self, bottom: int) -> "Person":
        """The photo cropped at a row and scaled to the old size again."""
        for name in ("atr", "lip", "parts"):
            shape = self.size
            kept = getattr(self, name)[:bottom]
            setattr(self, name, cv2.resize(kept, shape, interpolation=cv2.INTER_NEAREST))
        self.keypoints *= (1, self.size[1] / bottom)
        return self


class Pencil:
    """Draws in units of a picture of 384x512; `side` 1 is the left of the picture, -1 mirrors."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size, self.scale = size, np.array(size) / (384, 512)
        self.person = Person(*(np.zeros(size[::-1], np.uint8) for _ in range(3)), np.zeros((18, 2)))

    def place(self, point: tuple[float, float], side: int = 1) -> tuple[int, int]:
        x = point[0] if side == 1 else 2 * MIDDLE - point[0]
        return tuple(np.round((x, point[1]) * self.scale).astype(int).tolist())

    def limb(self, a: tuple, b: tuple, width: float, side: int = 1) -> np.ndarray:
        drawn = np.zeros(self.size[::-1], np.uint8)
        thick = max(1, round(width * self.scale.mean()))
        return cv2.line(drawn, self.place(a, side), self.place(b, side), 1, thick).astype(bool)

    def patch(self, *corners: tuple[float, float]) -> np.ndarray:
        drawn = np.zeros(self.size[::-1], np.uint8)
        return cv2.fillPoly(drawn, [np.array([self.place(corner) for corner in corners])], 1).astype(bool)

    def paint(self, mask: np.ndarray, name: str | None, part: int | None = None) -> None:
        if name is not None:
            self.person.atr[mask] = Atr[name]
            self.person.lip[mask] = Lip["FACE" if name == "NECK" else name]
        if part is not None:
            self.person.parts[mask] = part


def between(a: tuple, b: tuple, share: float) -> tuple[float, float]:
    return tuple((np.array(a) + share * (np.array(b) - a)).tolist())


def draw_person(
    pose: str = "down",
    sleeves: float = 0.6,
    below: str = "PANTS",
    legs: float = 2.0,
    size: tuple[int, int] = (384, 512),
) -> Person:
    """`sleeves` end at 0 shoulder, 1 elbow, 2 wrist; `legs` (of the clothes) at 0 hip, 1 knee, 2 ankle.

    `below` is PANTS, SKIRT or DRESS; a dress covers the trunk too.
    """
    pencil = Pencil(size)
    for side in (1, -1):
        _draw_leg(pencil, side, below, legs)
    if below != "PANTS":
        hem = 262 + 98 * legs
        pencil.paint(pencil.patch((146, 250), (238, 250), (248, hem), (136, hem)), below)
    top = "DRESS" if below == "DRESS" else "UPPER_CLOTHES"
    pencil.paint(pencil.patch((178, 84), (206, 84), (206, 120), (178, 120)), "NECK", 2)
    pencil.paint(pencil.patch((140, 112), (244, 112), (232, 272), (152, 272)), top, 2)
    pencil.paint(pencil.limb((192, 44), (192, 46), 62), "HAIR", 24)
    pencil.paint(pencil.limb((192, 58), (192, 66), 46), "FACE", 23)
    for side in (1, -1):
        _draw_arm(pencil, side, pose, top, sleeves)
    _note_keypoints(pencil.person, pose)
    return pencil.person


def _draw_leg(pencil: Pencil, side: int, below: str, legs: float) -> None:
    leg, shoe = ("RIGHT_LEG", "RIGHT_SHOE") if side == 1 else ("LEFT_LEG", "LEFT_SHOE")
    hidden = side == -1  # DensePose's left parts have the next number
    pencil.paint(pencil.limb(KNEE, ANKLE, 30, side), leg, 11 + hidden)
    pencil.paint(pencil.limb(HIP, KNEE, 40, side), leg, 7 + hidden)
    if below == "PANTS":
        pencil.paint(pencil.limb(HIP, between(HIP, KNEE, min(legs, 1)), 44, side), below)
        if legs > 1:
            pencil.paint(pencil.limb(KNEE, between(KNEE, ANKLE, legs - 1), 36, side), below)
    pencil.paint(pencil.limb(ANKLE, TOE, 26, side), shoe, 5 + hidden)


def _draw_arm(pencil: Pencil, side: int, pose: str, top: str, sleeves: float) -> None:
    elbow, wrist, tip = POSES[pose]
    arm, left = ("RIGHT_ARM", 0) if side == 1 else ("LEFT_ARM", 1)
    pencil.paint(pencil.limb(wrist, tip, 22, side), arm, 3 + left)
    pencil.paint(pencil.limb(elbow, wrist, 22, side), arm, 20 - left)
    pencil.paint(pencil.limb(SHOULDER, elbow, 26, side), arm, 16 - left)
    if sleeves:
        pencil.paint(pencil.limb(SHOULDER, between(SHOULDER, elbow, min(sleeves, 1)), 32, side), top)
    if sleeves > 1:
        pencil.paint(pencil.limb(elbow, between(elbow, wrist, sleeves - 1), 28, side), top)


def _note_keypoints(person: Person, pose: str) -> None:
    right = [SHOULDER, *POSES[pose][:2]], [HIP, KNEE, ANKLE]
    left = [[(2 * MIDDLE - x, y) for x, y in chain] for chain in right]
    face = [(182, 56), (202, 56), (170, 62), (214, 62)]
    chains = [(192, 62), (192, 108), *right[0], *left[0], *right[1], *left[1], *face]
    person.keypoints[:] = chains


@pytest.fixture(scope="session")
def draw() -> Callable[..., Person]:
    """`draw(pose=, sleeves=, below=, legs=, size=)` gives a Person of the test's own."""
    return draw_person
