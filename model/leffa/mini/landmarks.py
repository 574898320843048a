"""Where the person is: seventeen keypoints and a soft silhouette, from two small pretrained networks.

MediaPipe's `pose_landmark_full` and `selfie_segmentation` (Apache-2.0, see weights/NOTICE-mediapipe) were
trained on real photographs, which the rest of the embedded model was not. They run through OpenCV.

`detect` looks at the whole picture, then at the person, then once more at the square that the pose network
itself asks for: its landmarks are right only when the hips lie near the middle of what it sees, also when
they lie below the picture.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from leffa.errors import Finding, NoPerson, PersonCutOff, PersonTooSmall, UnsupportedWeights

WEIGHTS: Final = Path(__file__).parent / "weights"
SIDE: Final = 256  # both networks see a square of this many pixels
OUTPUTS: Final = ("Identity", "Identity_1", "Identity_2")  # landmarks, score, silhouette logits

# BlazePose's 33 landmarks, in COCO's order: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles
COCO_OF_BLAZE: Final = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
ROI_CENTRE, ROI_EDGE = 33, 34  # two extra landmarks: middle and radius of the square for the next look
ROI_MARGIN: Final = 1.25
EARS, SHOULDERS, HIPS, KNEES = (3, 4), (5, 6), (11, 12), (13, 14)
ROOM_BELOW: Final = (1.6, 2.2, 3.0)  # times the visible person
MIN_TRUNK: Final = 2.6  # ear-to-ear widths

MIN_SCORE: Final = 0.25  # people from thigh to bust score 0.27 to 1, flats and landscapes mostly under 0.2
MIN_AGREEMENT: Final = 0.25  # IoU of the two networks' silhouettes; flats that score high fail here
LIKELY: Final = 0.4  # agreement, of a sure score at the largest silhouette
SURE: Final = 0.6  # both figures, where nothing was found at first sight and every corner is searched
FAINT_SCORE: Final = 0.08  # heads out of the picture and profiles: the outlines have to agree all the more
FAINT_AGREEMENT: Final = 0.77
MIN_AREA: Final = 0.01  # of the square
MIN_HEIGHT: Final = 64  # pixels of person; below, a garment is a few dots
FINEST: Final = 768  # pixels of the longer side at which the silhouette is put together
RIVAL_AREA: Final = 0.2  # a second silhouette this large beside the first may be another person


class Square(NamedTuple):
    """A square of the picture, possibly reaching beyond it; pixels."""

    x: float
    y: float
    side: float


@dataclass(frozen=True)
class Pose:
    """One person in a picture.

    keypoints: float32 [17, 3], COCO order: x, y in pixels (also outside the picture), confidence 0..1.
    person_mask: float32 [H, W], 0..1. score: 0..1. findings: what the caller should be told.
    """

    keypoints: NDArray[np.float32]
    person_mask: NDArray[np.float32]
    score: float
    findings: tuple[Finding, ...] = ()

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the person in pixels; right and bottom exclusive."""
        inside = self.person_mask > 0.5
        xs, ys = np.flatnonzero(inside.any(0)), np.flatnonzero(inside.any(1))
        return int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1


@dataclass(frozen=True)
class _Look:
    """What both networks say about one square."""

    square: Square
    landmarks: NDArray[np.float32]  # [39, 5]: x, y, z in pixels of the small square, visibility, presence
    score: float
    pose_mask: NDArray[np.float32]  # [SIDE, SIDE] 0..1
    selfie_mask: NDArray[np.float32]  # [SIDE, SIDE] 0..1

    @property
    def agreement(self) -> float:
        a, b = self.pose_mask > 0.5, self.selfie_mask > 0.5
        return float((a & b).sum() / max(1, (a | b).sum()))

    def shows_person(self, score: float = MIN_SCORE, agreement: float = MIN_AGREEMENT) -> bool:
        large = (self.selfie_mask > 0.5).mean() > MIN_AREA
        return bool(large and self.score >= score and self.agreement >= agreement)


