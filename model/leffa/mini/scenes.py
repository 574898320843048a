"""From a request to what the embedded networks take: one half about the person, one about the garment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from leffa.errors import EmptyMask, Finding, PersonCutOff
from leffa.mini.landmarks import LandmarkDetector, Pose, check_framing
from leffa.mini.nets import HEIGHT, WIDTH
from leffa.mini.parser import Parser, worn_garment
from leffa.preprocess.agnostic_mask import agnostic_mask, clothing_mask
from leffa.preprocess.garment import PreparedGarment, prepare_garment
from leffa.preprocess.masks import MaskPolicy, apply_policy
from leffa.preprocess.window import Window, fit_window
from leffa.tryon import MaskRequest, TryOnRequest

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]

MIN_MASK: Final = 0.005  # of the window: less cannot show a garment


class Seen(NamedTuple):
    """What the networks see in a photo, whatever is tried on: ATR-18 labels and parts are uint8 [H, W]."""

    pose: Pose
    labels: Picture
    parts: Picture


@dataclass(frozen=True)
class Dressing:
    """The person's half of what generation and restoring need, at the native size unless said.

    window: the part of the photo; photo uint8 [H, W, 3]; mask, cloth bool [H, W]; labels, parts uint8 [H, W];
    silhouette uint8 [H, W] 0..255; keypoints float32 [17, 3]; photo_mask: uint8 0/255 at the photo's size.
    """

    garment_type: str
    window: Window
    photo: Picture
    mask: Mask
    cloth: Mask
    labels: Picture
    parts: Picture
    silhouette: Picture
    keypoints: NDArray[np.float32]
    photo_mask: Picture


@dataclass(frozen=True)
class Conditions(Dressing):
    """Both halves; garment: cut out, with its full-size source."""

    garment: PreparedGarment


def look(photo: Picture, detector: LandmarkDetector, parser: Parser) -> Seen:
    """Find the person in a photo, uint8 RGB [H, W, 3]. Raises NoPerson and PersonTooSmall."""
    pose = detector.detect(photo)
    return Seen(pose, *parser.parse(photo, pose))


def person_half(request: TryOnRequest | MaskRequest, seen: Seen) -> Dressing:
    """Where the garment goes. Raises PersonCutOff, BadMask's, BadParameter for an unknown mask option."""
    own = request.mask if isinstance(request, TryOnRequest) else None
    if own is None:
        check_framing(seen.pose, request.garment_type)
    policy = MaskPolicy(request.sleeves, request.length, request.protect)
    height, width = seen.labels.shape
    window = fit_window(seen.pose.box, height, width, WIDTH / HEIGHT)
    labels, parts = (
        window.cut(values, HEIGHT, WIDTH, cv2.INTER_NEAREST) for values in (seen.labels, seen.parts)
    )
    if own is None:
        mask = _rule_mask(labels, parts, request.garment_type, policy)
        photo_mask = _at_photo_size(mask, window, seen.labels.shape)
    else:
        fitted = apply_policy(own > 127, seen.labels, seen.parts, request.garment_type, policy)
        own = np.where(fitted, 255, 0).astype(np.uint8)
        mask = _asked_mask(own, window)
        piece = window.cut(own, window.height, window.width, cv2.INTER_NEAREST)
        photo_mask = window.paste(np.zeros_like(own), piece)
    silhouette = window.cut(seen.pose.person_mask, HEIGHT, WIDTH, cv2.INTER_AREA)
    return Dressing(
        garment_type=request.garment_type,
        window=window,
        photo=window.cut(request.person, HEIGHT, WIDTH, cv2.INTER_AREA),
        mask=mask,
        cloth=clothing_mask(labels, request.garment_type),
        labels=labels,
        parts=parts,
        silhouette=(silhouette * 255).round().astype(np.uint8),
        keypoints=window.points(seen.pose.keypoints, HEIGHT, WIDTH),
        photo_mask=photo_mask,
    )


def garment_half(
    garment: Picture, garment_type: str, detector: LandmarkDetector, parser: Parser
) -> tuple[PreparedGarment, list[Finding]]:
    """The garment on white; from a photo of somebody wearing it only the cloth.

    `garment` is uint8 RGB or RGBA [H, W, 3 or 4]. Raises NoGarment.
    """
    rgb = np.ascontiguousarray(garment[..., :3])
    worn = worn_garment(rgb, garment_type, detector, parser)
    if worn is None:
        return prepare_garment(garment, HEIGHT, WIDTH), []
    alpha, finding = worn
    return prepare_garment(garment, HEIGHT, WIDTH, alpha), [finding]


def _rule_mask(labels: Picture, parts: Picture, garment_type: str, policy: MaskPolicy) -> Mask:
    mask = agnostic_mask(labels, parts, garment_type)
    mask = apply_policy(mask, labels, parts, garment_type, policy)
    if mask.mean() < MIN_MASK:
        raise PersonCutOff(field="human_image")
    return mask


def _asked_mask(mask: Picture, window: Window) -> Mask:
    native: Mask = window.cut(mask, HEIGHT, WIDTH, cv2.INTER_AREA) > 127
    if not native.any():
        raise EmptyMask("The mask marks nothing near the person.", field="mask_image")
    return native


def _at_photo_size(mask: Mask, window: Window, shape: tuple[int, ...]) -> Picture:
    """A native mask at the photo's size, 0 or 255; zero outside the window."""
    soft = cv2.resize(mask.astype(np.float32), (window.width, window.height), interpolation=cv2.INTER_LINEAR)
    piece = (soft * 255).astype(np.uint8)
    return window.paste(np.zeros(shape, np.uint8), np.where(piece > 127, 255, 0).astype(np.uint8))
