"""What is told before any heavy work: errors where a try-on refuses, warnings where it will suffer."""

import dataclasses
import json
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from skimage import data

from leffa.errors import LeffaError, UnknownGarmentType, catalogue
from leffa.images import decode
from leffa.mini.landmarks import LandmarkDetector
from leffa.mini.parser import Parser
from leffa.preflight import Report, check
from leffa.synth.pairs import SynthPair, sample
from leffa.tryon import GARMENT_TYPES, TryOn, TryOnRequest

SEED = 8_000_001
Check = Callable[..., Report]
Eyes = tuple[LandmarkDetector, Parser]


@pytest.fixture(scope="module")
def eyes() -> Eyes:
    return LandmarkDetector(), Parser.load()


@pytest.fixture(scope="module")
def look_at(eyes: Eyes) -> Check:
    """`check` with the embedded model's detector and parser."""

    def look_at(
        person: np.ndarray | None = None, garment: np.ndarray | None = None, garment_type: str | None = None
    ) -> Report:
        return check(person, garment, garment_type, *eyes)

    return look_at


@pytest.fixture(scope="module")
def pairs() -> list[SynthPair]:
    return [sample(SEED + number, 512, 384) for number in range(6)]


@pytest.fixture(scope="module")
def person(person_png: bytes) -> np.ndarray:
    """Seen from the front, from head to foot, arms at the sides."""
    return decode(person_png).on_white


@pytest.fixture(scope="module")
def garment(garment_png: bytes) -> np.ndarray:
    """A top on a plain ground."""
    return decode(garment_png).on_white


def codes(report: Report, field: str | None = None) -> set[str]:
    return {finding.code for finding in report.findings if field in (None, finding.field)}


def serious(report: Report) -> set[str]:
    return {finding.code for finding in report.findings if finding.severity != "info"}


def blurred(picture: np.ndarray, sigma: float = 4) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), sigma)


