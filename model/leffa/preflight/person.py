"""The photo of the person: who is there, what of them is in the picture, what hides the clothes."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from leffa.errors import BadPerson, Finding, PersonCutOff
from leffa.mini.landmarks import HIPS, KNEES, SHOULDERS, LandmarkDetector, Pose
from leffa.mini.parser import Parser
from leffa.mini.scenes import Seen, look, person_half
from leffa.preflight.quality import picture_findings, size_findings
from leffa.preflight.report import CheckFinding, PersonReport, Severity, refusal, warning
from leffa.preprocess.masks.labels import BARE_ARMS, BARE_LEGS, FOREARMS, HANDS, Atr
from leffa.preprocess.masks.morphology import among
from leffa.tryon import GARMENT_TYPES, MaskRequest

Picture = NDArray[np.uint8]

FIELD: Final = "human_image"
NOSE, ELBOWS, ANKLES = (0,), (7, 8), (15, 16)
JOINTS: Final = {"head": NOSE, "elbows": ELBOWS, "hips": HIPS, "knees": KNEES, "feet": ANKLES}
# What each type would like to see, downwards; the first thing missing is told, and how much it matters.
BELOW: Final[dict[str, tuple[tuple[str, Severity], ...]]] = {
    "upper_body": (("hips", "info"),),
    "lower_body": (("knees", "warning"), ("feet", "info")),
    "dresses": (("hips", "warning"), ("knees", "info"), ("feet", "info")),
}
MOST_PEOPLE: Final = 4  # further ones are not counted
SURELY_THIS: Final = 0.7  # of the silhouette that two networks average: both see this person here
HALO: Final = 0.05  # of the person's height, painted over with them
SAME_PLACE: Final = 0.15  # of a silhouette: 0.3 and more for painted ones, under 0.03 for people
MIN_HEIGHT: Final = 160  # pixels: a garment of about 60
BURNT: Final = 253  # the strongest of the three channels
BURNT_SHARE: Final = 0.3  # of the bare skin; 0 in good photos, 0.8 a stop or two brighter
FEW_PIXELS: Final = 50
SIDE_ON: Final = 0.45  # between the shoulders, of the trunk's length: 0.58 and more from the front
IN_FRONT: Final = 0.10  # of the trunk; arms that hang cover 0 to 0.04
HIDDEN_ELBOW: Final = 0.7  # confidence: 0.86 and more for 95 of 100 elbows that are seen


def check_person(
    photo: Picture, garment_type: str | None, guess: str | None, detector: LandmarkDetector, parser: Parser
) -> tuple[PersonReport, list[CheckFinding]]:
    """Report on a photo, uint8 RGB [H, W, 3]; `guess` stands in where no garment type is asked for."""
    try:
        seen = look(photo, detector, parser)
    except BadPerson as error:
        return PersonReport(False, 0, None, {}), [refusal(error, FIELD), *size_findings(photo, FIELD)]
    left, top, right, bottom = seen.pose.box
    box = left, top, right - left, bottom - top
    count = _people(photo, seen.pose, detector)
    parts_seen = {name: _inside(seen.pose, joints) for name, joints in JOINTS.items()}
    report = PersonReport(True, count, box, parts_seen)
    findings = _crowd(seen.pose, count)
    refused = _refused(photo, garment_type, seen)
    if refused is not None:
        findings.insert(0, refusal(refused, FIELD))
    else:
        findings += _framing(parts_seen, garment_type or guess or GARMENT_TYPES[0])
    findings += _arms(seen, garment_type or guess)
    findings += _light(photo, seen, box[3])
    return report, findings + picture_findings(photo, box, "person", FIELD)


def _refused(photo: Picture, garment_type: str | None, seen: Seen) -> PersonCutOff | None:
    """What a try-on raises, of any type where none is asked for."""
    refused: PersonCutOff | None = None
    for wanted in [garment_type] if garment_type else GARMENT_TYPES:
        try:
            person_half(MaskRequest(photo, wanted), seen)
            return None
        except PersonCutOff as raised:
            refused = raised
    return refused


def _people(photo: Picture, pose: Pose, detector: LandmarkDetector) -> int:
    """How many people there are: each one found is painted over, and what is left is looked at again.

    So people who touch are told apart, whose silhouettes are one. A painted silhouette itself may pass for
    a person: whoever stands where somebody was painted over does not count.
    """
    count = 1
    left, gone = photo, np.zeros(photo.shape[:2], bool)
    person = pose
    while count < MOST_PEOPLE:
        left = _painted_over(left, person)
        gone |= person.person_mask > SURELY_THIS
        another = detector.wearer(left)
        if another is None or gone[another.person_mask > 0.5].mean() > SAME_PLACE:
            break
        person, count = another, count + 1
    return max(count, 2) if pose.findings else count


def _painted_over(photo: Picture, pose: Pose) -> Picture:
    _, top, _, bottom = pose.box
    square = np.ones((max(3, round(HALO * (bottom - top)) | 1),) * 2, np.uint8)
    gone, person = (
        cv2.dilate((pose.person_mask > level).astype(np.uint8), square) > 0 for level in (SURELY_THIS, 0.2)
    )
    painted = photo.copy()
    painted[gone] = np.median(photo[~person], 0) if not person.all() else 128
    return painted


def _crowd(pose: Pose, count: int) -> list[CheckFinding]:
    if pose.findings:
        return [warning(finding, FIELD) for finding in pose.findings]
    if count < 2:
        return []
    detail = f"{count} persons stand close together; parts of the others may be dressed too."
    return [warning(Finding("several_persons", detail, "Crop the photo around the person you mean."), FIELD)]


def _inside(pose: Pose, joints: tuple[int, ...]) -> bool:
    height, width = pose.person_mask.shape
    points = pose.keypoints[list(joints), :2]
    return bool(((points >= 0) & (points < (width, height))).all())


def _framing(parts_seen: dict[str, bool], garment_type: str) -> list[CheckFinding]:
    """What is outside the picture although the garment, or its fit, would show there."""
    missing: list[tuple[str, str, Severity]] = []
    if not parts_seen["head"]:
        missing.append(("head_cut_off", "face", "info"))
    if not parts_seen["elbows"] and garment_type != "lower_body":
        missing.append(("arms_cut_off", "elbows", "warning"))
    below = [(f"{name}_cut_off", name, level) for name, level in BELOW[garment_type] if not parts_seen[name]]
    fix = "Use a photo that shows more of the person, if the garment should be seen there."
    return [
        CheckFinding(code, level, FIELD, f"The photo does not show the person's {name}.", fix)
        for code, name, level in missing + below[:1]
    ]


def _arms(seen: Seen, garment_type: str | None) -> list[CheckFinding]:
    """What the pose hides of the clothes."""
    pose = seen.pose
    if _facing(pose) < SIDE_ON:
        detail = "The person is not seen from the front."
        fix = "Use a photo from the front: the garment's picture shows only its front."
        return [CheckFinding("not_frontal", "warning", FIELD, detail, fix)]
    if garment_type == "lower_body":
        return []
    found = []
    if _arms_over_trunk(seen) > IN_FRONT:
        detail = "An arm or hand is crossed or held in front of the clothes."
        fix = "Use a photo with the arms at the sides: they may be painted over."
        found.append(CheckFinding("arms_in_front", "warning", FIELD, detail, fix))
    elif _inside(pose, ELBOWS) and pose.keypoints[list(ELBOWS), 2].min() < HIDDEN_ELBOW:
        detail = "An arm is hidden."
        fix = "Use a photo that shows both arms, if the garment has sleeves."
        found.append(CheckFinding("arm_hidden", "info", FIELD, detail, fix))
    return found


def _facing(pose: Pose) -> float:
    """Between the shoulders, as a share of the trunk's length."""
    shoulders, hips = (pose.keypoints[list(joints), :2] for joints in (SHOULDERS, HIPS))
    trunk = np.linalg.norm(shoulders.mean(0) - hips.mean(0))
    return float(np.linalg.norm(shoulders[0] - shoulders[1]) / max(1.0, float(trunk)))


