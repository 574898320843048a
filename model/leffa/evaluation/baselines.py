"""Answers that need no model. A model that does not beat both of them has learnt nothing of use."""

from dataclasses import dataclass

import cv2
import numpy as np

from leffa.errors import NoGarment
from leffa.evaluation.pairs import Pair
from leffa.preprocess.garment import garment_alpha

WORN_LABELS = {"upper_body": (4, 7), "lower_body": (5, 6, 7), "dresses": (4, 5, 6, 7)}
"""ATR labels of what a new garment of each type takes the place of: 4 top, 5 skirt, 6 pants, 7 dress."""


@dataclass(frozen=True)
class Attempt:
    """A picture offered as the result, uint8 RGB [H, W, 3], and where its garment is, bool [H, W]."""

    picture: np.ndarray
    garment: np.ndarray


def unchanged(pair: Pair, parsing: np.ndarray | None) -> Attempt:
    """The photo as it is.

    Its garment is the one worn in the photo: what ``parsing``, the model's ATR labels [H, W] of the photo,
    says the new garment replaces. This is kinder to the baseline than calling its garment absent (IoU 0).
    Without parsing, or if it knows of no such garment, the agnostic mask stands in.
    """
    worn = None if parsing is None else np.isin(parsing, WORN_LABELS[pair.garment_type])
    return Attempt(pair.person, pair.mask if worn is None or not worn.any() else worn)


def pasted(pair: Pair) -> Attempt:
    """The flat garment's silhouette, stretched to the bounding box of the mask and laid over the photo."""
    silhouette = _silhouette(pair.garment)
    source, goal = _bounding_box(silhouette), _bounding_box(pair.mask)
    size = (goal[1].stop - goal[1].start, goal[0].stop - goal[0].start)  # OpenCV: width, height
    flat = cv2.resize(pair.garment[source][..., :3], size, interpolation=cv2.INTER_AREA)
    covered = cv2.resize(silhouette[source].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    picture, garment = pair.person.copy(), np.zeros_like(pair.mask)
    picture[goal][covered] = flat[covered]
    garment[goal] = covered
    return Attempt(picture, garment)


def _silhouette(garment: np.ndarray) -> np.ndarray:
    """Where the garment is in its picture, bool [H, W]; all of it when nothing stands out."""
    try:
        return np.asarray(garment_alpha(garment) > 0.5)
    except NoGarment:
        return np.ones(garment.shape[:2], dtype=bool)


def _bounding_box(region: np.ndarray) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