class LandmarkDetector:
    """Finds the person in a photo. One instance may be shared by threads; calls then take turns."""

    def __init__(self, weights: Path = WEIGHTS) -> None:
        """Load both networks from the folder `weights`. Raises UnsupportedWeights when they are missing."""
        self._pose = _read_net(weights / "pose_landmark_full.tflite")
        self._selfie = _read_net(weights / "selfie_segmentation.tflite")
        self._lock = threading.Lock()

    def detect(self, image: NDArray[np.uint8]) -> Pose:
        """Find the largest person in `image`, uint8 RGB [H, W, 3].

        A second person is told as the finding `several_persons`. Raises NoPerson, or PersonTooSmall for
        somebody of fewer than MIN_HEIGHT pixels.
        """
        with self._lock:
            first, boxes = self._find(image)
            zoom = not first.shows_person() or _worth_zooming(boxes[0], first.square)
            near = self._look(image, _around(boxes[0])) if zoom else first
            settled = self._settle(image, near)
            final = settled if first.shows_person() or settled.shows_person() else near
            rivals = [box for box in boxes[1:] if self._look(image, _around(box)).shows_person(SURE, SURE)]
        if not (final.shows_person() or _shows_faintly(first, [near, final])):
            raise NoPerson(field="human_image")
        mask = _silhouette(final if zoom else near, final, image)
        pose = Pose(_keypoints(final), mask, final.score, _findings(rivals))
        _check_size(pose)
        if _is_flat(pose, image):
            raise NoPerson("The photo shows a garment, but nobody wearing it.", field="human_image")
        return pose

    def wearer(self, garment: NDArray[np.uint8]) -> Pose | None:
        """The person in what should be a product picture, uint8 RGB [H, W, 3]; None, and fast, for a flat."""
        height, width = garment.shape[:2]
        with self._lock:
            whole = self._look(garment, _centred(width / 2, height / 2, max(height, width)))
        try:
            return self.detect(garment) if whole.shows_person(SURE, SURE) else None
        except (NoPerson, PersonTooSmall):
            return None

    def _find(self, image: NDArray[np.uint8]) -> tuple[_Look, list[NDArray[np.float64]]]:
        """The square where somebody is seen, and the boxes of all silhouettes in it, largest first."""
        height, width = image.shape[:2]
        whole = self._look(image, _centred(width / 2, height / 2, max(height, width)))
        boxes = _boxes(whole)
        looks = [self._look(image, _around(box)) for box in boxes[:3] if not whole.shows_person()]
        likely = any(look.shows_person(SURE, LIKELY) for look in looks)
        if whole.shows_person() or likely or _shows_faintly(whole, looks):
            return whole, boxes
        for square in _corners(height, width):
            if _boxes(look := self._look(image, square)):
                near = self._look(image, _around(_boxes(look)[0]))
                if near.shows_person(SURE, SURE):
                    whole_body = self._look(image, _asked_for(near, image))
                    return whole_body, _boxes(whole_body) or _boxes(near)
        raise NoPerson(field="human_image")

    def _settle(self, image: NDArray[np.uint8], near: _Look) -> _Look:
        """Look again at the square that the landmarks ask for, until the trunk is as long as trunks are.

        With the hips far outside the square the network folds the whole body into what it sees; more and
        more room below the picture mends that.
        """
        final = near
        for room in ROOM_BELOW:
            start = _with_room_below(near, room, image)
            final = self._look(image, _asked_for(self._look(image, start) if start else near, image))
            if start is None or _trunk_in_faces(final) >= MIN_TRUNK:
                break
        return final

    def _look(self, image: NDArray[np.uint8], square: Square) -> _Look:
        canvas, inside = _cut(image, square)
        blob = (canvas.astype(np.float32) / 255).transpose(2, 0, 1)[None]
        self._pose.setInput(blob)
        landmarks, score, logits = self._pose.forward(OUTPUTS)
        self._selfie.setInput(blob)
        silhouette = self._selfie.forward()[0, 0] * inside
        points = landmarks.reshape(39, 5)
        return _Look(square, points, float(score.item()), _sigmoid(logits[0, 0]), silhouette)


def _shows_faintly(whole: _Look, near: list[_Look]) -> bool:
    """Whether both networks draw one and the same body although the landmarks' own score is low."""
    return any(
        look.shows_person(0, FAINT_AGREEMENT) and max(whole.score, look.score) >= FAINT_SCORE for look in near
    )


def check_framing(pose: Pose, garment_type: str) -> None:
    """Raise PersonCutOff when the picture ends before the part of the body that `garment_type` covers.

    A top needs the shoulders and the upper half of the trunk, trousers and skirts the hips and the upper half
    of the thighs, a dress the trunk down to the waist.
    """
    trunk = _visible(pose, SHOULDERS, HIPS)
    thighs = _visible(pose, HIPS, KNEES)
    missing = ""
    if garment_type in ("upper_body", "dresses") and trunk < 0.5:
        missing = "shoulders or chest"
    elif garment_type == "lower_body" and thighs < 0.5:
        missing = "hips or thighs"
    elif garment_type == "dresses" and trunk < 0.75:
        missing = "waist"
    if missing:
        raise PersonCutOff(f"The photo does not show the person's {missing}.", field="human_image")


def _visible(pose: Pose, upper: tuple[int, int], lower: tuple[int, int]) -> float:
    """How much of the way from `upper` to `lower` joints lies inside the picture, on the better side."""
    height, width = pose.person_mask.shape
    way = np.linspace(0, 1, 41)[:, None, None]
    points = pose.keypoints[list(upper), :2] * (1 - way) + pose.keypoints[list(lower), :2] * way
    inside = ((points >= 0) & (points < (width, height))).all(-1)
    return float(inside.mean(0).max())


