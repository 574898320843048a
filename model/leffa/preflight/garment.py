"""The garment's picture: alone or worn, what kind it is, and whether it can be cut out well."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from leffa.errors import Finding, NoGarment
from leffa.mini.landmarks import LandmarkDetector
from leffa.mini.nets import HEIGHT, WIDTH
from leffa.mini.parser import Parser, taken_off
from leffa.preflight.quality import picture_findings, size_findings
from leffa.preflight.report import Box, CheckFinding, GarmentReport, refusal, warning
from leffa.preflight.shape import surely_not, type_of
from leffa.preprocess.garment import PreparedGarment, prepare_garment
from leffa.preprocess.masks.labels import Atr
from leffa.tryon import GARMENT_TYPES

Picture = NDArray[np.uint8]

FIELD: Final = "garment_image"
NAMES: Final = {"upper_body": "a top", "lower_body": "trousers or a skirt", "dresses": "a dress"}
BORDER: Final = 1 / 32  # of the longer side
ONE_COLOUR: Final = 12.0  # in CIE Lab, from the border's median colour
PLAIN: Final = 0.6  # of the border has one colour
MIN_SIDE: Final = 128  # pixels of the garment's longer side


def check_garment(
    garment: Picture, garment_type: str | None, detector: LandmarkDetector, parser: Parser
) -> tuple[GarmentReport, list[CheckFinding]]:
    """Report on a garment's picture, uint8 RGB or RGBA [H, W, 3 or 4]."""
    rgb = np.ascontiguousarray(garment[..., :3])
    pose = detector.wearer(rgb)
    guess = None
    try:
        if pose is None:
            prepared, told = prepare_garment(garment, HEIGHT, WIDTH), []
            guess = type_of(prepared.source_alpha)
        else:
            labels = parser.parse(rgb, pose)[0]
            guess = _worn_type(labels)
            alpha, worn = taken_off(labels, garment_type or guess or GARMENT_TYPES[0])
            prepared, told = prepare_garment(garment, HEIGHT, WIDTH, alpha), [worn]
    except NoGarment as error:
        report = GarmentReport(pose is not None, guess, None)
        return report, [refusal(error, FIELD), *size_findings(garment, FIELD)]
    box = _box(prepared)
    findings = [warning(finding, FIELD) for finding in (*told, *prepared.findings)]
    if pose is None:
        findings += _alone(garment, garment_type, guess, prepared)
    findings += _small(box)
    # A transparent background counts as white.
    findings += picture_findings(prepared.source if garment.shape[2] == 4 else rgb, box, "garment", FIELD)
    return GarmentReport(pose is not None, guess, box), findings


def _worn_type(labels: Picture) -> str | None:
    """What of somebody's clothes covers the most."""
    counts = np.bincount(labels.ravel(), minlength=len(Atr))
    areas = {
        "upper_body": counts[Atr.UPPER_CLOTHES],
        "lower_body": counts[Atr.SKIRT] + counts[Atr.PANTS],
        "dresses": counts[Atr.DRESS],
    }
    largest = max(areas, key=lambda name: int(areas[name]))
    return largest if areas[largest] > 0 else None


def _box(prepared: PreparedGarment) -> Box:
    x, y, width, height = cv2.boundingRect((prepared.source_alpha > 0.5).astype(np.uint8))
    return x, y, width, height


def _alone(
    garment: Picture, garment_type: str | None, guess: str | None, prepared: PreparedGarment
) -> list[CheckFinding]:
    found = []
    if garment_type and guess and surely_not(prepared.source_alpha, guess, garment_type):
        detail = f"The garment looks like {NAMES[guess]}, not like {NAMES[garment_type]}."
        fix = f"Choose the garment type {guess}, or send another picture."
        found.append(warning(Finding("garment_type_mismatch", detail, fix), FIELD))
    if garment.shape[2] == 3 and _plain_share(garment) < PLAIN:
        detail = "The background of the garment is not plain."
        fix = "Use a picture of the garment on a plain wall, or cut it out."
        found.append(warning(Finding("background_busy", detail, fix), FIELD))
    return found


def _plain_share(rgb: Picture) -> float:
    """How much of the border has one colour."""
    edge = max(2, round(BORDER * max(rgb.shape)))
    strips = rgb[:edge], rgb[-edge:], rgb[:, :edge], rgb[:, -edge:]
    ring = np.concatenate([strip.reshape(-1, 3) for strip in strips])
    lab = cv2.cvtColor((ring[None] / 255).astype(np.float32), cv2.COLOR_RGB2Lab)[0]
    return float((np.linalg.norm(lab - np.median(lab, 0), axis=1) < ONE_COLOUR).mean())


def _small(box: Box) -> list[CheckFinding]:
    if max(box[2:]) >= MIN_SIDE:
        return []
    detail = f"The garment is only {box[2]}x{box[3]} pixels large."
    return [warning(Finding("garment_small", detail, "Send a larger picture, cropped around it."), FIELD)]
