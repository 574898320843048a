"""What an operator chooses about the official models; requests cannot."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Parser = Literal["onnx", "schp", "segformer"]
Keypoints = Literal["openpose", "mediapipe"]
DensePoseBackend = Literal["torch", "detectron2"]


@dataclass(frozen=True)
class OfficialOptions:
    """weights: folder in upstream's layout. dtype: float16, bfloat16, float32 or auto.

    parser: who labels the clothes: the ONNX pair of upstream's demo, SCHP's own checkpoints, or a SegFormer
    in `humanparsing/segformer`. keypoints: OpenPose, or the embedded model's detector, whose licence is free.
    densepose: our own reading of the checkpoint, or an installed detectron2.
    """

    weights: Path = Path("model_weights")
    dtype: str = "auto"
    parser: Parser = "onnx"
    keypoints: Keypoints = "openpose"
    densepose: DensePoseBackend = "torch"