def _read_net(path: Path) -> cv2.dnn.Net:
    if not path.is_file():
        raise UnsupportedWeights(f"{path.name} is missing in {path.parent}.")
    # The classic engine: the newer one hands out one of the five outputs.
    return cv2.dnn.readNetFromTFLite(str(path), engine=cv2.dnn.ENGINE_CLASSIC)


def _cut(image: NDArray[np.uint8], square: Square) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The square at network size, black where it reaches beyond the picture, and where it does not."""
    left, top = round(square.x), round(square.y)
    side = max(1, round(square.side))
    height, width = image.shape[:2]
    scale = SIDE / side
    x0, y0, x1, y1 = max(0, left), max(0, top), min(width, left + side), min(height, top + side)
    canvas, inside = np.zeros((SIDE, SIDE, 3), np.uint8), np.zeros((SIDE, SIDE), bool)
    if x1 <= x0 or y1 <= y0:
        return canvas, inside
    a, b, c, d = (round(v * scale) for v in (x0 - left, y0 - top, x1 - left, y1 - top))
    if c > a and d > b:
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        canvas[b:d, a:c] = cv2.resize(image[y0:y1, x0:x1], (c - a, d - b), interpolation=method)
        inside[b:d, a:c] = True
    return canvas, inside


def _centred(x: float, y: float, side: float) -> Square:
    return Square(x - side / 2, y - side / 2, side)


def _around(box: NDArray[np.float64]) -> Square:
    left, top, width, height = box
    return _centred(left + width / 2, top + height / 2, max(width, height) * ROI_MARGIN)


def _worth_zooming(box: NDArray[np.float64], square: Square) -> bool:
    # Zooming onto somebody who fills the picture only adds black borders, which lower the score.
    return bool(max(box[2:]) < 0.7 * square.side)


def _corners(height: int, width: int) -> Iterator[Square]:
    """Overlapping squares of half the picture's longer side."""
    side = max(height, width) / 2
    for y in _steps(height, side):
        for x in _steps(width, side):
            yield Square(x, y, side)


def _steps(length: int, side: float) -> NDArray[np.float64]:
    count = max(1, int(np.ceil((length - side) / (side / 2) - 1e-6)) + 1)
    return np.linspace(0, max(0.0, length - side), count)


def _boxes(look: _Look) -> list[NDArray[np.float64]]:
    """Boxes x, y, width, height in picture pixels of the silhouettes, largest first, small ones left out."""
    _, _, stats, _ = cv2.connectedComponentsWithStats((look.selfie_mask > 0.5).astype(np.uint8))
    order = 1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA])
    areas = stats[order, cv2.CC_STAT_AREA]
    kept = order[(areas >= RIVAL_AREA * areas[:1].sum()) & (areas >= 30)]
    scale = look.square.side / SIDE
    origin = np.array([look.square.x, look.square.y, 0.0, 0.0])
    return [stats[index, :4] * scale + origin for index in kept]


def _with_room_below(look: _Look, room: float, image: NDArray[np.uint8]) -> Square | None:
    """A square `room` times the person, who is at its top; None unless the photo's lower edge cuts them."""
    boxes = _boxes(look)
    if not boxes:
        return None
    left, top, width, height = boxes[0]
    if top + height < 0.97 * image.shape[0]:
        return None
    side = room * max(height, width / 1.2)
    return Square(left + width / 2 - side / 2, top - 0.05 * height, side)


def _trunk_in_faces(look: _Look) -> float:
    """Shoulders to hips in widths from ear to ear: 3 to 4.3 on people, more from the side."""
    points = _keypoints(look)[:, :2]
    trunk = points[list(SHOULDERS)].mean(0) - points[list(HIPS)].mean(0)
    return float(np.linalg.norm(trunk) / max(1e-3, float(np.linalg.norm(points[EARS[0]] - points[EARS[1]]))))


def _asked_for(look: _Look, image: NDArray[np.uint8]) -> Square:
    scale = look.square.side / SIDE
    centre = look.landmarks[ROI_CENTRE, :2] * scale + (look.square.x, look.square.y)
    radius = np.linalg.norm(look.landmarks[ROI_EDGE, :2] - look.landmarks[ROI_CENTRE, :2]) * scale
    longer = max(image.shape[:2])
    side = float(np.clip(2 * radius * ROI_MARGIN, 0.5 * look.square.side, 3 * longer))
    return _centred(float(centre[0]), float(centre[1]), side)


