"""Kinds of pairs: the usual ones, and harder ones that change one thing about the usual pair of a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from leffa.errors import BadParameter
from leffa.synth import backgrounds
from leffa.synth.flats import Style
from leffa.synth.occluders import stand_in_front
from leffa.synth.poses import Pose, cross_arms, turn_aside
from leffa.synth.render import Frame, Layer
from leffa.synth.scene import Scene
from leffa.synth.snapshots import random_snapshot

BUSY_SCENES = (backgrounds.shelves, backgrounds.street, backgrounds.greenery, backgrounds.clutter)
BUSY_TRIES = 6  # backgrounds drawn of one scene; the busiest stays
SNAPSHOT_TURN = 10.0  # degrees by which a garment may lie askew
Drawn = TypeVar("Drawn")


def _as_drawn(rng: np.random.Generator, drawn: Drawn) -> Drawn:
    return drawn


def _nothing(rng: np.random.Generator, scene: Scene, frames: Sequence[Frame]) -> list[Layer]:
    return []


def busy_background(rng: np.random.Generator, drawn: np.ndarray) -> np.ndarray:
    """Full shelves, a street, a park or a heap of things in place of the drawn [H, W, 3], float32 in 0..1."""
    scene = BUSY_SCENES[rng.integers(len(BUSY_SCENES))]
    tries = []
    for _ in range(BUSY_TRIES):
        canvas = np.empty(drawn.shape, np.uint8)
        scene(rng, canvas)
        tries.append(backgrounds.through_a_lens(rng, canvas))
    return max(tries, key=busyness)


def busyness(picture: np.ndarray) -> float:
    """Mean step between neighbouring pixels of [H, W, 3] in 0..1."""
    return float(np.abs(np.diff(picture, axis=0)).mean() + np.abs(np.diff(picture, axis=1)).mean())


def snapshot_style(rng: np.random.Generator, style: Style) -> Style:
    """The garment laid down askew and crumpled, and photographed by hand."""
    return replace(
        style,
        turn=float(np.radians(rng.uniform(-SNAPSHOT_TURN, SNAPSHOT_TURN))),
        folds=float(rng.uniform(0.06, 0.11)),
        snapshot=random_snapshot(rng),
    )


@dataclass(frozen=True)
class Kind:
    """What a kind makes of the usual draws. Each function gets a generator of its own first.

    pose, background [H, W, 3] and style return what is used in place of what was drawn; front returns
    what hides the person, nearer to the camera than anything in the frames.
    """

    pose: Callable[[np.random.Generator, Pose], Pose] = _as_drawn
    background: Callable[[np.random.Generator, np.ndarray], np.ndarray] = _as_drawn
    style: Callable[[np.random.Generator, Style], Style] = _as_drawn
    front: Callable[[np.random.Generator, Scene, Sequence[Frame]], list[Layer]] = _nothing


KINDS = {
    "usual": Kind(),
    "clutter": Kind(background=busy_background),
    "crossed": Kind(pose=cross_arms),
    "side": Kind(pose=turn_aside),
    "occluded": Kind(front=stand_in_front),
    "photographed": Kind(style=snapshot_style),
}


def find_kind(name: str) -> Kind:
    """The kind of a name. Raises BadParameter for an unknown one."""
    if name not in KINDS:
        raise BadParameter(f"{name!r} is no kind of pairs.", field="kind", fix=f"Use {', '.join(KINDS)}.")
    return KINDS[name]
