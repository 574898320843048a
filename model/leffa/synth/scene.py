"""One person in one place: framing, and pictures of the person in different outfits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from leffa.synth import kernels
from leffa.synth.accessories import Accessory, random_accessories
from leffa.synth.bodies import Person, PosedBody, load_assets, pose_body, random_person, rest_shape
from leffa.synth.cloth import belt_layer, garment_layer
from leffa.synth.drape import coverage, flared_rest
from leffa.synth.flats import Flat, flow_into, look_up
from leffa.synth.garments import Garment, Piece, column_min, pieces
from leffa.synth.labels import block_mean, centre, keypoints
from leffa.synth.looks import accessory_layer, eye_layer, hair_layers, shoe_layer, skin_layer, sock_layer
from leffa.synth.outfits import Outfit
from leffa.synth.poses import Pose, random_pose
from leffa.synth.render import Camera, Frame, Layer, Light, faces_within, random_light

FRAMINGS = ("full", "knee", "thigh", "waist")
FRAMING_ODDS = {
    "upper_body": (0.35, 0.15, 0.28, 0.22),
    "lower_body": (0.88, 0.12, 0.0, 0.0),
    "dresses": (0.78, 0.16, 0.06, 0.0),
}
HIDDEN_DEPTH = 0.014  # metres inside a garment's edge at which skin beneath is left out
BOTTOM_BIAS, UNDER_BIAS, TOP_BIAS, SKIRT_BIAS = 0.002, 0.004, 0.008, 0.010


@dataclass(frozen=True)
class Scene:
    """Everything the two pictures of a pair share."""

    person: Person
    pose: Pose
    rest: np.ndarray  # [V, 3]
    joints: np.ndarray  # [J, 3]
    body: PosedBody
    camera: Camera
    light: Light
    accessories: tuple[Accessory, ...]
    framing: str
    folds: float


@dataclass(frozen=True)
class Worn:
    """A drawn outfit: the frame and which of its layers belong to the tried garment."""

    frame: Frame
    tried: dict[int, Piece]  # layer number -> piece


def random_scene(
    rng: np.random.Generator, garment_type: str, height: int, width: int, change: Callable[[Pose], Pose]
) -> Scene:
    """A random person, pose as changed, camera, lamp and accessories; sizes in rendered pixels."""
    person, pose = random_person(rng), change(random_pose(rng))
    rest, joints = rest_shape(person.code)
    body = pose_body(rest, joints, pose)
    framing = str(rng.choice(FRAMINGS, p=FRAMING_ODDS[garment_type]))
    return Scene(
        person=person,
        pose=pose,
        rest=rest,
        joints=joints,
        body=body,
        camera=frame_person(rng, body, framing, height, width),
        light=random_light(rng),
        accessories=tuple(random_accessories(rng)),
        framing=framing,
        folds=float(rng.uniform(0.06, 0.3)),
    )


def frame_person(rng: np.random.Generator, body: PosedBody, framing: str, height: int, width: int) -> Camera:
    """A camera that shows the person down to the feet, knees, thighs or waist."""
    assets = load_assets()
    points = body.vertices[assets.span["body"]]
    joint = {
        name: body.joints[assets.bone_names.index(name)] for name in ("LeftLeg", "RightLeg", "Hips", "Head")
    }
    head_top = float(points[points[:, 2] > joint["Head"][2], 2].max())
    knee = 0.5 * float(joint["LeftLeg"][2] + joint["RightLeg"][2])
    hips = float(joint["Hips"][2])
    bottom = {
        "full": float(points[:, 2].min()) - rng.uniform(0.03, 0.12),
        "knee": knee - rng.uniform(-0.05, 0.2),
        "thigh": knee + (hips - knee) * rng.uniform(0.3, 0.75),
        "waist": hips - rng.uniform(-0.02, 0.12),
    }[framing]
    top = head_top + (rng.uniform(0.06, 0.16) if rng.random() < 0.85 else rng.uniform(-0.14, 0.06))
    distance = float(rng.uniform(2.6, 6.0))
    return Camera(
        height=height,
        width=width,
        pixels_per_metre=float(height / (top - bottom)),
        centre_x=float(points[:, 0].mean() + rng.normal(0, 0.03)),
        top_z=float(top),
        eye_z=float(bottom + (top - bottom) * rng.uniform(0.4, 0.85)),
        distance=distance,
    )


def draw_body(scene: Scene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The body without clothes: parts [H, W] uint8, depth [H, W] and keypoints [17, 3] (rendered pixels)."""
    assets = load_assets()
    frame = Frame(scene.camera.height, scene.camera.width)
    hidden = np.zeros(assets.span["body"].stop - assets.span["body"].start, bool)
    barefoot = replace(scene.person, shoe=None)
    frame.draw([skin_layer(barefoot, scene.body, hidden)], scene.camera)
    parts = np.where(frame.layer > 0, assets.part[frame.face_index], 0).astype(np.uint8)
    points = scene.camera.project(scene.body.vertices[assets.span["keypoints"]])
    return parts, frame.depth, keypoints(points, frame.depth)


