"""What an official model sees of a photo: clothes, keypoints, body parts; loaded once for all models."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from leffa.mini.landmarks import LandmarkDetector
from leffa.official.options import DensePoseBackend, Keypoints, OfficialOptions, Parser
from leffa.preprocess.densepose import BodyMap, DensePose
from leffa.preprocess.detectron2_adapter import Detectron2DensePose
from leffa.preprocess.keypoints import from_mediapipe
from leffa.preprocess.openpose import OpenPose
from leffa.preprocess.parsing import HumanParser, ParsedPerson
from leffa.preprocess.recall import LastAnswer
from leffa.preprocess.segformer import SegformerParser
from leffa.weights.catalogue import preferred
from leffa.weights.reading import read_state

Picture = NDArray[np.uint8]
SCHP_CHECKPOINTS = ("201908301523-atr", "201908261155-lip")


class ClothingParser(Protocol):
    """Labels clothes."""

    def parse(self, photo: Picture, exact: bool = False) -> ParsedPerson:
        """uint8 RGB [H, W, 3] to ATR labels and neck, 0..18."""


class KeypointDetector(Protocol):
    """Finds the body's joints."""

    def detect(self, photo: Picture, exact: bool = False) -> NDArray[np.float64]:
        """uint8 RGB [H, W, 3] to [18, 2] in OpenPose's order; (0, 0) is missing. Raises NoPerson."""


class BodyPainter(Protocol):
    """Finds the body's surface."""

    def detect(self, photo: Picture, exact: bool = False) -> BodyMap:
        """uint8 RGB [H, W, 3] to parts and surface coordinates. Raises NoPerson."""


@dataclass(frozen=True)
class MediaPipe:
    """The embedded model's detector in OpenPose's place; see keypoints.from_mediapipe for the difference."""

    detector: LandmarkDetector

    def detect(self, photo: Picture, exact: bool = False) -> NDArray[np.float64]:
        """As KeypointDetector; `exact` means nothing here. Raises NoPerson, PersonTooSmall."""
        return from_mediapipe(self.detector.detect(photo).keypoints, (photo.shape[1], photo.shape[0]))


@dataclass(frozen=True)
class Sight:
    """The three preprocessors of a try-on."""

    parser: ClothingParser
    keypoints: KeypointDetector
    densepose: BodyPainter


def open_eyes(options: OfficialOptions, device: str) -> Sight:
    """Load what the options name from the weights folder. Raises FileMissing, UnsupportedWeights.

    Each part is loaded once and stays on the device as long as the process lives: about a gigabyte, which
    all models share and which dropping a model does not free. Each remembers its last answer.
    """
    weights = options.weights
    return Sight(
        _parser(weights, options.parser, device),
        _keypoints(weights, options.keypoints, device),
        _densepose(weights, options.densepose, device),
    )


def densepose(options: OfficialOptions, device: str) -> BodyPainter:
    """The DensePose network alone, which is all that pose transfer needs."""
    return _densepose(options.weights, options.densepose, device)


@cache
def _densepose(weights: Path, wanted: DensePoseBackend, device: str) -> BodyPainter:
    state = read_state(preferred(weights / "densepose" / "model_final_162be9.pkl"))
    backend = Detectron2DensePose if wanted == "detectron2" else DensePose
    return LastAnswer(backend.load(state, device).detect)


@cache
def _parser(weights: Path, wanted: Parser, device: str) -> ClothingParser:
    return LastAnswer(_loaded_parser(weights, wanted, device).parse)


def _loaded_parser(weights: Path, wanted: Parser, device: str) -> ClothingParser:
    if wanted == "segformer":
        return SegformerParser.load(weights / "humanparsing" / "segformer", device)
    if wanted == "schp":
        folder = weights / "schp"
        atr, lip = (read_state(preferred(folder / f"exp-schp-{name}.pth")) for name in SCHP_CHECKPOINTS)
        return HumanParser.from_schp(atr, lip, device)
    folder = weights / "humanparsing"
    return HumanParser.from_onnx(folder / "parsing_atr.onnx", folder / "parsing_lip.onnx", device)


@cache
def _keypoints(weights: Path, wanted: Keypoints, device: str) -> KeypointDetector:
    if wanted == "openpose":
        state = read_state(preferred(weights / "openpose" / "body_pose_model.pth"))
        return LastAnswer(OpenPose.load(state, device).detect)
    return LastAnswer(MediaPipe(LandmarkDetector()).detect)
