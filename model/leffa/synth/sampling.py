"""One synthetic pair from a seed: the same person in two garments, with exact ground truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from leffa.synth.backgrounds import random_background
from leffa.synth.bodies import load_assets
from leffa.synth.flats import Placement, make_flat, random_style
from leffa.synth.garments import Garment
from leffa.synth.kinds import find_kind
from leffa.synth.labels import centre
from leffa.synth.occluders import conceal
from leffa.synth.outfits import random_outfits
from leffa.synth.render import Finish, cast_shadow, downsample, random_finish, shade
from leffa.synth.scene import (
    Scene,
    Worn,
    draw_body,
    draw_extras,
    dress,
    garment_flow,
    random_scene,
    silhouette,
)


@dataclass(frozen=True)
class Origin:
    """What a pair was drawn from; of two, the first belongs to `person`, the second to `target`."""

    scene: Scene  # as rendered: sizes times the supersampling
    garments: tuple[Garment, Garment]
    placements: tuple[Placement, Placement]  # in the flat pictures


@dataclass(frozen=True)
class SynthPair:
    """One person in two garments of the same type. Pictures [H, W, 3] and maps [H, W] are uint8."""

    garment_type: str  # upper_body, lower_body or dresses
    person: np.ndarray
    target: np.ndarray  # same person, pose, light and background in the other garment
    garment: np.ndarray  # flat product picture of the target's garment
    garment_alpha: np.ndarray  # 0 or 255
    source_garment: np.ndarray  # flat product picture of the garment in `person`
    source_garment_alpha: np.ndarray
    labels: np.ndarray  # ATR 0..17 of person
    target_labels: np.ndarray
    lip_labels: np.ndarray  # LIP 0..19 of person
    parts: np.ndarray  # DensePose parts 0..24 of the body without clothes
    keypoints: np.ndarray  # [17, 3] float32: x, y in pixels, 0 absent / 1 hidden / 2 visible
    flow: np.ndarray  # [H, W, 2] float32 grid_sample coordinates into `garment`, NaN where there are none
    garment_mask: np.ndarray  # 0 no garment, 1 cloth that the flat shows, 2 cloth that it does not show
    source_flow: np.ndarray  # the same for `person` and `source_garment`
    source_garment_mask: np.ndarray
    origin: Origin


def sample(
    seed: int, height: int = 256, width: int = 192, supersample: int = 1, kind: str = "usual"
) -> SynthPair:
    """The pair of a seed: the same seed, size and kind always give the same bytes.

    A pair of another kind is the usual one of its seed with one thing changed. Raises BadParameter for an
    unknown kind.
    """
    change = find_kind(kind)
    outfit_rng, scene_rng, place_rng, flat_rng, kind_rng = (
        np.random.default_rng([seed, stream]) for stream in range(5)
    )
    garment_type, source, target = random_outfits(outfit_rng)
    size = height * supersample, width * supersample
    scene = random_scene(scene_rng, garment_type, *size, partial(change.pose, kind_rng))
    parts, _, points = draw_body(scene)
    extras = draw_extras(scene)
    worn = [dress(scene, outfit, extras) for outfit in (source, target)]
    style = [change.style(kind_rng, random_style(flat_rng)) for _ in range(2)]
    flats = [
        make_flat(o.tried, s, height, width, supersample)
        for o, s in zip((source, target), style, strict=True)
    ]
    behind = partial(change.background, kind_rng)
    backdrop = _backdrop(place_rng, scene, worn, height, width, behind)
    finish = random_finish(place_rng)
    conceal(change.front(kind_rng, scene, [w.frame for w in worn]), scene, worn, parts, points)
    pictures = [_photograph(w, scene, backdrop, finish, supersample) for w in worn]
    flows = [garment_flow(w, flat, supersample) for w, flat in zip(worn, flats, strict=True)]
    points[:, :2] /= supersample
    return SynthPair(
        garment_type=garment_type,
        person=pictures[0][0],
        target=pictures[1][0],
        garment=flats[1].image,
        garment_alpha=flats[1].alpha,
        source_garment=flats[0].image,
        source_garment_alpha=flats[0].alpha,
        labels=pictures[0][1],
        target_labels=pictures[1][1],
        lip_labels=pictures[0][2],
        parts=centre(parts, supersample),
        keypoints=points,
        flow=flows[1][0],
        garment_mask=flows[1][1],
        source_flow=flows[0][0],
        source_garment_mask=flows[0][1],
        origin=Origin(scene, (source.tried, target.tried), (flats[0].placement, flats[1].placement)),
    )


def _backdrop(
    rng: np.random.Generator,
    scene: Scene,
    worn: list[Worn],
    height: int,
    width: int,
    change: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """The changed background with the shadow of both outfits, so that the two pictures share it exactly."""
    background = change(random_background(rng, height, width))
    outline = silhouette(*(w.frame for w in worn))
    size = (scene.camera.width, scene.camera.height)
    if background.shape[:2] != outline.shape:
        background = cv2.resize(background, size, interpolation=cv2.INTER_LINEAR)
    feet = None
    if scene.framing == "full":
        assets = load_assets()
        toes = [
            assets.bone_names.index(name) for name in ("LeftToeBase", "RightToeBase", "LeftFoot", "RightFoot")
        ]
        feet = scene.camera.project(scene.body.joints[toes].astype(np.float32))[:, :2] + [0, 0.008 * size[1]]
    strength = float(rng.choice([0.0, rng.uniform(0.05, 0.35)], p=[0.25, 0.75]))
    return cast_shadow(background, outline, scene.light, feet, strength)


def _photograph(
    worn: Worn, scene: Scene, backdrop: np.ndarray, finish: Finish, supersample: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    picture = shade(worn.frame, backdrop, scene.light, scene.camera)
    image = finish.apply(downsample(picture.colours, supersample))
    return image, centre(picture.labels, supersample), centre(picture.lip_labels, supersample)