def darker(picture: np.ndarray, stops: float) -> np.ndarray:
    return (np.clip((picture / 255) ** 2.2 * 2**-stops, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)


def side_by_side(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Two people of 512 pixels height, shoulder to shoulder."""
    return np.concatenate([left[:, :-70], right[:, 70:]], 1)


def test_good_pictures_are_in_order(look_at: Check, person: np.ndarray, garment: np.ndarray) -> None:
    report = look_at(person, garment, "upper_body")
    assert report.ok and serious(report) == set()
    assert report.person and report.garment
    assert report.person.found and report.person.count == 1
    assert set(report.person.parts_seen.values()) == {True}
    assert (report.garment.worn, report.garment.garment_type) == (False, "upper_body")


def test_boxes_are_left_top_width_height(look_at: Check, person: np.ndarray, garment: np.ndarray) -> None:
    report = look_at(person, garment)
    for picture, about in ((person, report.person), (garment, report.garment)):
        assert about and about.box
        x, y, width, height = about.box
        assert x >= 0 and y >= 0 and x + width <= picture.shape[1] and y + height <= picture.shape[0]
        assert min(width, height) > 50
        outside = picture.astype(int)
        outside[y : y + height, x : x + width] = picture[0, 0]
        assert np.abs(outside - picture[0, 0]).mean() < np.abs(picture.astype(int) - picture[0, 0]).mean()


def test_it_is_ready_for_json(look_at: Check, person: np.ndarray, garment: np.ndarray) -> None:
    answer = json.loads(json.dumps(dataclasses.asdict(look_at(blurred(person), garment, "dresses"))))
    assert set(answer) == {"ok", "findings", "person", "garment"}
    assert set(answer["findings"][0]) == {"code", "severity", "field", "detail", "fix"}


def test_what_was_not_sent_is_not_reported(look_at: Check, person: np.ndarray, garment: np.ndarray) -> None:
    assert look_at(person).garment is None
    assert look_at(garment=garment).person is None
    assert look_at() == Report(True, [], None, None)


SPOILT: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as it is": lambda photo: photo,
    "only the head": lambda photo: photo[:110],
    "to the waist": lambda photo: photo[: len(photo) // 2],
    "legs alone": lambda photo: photo[len(photo) // 2 :],
    "a quarter as large": lambda photo: cv2.resize(photo, None, fx=0.12, fy=0.12),
    "nothing": np.zeros_like,
    "noise": lambda photo: np.random.default_rng(0).integers(0, 256, photo.shape, dtype=np.uint8),
    "blurred": blurred,
    "dark": lambda photo: darker(photo, 5),
    "on its side": lambda photo: np.ascontiguousarray(np.rot90(photo)),
    "a thin slice": lambda photo: photo[:, 190:200],
}


def refused(model: TryOn, photo: np.ndarray, garment: np.ndarray, garment_type: str) -> list[str]:
    """The code of the error that a try-on raises."""
    try:
        model._model.preprocess(TryOnRequest(photo, garment, garment_type))
    except LeffaError as error:
        return [error.code]
    return []


def errors(report: Report) -> list[str]:
    assert report.ok == all(finding.severity != "error" for finding in report.findings)
    told = [finding.code for finding in report.findings if finding.severity == "error"]
    assert set(told) <= set(catalogue())
    return told


@pytest.mark.parametrize("name", SPOILT)
def test_errors_are_told_exactly_where_a_try_on_refuses(
    look_at: Check, model: TryOn, pairs: list[SynthPair], name: str
) -> None:
    """Also for a person's photo in the garment's place; scripts/measure_preflight.py does it for hundreds."""
    number = list(SPOILT).index(name)
    pair, garment_type = pairs[number % len(pairs)], GARMENT_TYPES[number % 3]
    photo, worn = SPOILT[name](pair.person), SPOILT[name](pair.target)
    assert errors(look_at(photo, None, garment_type)) == refused(model, photo, pair.garment, garment_type)
    good = pairs[0]
    assert errors(look_at(None, worn, good.garment_type)) == refused(
        model, good.person, worn, good.garment_type
    )


def test_without_a_type_the_photo_is_in_order_as_long_as_one_fits(look_at: Check) -> None:
    bust = data.astronaut()
    assert look_at(bust).ok and not look_at(bust, garment_type="lower_body").ok
    assert codes(look_at(bust, garment_type="lower_body")) >= {"person_cut_off"}


def test_an_unknown_type_is_refused(look_at: Check, person: np.ndarray) -> None:
    with pytest.raises(UnknownGarmentType):
        look_at(person, garment_type="shoes")


def test_nobody_is_told_with_a_fix(look_at: Check, garment: np.ndarray) -> None:
    report = look_at(garment)
    assert [(finding.code, finding.field) for finding in report.findings] == [("no_person", "human_image")]
    assert report.findings[0].fix and report.person
    assert (report.person.found, report.person.count, report.person.box) == (False, 0, None)


def test_people_are_counted_even_when_they_touch(look_at: Check, person: np.ndarray) -> None:
    apart = np.concatenate([person, person], 1)
    for photo in (apart, side_by_side(person, person)):
        report = look_at(photo)
        assert report.person and report.person.count == 2
        assert "several_persons" in codes(report)
    assert "several_persons" not in codes(look_at(person))


def test_nobody_is_seen_in_the_shape_of_the_person(look_at: Check) -> None:
    """Painted over, these people leave a silhouette that passes for a person."""
    for seed in (20, 82):
        report = look_at(sample(seed, 512, 384).person)
        assert report.person and report.person.count == 1


@pytest.mark.parametrize(
    ("garment_type", "rows", "told"),
    [
        ("lower_body", 330, ("knees_cut_off", "warning")),
        ("dresses", 330, ("knees_cut_off", "info")),
        ("upper_body", 330, None),
        ("lower_body", 512, None),
        ("dresses", 512, None),
    ],
)
def test_a_cut_matters_as_far_as_the_garment_reaches(
    look_at: Check, person: np.ndarray, garment_type: str, rows: int, told: tuple[str, str] | None
) -> None:
    report = look_at(person[:rows], garment_type=garment_type)
    cuts = [(finding.code, finding.severity) for finding in report.findings if "cut_off" in finding.code]
    assert cuts == ([told] if told else [])
    assert report.person and report.person.parts_seen["knees"] == (rows == 512)


def test_arms_over_the_clothes_are_told_unless_only_trousers_are_tried(
    look_at: Check, person: np.ndarray, pairs: list[SynthPair]
) -> None:
    crossed = next(pair.person for pair in pairs if in_front(pair) > 0.15 and facing(pair) > 0.5)
    assert "arms_in_front" in codes(look_at(crossed, garment_type="upper_body"))
    assert "arms_in_front" not in codes(look_at(crossed, garment_type="lower_body"))
    assert "arms_in_front" not in codes(look_at(person, garment_type="upper_body"))


def test_somebody_who_looks_aside_is_told(look_at: Check, person: np.ndarray, pairs: list[SynthPair]) -> None:
    aside = next(pair.person for pair in pairs if facing(pair) < 0.25)
    assert "not_frontal" in codes(look_at(aside))
    assert "not_frontal" not in codes(look_at(person))


def in_front(pair: SynthPair) -> float:
    """How much of the trunk forearms and hands really cover."""
    trunk = np.zeros(pair.parts.shape, np.uint8)
    corners = pair.keypoints[[5, 6, 11, 12], :2].round().astype(np.int32)
    cv2.fillConvexPoly(trunk, cv2.convexHull(corners), 1)
    return float((np.isin(pair.parts, (3, 4, 19, 20, 21, 22)) & (trunk > 0)).sum() / max(1, trunk.sum()))


def facing(pair: SynthPair) -> float:
    """Between the shoulders over the trunk's length."""
    left, right, left_hip, right_hip = pair.keypoints[[5, 6, 11, 12], :2]
    trunk = np.linalg.norm(left + right - left_hip - right_hip) / 2
    return float(np.linalg.norm(left - right) / max(1.0, float(trunk)))


@pytest.mark.parametrize(
    ("code", "spoil"),
    [
        ("blurred", blurred),
        ("too_dark", lambda picture: darker(picture, 4)),
        ("extreme_aspect", lambda picture: np.pad(picture, ((900, 900), (0, 0), (0, 0)), mode="edge")),
        ("picture_small", lambda picture: cv2.resize(picture, None, fx=0.6, fy=0.6)),
    ],
)
def test_bad_photography_is_told_of_either_picture(
    look_at: Check, person: np.ndarray, garment: np.ndarray, code: str, spoil: Callable
) -> None:
    report = look_at(spoil(person), spoil(garment), "upper_body")
    assert code in codes(report, "human_image") and code in codes(report, "garment_image")
    assert code not in codes(look_at(person, garment, "upper_body"))


def test_burnt_out_skin_and_tiny_people_are_told(look_at: Check, person: np.ndarray) -> None:
    assert "too_bright" in codes(look_at(darker(data.astronaut(), -3)))
    assert "too_bright" not in codes(look_at(data.astronaut()))
    assert "person_small" in codes(look_at(cv2.resize(person, None, fx=0.25, fy=0.25)))


@pytest.mark.parametrize("garment_type", ["lower_body", "dresses"])
def test_a_top_for_something_else_is_told(look_at: Check, garment: np.ndarray, garment_type: str) -> None:
    report = look_at(garment=garment, garment_type=garment_type)
    assert report.ok and serious(report) == {"garment_type_mismatch"}


def test_the_type_is_told_or_left_open_but_hardly_ever_wrong(look_at: Check) -> None:
    """Of 600 flats: right 85 %, open 12 %, wrong 3 %, most of these slim dresses taken for tops."""
    pairs = [sample(SEED + number, 256, 192) for number in range(12)]
    reports = [look_at(garment=pair.garment, garment_type=pair.garment_type) for pair in pairs]
    guesses = [report.garment.garment_type for report in reports if report.garment]
    right = sum(guess == pair.garment_type for guess, pair in zip(guesses, pairs, strict=True))
    assert right >= 9 and right + guesses.count(None) >= 11
    assert sum("garment_type_mismatch" in codes(report) for report in reports) == 0


def test_a_garment_that_is_worn_is_told_and_named(look_at: Check, person: np.ndarray) -> None:
    report = look_at(garment=person, garment_type="upper_body")
    assert report.ok and "garment_worn" in codes(report)
    assert report.garment and report.garment.worn and report.garment.garment_type in GARMENT_TYPES


def test_a_busy_ground_is_told_unless_it_is_cut_away(look_at: Check, garment: np.ndarray) -> None:
    flat = np.linalg.norm(garment.astype(int) - garment[2, 2].astype(int), axis=2) < 24
    carpet = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    busy = np.where(flat[..., None], carpet[: len(garment), : garment.shape[1]], garment)
    assert codes(look_at(garment=busy)) & {"background_busy", "no_garment"}
    cut_out = np.dstack([busy, np.where(flat, 0, 255).astype(np.uint8)])
    assert serious(look_at(garment=cut_out, garment_type="upper_body")) == set()


def test_small_garments_are_told(look_at: Check, garment: np.ndarray) -> None:
    wall = np.full((600, 600, 3), garment[2, 2], np.uint8)
    wall[200:328, 200:296] = cv2.resize(garment, (96, 128), interpolation=cv2.INTER_AREA)
    assert "garment_small" in codes(look_at(garment=wall))


def test_warnings_do_not_cry_wolf(look_at: Check, pairs: list[SynthPair]) -> None:
    """On good pairs nothing is told but what is there: arms in front, and people not seen from the front."""
    for pair in pairs:
        report = look_at(pair.person, pair.garment, pair.garment_type)
        assert report.ok
        assert serious(report) <= {"arms_in_front", "not_frontal"}
        if "arms_in_front" in codes(report):
            assert in_front(pair) > 0.05
        if "not_frontal" in codes(report):
            assert facing(pair) < 0.5 or pair.keypoints[5, 0] < pair.keypoints[6, 0]