def _keypoints(look: _Look) -> NDArray[np.float32]:
    chosen = look.landmarks[list(COCO_OF_BLAZE)]
    points = chosen[:, :2] * (look.square.side / SIDE) + (look.square.x, look.square.y)
    confidence = np.minimum(_sigmoid(chosen[:, 3]), _sigmoid(chosen[:, 4]))
    return np.concatenate([points, confidence[:, None]], 1).astype(np.float32)


def _silhouette(near: _Look, final: _Look, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Both networks' silhouettes averaged, without what is not connected to the person."""
    height, width = image.shape[:2]
    scale = min(1.0, FINEST / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    selfie = _paste(near.selfie_mask, near.square, scale, size)
    pose = _paste(final.pose_mask, final.square, scale, size)
    mask = 0.6 * selfie + 0.4 * pose  # the first is sharper, the second knows legs better
    count, regions = cv2.connectedComponents((mask > 0.25).astype(np.uint8))
    weight = np.bincount(regions.ravel(), weights=pose.ravel(), minlength=count)
    weight[0] = 0
    person = np.where(regions == weight.argmax(), mask, 0).astype(np.float32)
    return cv2.resize(person, (width, height), interpolation=cv2.INTER_LINEAR)


def _paste(values: NDArray[np.float32], square: Square, scale: float, size: tuple[int, int]) -> NDArray:
    """Bring a map of a square to the picture at `scale`, 0 outside the square."""
    zoom = SIDE / square.side
    step = zoom / scale
    # Pixel centres: a pixel x of the answer lies at ((x + 0.5) / scale - left) * zoom - 0.5 in `values`.
    shift = 0.5 * step - 0.5
    matrix = np.array([[step, 0, -square.x * zoom + shift], [0, step, -square.y * zoom + shift]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(values, matrix, (size[1], size[0]), flags=flags)


def _sigmoid(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))), np.float32)


def _is_flat(pose: Pose, image: NDArray[np.uint8]) -> bool:
    """Whether this is a product picture in which the networks imagine a body.

    They put the head on the bare wall above the neckline, or in the middle of the cloth. Only asked before a
    plain wall, and of somebody who fills the picture, since product pictures are like that.
    """
    edge = max(2, max(image.shape[:2]) // 64)
    strips = image[:edge], image[:, :edge], image[:, -edge:]
    ring = _lab(np.concatenate([strip.reshape(-1, 3) for strip in strips]))
    wall = np.median(ring, 0)
    if (np.linalg.norm(ring - wall, axis=1) < 10).mean() < 0.9 or _height(pose) < 0.4 * max(image.shape):
        return False
    height, width = image.shape[:2]
    face = np.clip(pose.keypoints[:5, :2], 0, (width - 1, height - 1)).astype(int)
    bare = np.median(np.linalg.norm(_lab(image[face[:, 1], face[:, 0]]) - wall, axis=1)) < 3
    return bool(bare or _head_width(pose) > 0.9)


def _lab(colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    """RGB colours [N, 3] in CIE Lab, 8-bit scale."""
    return cv2.cvtColor(np.ascontiguousarray(colours)[None], cv2.COLOR_RGB2LAB)[0].astype(np.float32)


def _head_width(pose: Pose) -> float:
    """Width of the silhouette at the face over the trunk's length; about 0.4 on people, 0 where unknown."""
    points = pose.keypoints[:, :2]
    trunk = float(np.linalg.norm(points[list(SHOULDERS)].mean(0) - points[list(HIPS)].mean(0)))
    x, y = points[:5].mean(0)
    height, width = pose.person_mask.shape
    spans = []
    for row in (int(y - 0.15 * trunk), int(y - 0.08 * trunk), int(y), int(y + 0.06 * trunk)):
        if 0 <= row < height and 0 <= x < width and pose.person_mask[row, int(x)] > 0.5:
            gaps = np.flatnonzero(pose.person_mask[row] <= 0.5)
            right = gaps[gaps > x].min(initial=width)
            left = gaps[gaps < x].max(initial=-1)
            spans.append(float(right - left - 1))
    return min(spans) / max(trunk, 1.0) if spans else 0.0


def _findings(rivals: list[NDArray[np.float64]]) -> tuple[Finding, ...]:
    if not rivals:
        return ()
    detail = f"{len(rivals) + 1} persons were seen; the largest is dressed."
    return (Finding("several_persons", detail, "Crop the photo around the person you mean."),)


def _check_size(pose: Pose) -> None:
    if not (pose.person_mask > 0.5).any():
        raise NoPerson(field="human_image")
    if _height(pose) < MIN_HEIGHT:
        raise PersonTooSmall(
            f"The person is {_height(pose)} pixels high, at least {MIN_HEIGHT} are needed.",
            field="human_image",
        )


def _height(pose: Pose) -> int:
    _, top, _, bottom = pose.box
    return bottom - top