def draw_extras(scene: Scene) -> Frame:
    """Everything that no garment changes: eyes, shoes, hair, accessories."""
    person, body = scene.person, scene.body
    layers = [eye_layer(person, body)]
    if person.shoe is not None:
        layers.append(shoe_layer(person, body))
    if person.sock is not None:
        layers.append(sock_layer(person, body))
    layers += hair_layers(person, body)
    layers += [accessory_layer(accessory, body) for accessory in scene.accessories]
    frame = Frame(scene.camera.height, scene.camera.width)
    frame.draw(layers, scene.camera)
    return frame


def dress(scene: Scene, outfit: Outfit, extras: Frame) -> Worn:
    """Draw the person in an outfit on top of the extras."""
    body = _flared(scene, outfit)
    plan = _plan(outfit)
    cover = _suit_cover(plan)
    frame = extras.copy()
    frame.draw([skin_layer(scene.person, scene.body, _hidden_skin(plan))], scene.camera)
    tried = {}
    for order, (garment, piece, lift, bias) in enumerate(plan):
        layer = garment_layer(
            garment,
            piece,
            body,
            lift,
            bias,
            (scene.person.fold_seed, scene.folds),
            1 / scene.camera.pixels_per_metre,
        )
        frame.draw([_without_covered(layer, piece, cover[order])], scene.camera)
        if garment is outfit.tried:
            tried[len(frame.layers)] = piece
    if outfit.belt is not None:
        base = outfit.bottom or outfit.tried
        frame.draw([_belt(outfit, base, body)], scene.camera)
    return Worn(frame, tried)


def _belt(outfit: Outfit, base: Garment, body: PosedBody) -> Layer:
    colour = outfit.belt if outfit.belt is not None else np.zeros(3, np.float32)
    lift = 0.016 if base.uses_skirt else 0.006
    layer = belt_layer(colour, outfit.waist, body, base, lift)
    top = outfit.top
    if top is None or outfit.tucked:
        return layer
    # a top worn over the waistband hides the belt, except where an open front shows it
    over = [p for p in pieces(top) if p.shell == "suit"][0]
    faces = layer.faces[~faces_within(layer.faces, column_min(over.keep) > 0)]
    return Layer("belt", layer.vertices, layer.normals, faces, layer.paint, layer.keep, 0.004, True)


def _flared(scene: Scene, outfit: Outfit) -> PosedBody:
    wide = [g for g in (outfit.dress, outfit.bottom, outfit.top) if g is not None and g.uses_skirt]
    if not wide:
        return scene.body
    return pose_body(flared_rest(wide[0], scene.rest), scene.joints, scene.pose)


