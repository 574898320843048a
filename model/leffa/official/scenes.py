"""From a request to what the pipeline takes: canvas, mask, DensePose, garment, as upstream's demo has it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leffa.diffusion import transform
from leffa.diffusion.transform import ModelInputs, model_inputs
from leffa.errors import BadParameter, EmptyMask, Finding, NoGarment, NoPerson, PersonCutOff
from leffa.official.canvas import Canvas
from leffa.official.sight import BodyPainter, Sight
from leffa.preprocess.densepose import BodyMap
from leffa.preprocess.masks import (
    MaskLayers,
    MaskPolicy,
    apply_policy,
    dress_code_mask,
    hd_mask,
    mask_layers,
)
from leffa.tryon import MaskRequest, PoseRequest, Scene, TryOnRequest
from leffa.weights.catalogue import ModelSpec

Picture = NDArray[np.uint8]
PARSING_SIZE = (384, 512)  # (width, height) at which upstream's demo parses and finds keypoints
MASK_RULES = {"viton_hd": hd_mask, "dress_code": dress_code_mask}
ROOM_AROUND = 0.08  # of the person's longer side: loose clothes and hair beyond the body's box
MIN_MASK = 0.005  # of the canvas: less cannot show a garment


@dataclass(frozen=True)
class Conditions:
    """The pipeline's inputs, and how the person's photo and the garment's picture lie on their canvases."""

    inputs: ModelInputs
    person: Canvas
    garment: Canvas


@dataclass(frozen=True)
class Seen:
    """The person alone, whatever is tried on.

    person: the photo on its canvas, uint8 [H, W, 3]; body: of the canvas; small: the chosen person, and
    parse: ATR's labels and neck, both of PARSING_SIZE.
    """

    canvas: Canvas
    person: Picture
    body: BodyMap
    small: Picture
    parse: Picture


def tryon_scene(sight: Sight, spec: ModelSpec, request: TryOnRequest) -> Scene:
    """What a try-on repaints and sees. Raises BadPerson's and BadMask's, NoGarment, BadParameter."""
    width, height = spec.size
    garment_canvas, garment = _garment(request, (height, width))
    seen = _look(sight, spec, request)
    canvas = seen.canvas
    mask = _mask(sight, spec, request, seen) if request.mask is None else canvas.put(request.mask)
    _check_mask(mask, request)
    densepose = _painted(seen.body, spec)
    inputs = model_inputs(seen.person, garment, mask, densepose, height, width)
    return Scene(
        mask=_at_photo_size(canvas, mask),
        densepose=canvas.cut(densepose),
        parsing=canvas.cut_labels(_labels(seen.parse, spec.size)),
        conditions=Conditions(inputs, canvas, garment_canvas),
        findings=_several(seen.body, "dressed"),
    )


def tryon_layers(sight: Sight, spec: ModelSpec, request: MaskRequest) -> MaskLayers:
    """The mask that `tryon_scene` would make, and its layers. Raises BadPerson's and BadParameter."""
    seen = _look(sight, spec, request)
    mask = _mask(sight, spec, request, seen)
    _check_mask(mask, request)
    labels = seen.canvas.cut_labels(_labels(seen.parse, spec.size))
    parts = seen.canvas.cut_labels(seen.body.parts)
    return mask_layers(_at_photo_size(seen.canvas, mask) > 0, labels, parts, request.garment_type)


def pose_scene(densepose: BodyPainter, spec: ModelSpec, request: PoseRequest) -> Scene:
    """What a pose transfer sees: the whole photo of the pose is repainted. Raises BadPerson's."""
    width, height = spec.size
    canvas, pose = Canvas.fit(request.pose, (height, width), "pose_image")
    person_canvas, person = Canvas.fit(request.person, (height, width), "human_image")
    body = _body(densepose, pose, "pose_image")
    painted = _painted(body, spec)
    everything = np.full((height, width), 255, np.uint8)
    # Upstream's demo blends the coordinates' picture like a photo here (LeffaTransform without a dataset).
    inputs = model_inputs(pose, person, everything, painted, height, width)
    return Scene(
        mask=canvas.cut(everything),
        densepose=canvas.cut(painted),
        parsing=np.zeros(request.pose.shape[:2], np.uint8),
        conditions=Conditions(inputs, canvas, person_canvas),
        findings=_several(body, "followed"),
    )


