"""A look at the two pictures before any heavy work: would a try-on be refused, and what will spoil it?

Errors are what a try-on with the embedded model raises for the same pictures, with the same codes: both
run the same code. Warnings and infos are measured: `scripts/measure_preflight.py` prints how often they are
right.

error: no_person, person_too_small, person_cut_off, no_garment.
warning: several_persons, person_small, arms_cut_off, hips_cut_off, knees_cut_off, arms_in_front, not_frontal,
too_bright; garment_worn, garment_cut_off, garment_small, garment_type_mismatch, background_busy; blurred,
too_dark, extreme_aspect.
info: head_cut_off, arm_hidden, feet_cut_off, and hips or knees where the garment hardly reaches them;
picture_small.
"""

import numpy as np
from numpy.typing import NDArray

from leffa.errors import UnknownGarmentType
from leffa.mini.landmarks import LandmarkDetector
from leffa.mini.parser import Parser
from leffa.preflight.garment import check_garment
from leffa.preflight.person import check_person
from leffa.preflight.report import CheckFinding, GarmentReport, PersonReport, Report, Severity
from leffa.tryon import GARMENT_TYPES

__all__ = ["CheckFinding", "GarmentReport", "PersonReport", "Report", "Severity", "check"]


def check(
    person: NDArray[np.uint8] | None,
    garment: NDArray[np.uint8] | None,
    garment_type: str | None,
    detector: LandmarkDetector,
    parser: Parser,
) -> Report:
    """Report on a photo, uint8 RGB [H, W, 3], a garment's picture, RGB or RGBA, or both.

    Without a garment type the photo is held against what the garment looks like, and is in order as long as
    one type fits. Raises UnknownGarmentType.
    """
    if garment_type not in (None, *GARMENT_TYPES):
        raise UnknownGarmentType(
            f"There is no garment type {garment_type!r}.",
            field="garment_type",
            allowed=list(GARMENT_TYPES),
            received=garment_type,
        )
    about_garment: GarmentReport | None = None
    about_person: PersonReport | None = None
    findings: list[CheckFinding] = []
    if garment is not None:
        about_garment, findings = check_garment(garment, garment_type, detector, parser)
    if person is not None:
        guess = about_garment.garment_type if about_garment else None
        about_person, found = check_person(person, garment_type, guess, detector, parser)
        findings = found + findings
    ok = all(finding.severity != "error" for finding in findings)
    return Report(ok, findings, about_person, about_garment)