def _plan(outfit: Outfit) -> list[tuple[Garment, Piece, float, float]]:
    """Garment, piece, lift and depth bias of everything worn, from the inside outwards."""
    plan: list[tuple[Garment, Piece, float, float]] = []
    over = 0.0
    if outfit.bottom is not None:
        plan += [(outfit.bottom, piece, 0.0, _bias(piece, BOTTOM_BIAS)) for piece in pieces(outfit.bottom)]
    if outfit.under is not None:
        plan += [(outfit.under, piece, 0.0, UNDER_BIAS) for piece in pieces(outfit.under, outfit.waist)]
        over = 0.007
    if outfit.top is not None:
        tucked_at = outfit.waist if outfit.tucked else None
        lift = over + (0.0 if outfit.tucked else 0.004)
        plan += [(outfit.top, piece, lift, _bias(piece, TOP_BIAS)) for piece in pieces(outfit.top, tucked_at)]
    if outfit.dress is not None:
        plan += [(outfit.dress, piece, 0.0, _bias(piece, TOP_BIAS)) for piece in pieces(outfit.dress)]
    return plan


def _bias(piece: Piece, bias: float) -> float:
    return bias + (SKIRT_BIAS if piece.shell == "skirt" else 0.0)


def _suit_cover(plan: list[tuple[Garment, Piece, float, float]]) -> list[np.ndarray]:
    """For every planned piece: how deep each suit vertex lies inside later suit pieces, [V]."""
    assets = load_assets()
    size = assets.span["suit"].stop - assets.span["suit"].start
    result, cover = [], np.full(size, -1.0, np.float32)
    for _, piece, _, _ in reversed(plan):
        result.append(cover)
        if piece.shell == "suit":
            cover = np.maximum(cover, coverage(piece))
    return result[::-1]


def _hidden_skin(plan: list[tuple[Garment, Piece, float, float]]) -> np.ndarray:
    assets = load_assets()
    cover = np.full(assets.span["suit"].stop - assets.span["suit"].start, -1.0, np.float32)
    for _, piece, _, _ in plan:
        if piece.shell == "suit":
            cover = np.maximum(cover, coverage(piece))
    return (assets.covered_by >= 0) & (cover[assets.covered_by] > HIDDEN_DEPTH)


def _without_covered(layer: Layer, piece: Piece, cover: np.ndarray) -> Layer:
    if piece.shell != "suit" or cover.max() < HIDDEN_DEPTH:
        return layer
    panels = load_assets().panels["suit"]
    shown = ~faces_within(layer.faces, cover[panels.weld] > HIDDEN_DEPTH)
    return Layer(
        layer.name,
        layer.vertices,
        layer.normals,
        layer.faces[shown],
        layer.paint,
        layer.keep,
        layer.bias,
        True,
    )


def garment_flow(worn: Worn, flat: Flat, supersample: int) -> tuple[np.ndarray, np.ndarray]:
    """Flow [H, W, 2] into the flat (NaN elsewhere) and mask [H, W]: 0 none, 1 in the flat, 2 not in it."""
    frame = worn.frame
    flow = np.full((*frame.depth.shape, 2), np.nan, np.float32)
    mask = np.zeros(frame.depth.shape, np.uint8)
    for number, piece in worn.tried.items():
        fragments = frame.fragments(number)
        panels = load_assets().panels[piece.shell]
        if len(fragments.pixels) == 0:
            continue
        place = flat.placement.positions[piece.shell]
        values = fragments.value(np.column_stack([panels.uv, place]))
        seen = fragments.at_first_corner(panels.front) & look_up(flat, values[:, 2:], values[:, :2])
        mask.ravel()[fragments.pixels] = np.where(seen, 1, 2)
        flow.reshape(-1, 2)[fragments.pixels[seen]] = flow_into(flat, values[seen, 2:])
    small = centre(mask, supersample)
    mean = block_mean(flow, supersample)
    mean[small != 1] = np.nan
    return mean, small


def silhouette(*frames: Frame) -> np.ndarray:
    """Where anything is drawn in any of the frames, [H, W] bool."""
    result = frames[0].depth < kernels.FAR / 2
    for frame in frames[1:]:
        result = result | (frame.depth < kernels.FAR / 2)
    return result