def _look(sight: Sight, spec: ModelSpec, request: TryOnRequest | MaskRequest) -> Seen:
    width, height = spec.size
    canvas, person = Canvas.fit(request.person, (height, width), "human_image")
    body = _body(sight.densepose, person, "human_image", exact=request.upstream_faults)
    alone = person if request.upstream_faults else _alone(person, body)
    small = _resized(alone, PARSING_SIZE)
    parse = sight.parser.parse(small, exact=request.upstream_faults).parse
    return Seen(canvas, person, body, small, parse)


def _body(densepose: BodyPainter, photo: Picture, field: str, exact: bool = False) -> BodyMap:
    """The body in a photo; NoPerson names the field that the photo came in."""
    try:
        return densepose.detect(photo, exact=exact)
    except NoPerson as error:
        raise NoPerson(field=field) from error


def _alone(photo: Picture, body: BodyMap) -> Picture:
    """The photo with only the chosen person's surroundings, or the rules would mask everybody's clothes."""
    if body.people < 2:
        return photo
    x, y, width, height = body.box
    margin = round(ROOM_AROUND * max(width, height))
    around = np.s_[max(0, y - margin) : y + height + margin, max(0, x - margin) : x + width + margin]
    alone = np.full_like(photo, 255)
    alone[around] = photo[around]
    return alone


def _mask(sight: Sight, spec: ModelSpec, request: TryOnRequest | MaskRequest, seen: Seen) -> Picture:
    """The agnostic mask on the canvas, uint8 [H, W]; enlarged from PARSING_SIZE, so its edges are grey."""
    keypoints = sight.keypoints.detect(seen.small, exact=request.upstream_faults)
    rule, parse = MASK_RULES[spec.id], seen.parse
    mask = rule(parse, keypoints, request.garment_type, PARSING_SIZE, exact=request.upstream_faults)
    policy = MaskPolicy(request.sleeves, request.length, request.protect)
    parts = _labels(seen.body.parts, PARSING_SIZE)
    return _resized(apply_policy(mask, parse, parts, request.garment_type, policy), spec.size)


def _at_photo_size(canvas: Canvas, mask: Picture) -> Picture:
    return np.where(canvas.cut(mask) > 127, 255, 0).astype(np.uint8)


def _garment(request: TryOnRequest, size: tuple[int, int]) -> tuple[Canvas, Picture]:
    """The garment on its canvas; a cut-out is centred first where that is asked for, else laid on white."""
    garment = request.garment
    if garment.shape[2] == 3:
        if request.preprocess_garment:
            raise BadParameter(
                "preprocess_garment needs a garment cut out of its background.",
                field="preprocess_garment",
                fix="Send a PNG with a transparent background, or leave preprocess_garment out.",
            )
        return Canvas.fit(garment, size, "garment_image")
    if not garment[..., 3].any():
        raise NoGarment("The garment picture is fully transparent.", field="garment_image")
    if not request.preprocess_garment:
        alpha = garment[..., 3:] / 255
        on_white = (garment[..., :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8)
        return Canvas.fit(on_white, size, "garment_image")
    centred = transform.resize_and_center(transform.garment_on_canvas(garment), *size)
    return Canvas(garment.shape[:2], size, _centred_box(garment, size)), centred


def _centred_box(garment: Picture, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Where garment_on_canvas puts the whole garment picture; parts of it may lie off the canvas."""
    left, top, right, _ = transform.garment_square(garment)
    scale = size[1] / (right - left)
    border = (size[0] - size[1]) / 2
    return border - top * scale, -left * scale, garment.shape[0] * scale, garment.shape[1] * scale


def _painted(body: BodyMap, spec: ModelSpec) -> Picture:
    """The body as the model was trained to see it, uint8 [H, W, 3]."""
    return {"segmentation": body.segmentation, "part_index": body.part_index, "iuv": body.uvi}[spec.densepose]


def _check_mask(mask: Picture, request: TryOnRequest | MaskRequest) -> None:
    if isinstance(request, TryOnRequest) and request.mask is not None:
        if not (mask > 127).any():
            raise EmptyMask("Nothing of the mask is left.", field="mask_image")
    elif (mask > 127).mean() < MIN_MASK:
        raise PersonCutOff(field="human_image")


def _several(body: BodyMap, done: str) -> list[Finding]:
    if body.people < 2:
        return []
    detail = f"{body.people} people were found; the most prominent one is {done}."
    return [Finding("several_persons", detail, "Crop the photo around one person.")]


def _resized(picture: Picture, size: tuple[int, int]) -> Picture:
    """To (width, height) with Pillow's default, as upstream does it."""
    return np.asarray(Image.fromarray(picture).resize(size))


def _labels(labels: Picture, size: tuple[int, int]) -> Picture:
    """To (width, height); no label is blended."""
    return np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))