def _arms_over_trunk(seen: Seen) -> float:
    """How much of the trunk, between shoulders and hips, forearms and hands cover: 0..1."""
    corners = seen.pose.keypoints[[*SHOULDERS, *HIPS], :2]
    trunk = np.zeros(seen.parts.shape, np.uint8)
    cv2.fillConvexPoly(trunk, cv2.convexHull(corners.round().astype(np.int32)), 1)
    arms = among(seen.parts, (*HANDS, *FOREARMS))
    return float((arms & (trunk > 0)).sum() / max(1, int(trunk.sum())))


def _light(photo: Picture, seen: Seen, height: int) -> list[CheckFinding]:
    found = []
    if height < MIN_HEIGHT:
        detail = f"The person is only {height} pixels high."
        fix = "Send a larger photo, or one taken from nearer."
        found.append(CheckFinding("person_small", "warning", FIELD, detail, fix))
    bare = among(seen.labels, (Atr.FACE, *BARE_ARMS, *BARE_LEGS))
    skin = photo[bare if bare.sum() >= FEW_PIXELS else seen.pose.person_mask > SURELY_THIS]
    if len(skin) and (skin.max(1) >= BURNT).mean() > BURNT_SHARE:
        detail = "The person is burnt out: much of the skin has no tones left."
        found.append(
            CheckFinding("too_bright", "warning", FIELD, detail, "Use a photo with less light or flash.")
        )
    return found
