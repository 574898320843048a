"""Bill of materials: whose code, weights, data and parsers a model is made of, and on which terms.

`source` is where an entry's terms can be read. `confirmed` says that they were read there, on 2026-11-24; the
others are as commonly reported and should be looked up by whoever depends on them. This is a list, not legal
advice: whether the terms of training data bind those who use the weights is not settled everywhere, so data
are listed with their terms and count as non-commercial where those say so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from leffa.errors import Unavailable, UnknownModel
from leffa.weights.catalogue import METRICS, METRICS_FILES, SPECS, Keypoints, Parser

EMBEDDED = "mini"


@dataclass(frozen=True)
class LicenceEntry:
    """One ingredient: what it is, its licence, whether commerce is excluded, and where that is written."""

    part: Literal["code", "weights", "training data"]
    name: str
    licence: str
    source: str
    non_commercial: bool = False
    confirmed: bool = True
    note: str = ""


THIS_PROGRAM = LicenceEntry("code", "this program", "MIT", "LICENSE")
MEDIAPIPE = (
    LicenceEntry(
        "weights",
        "MediaPipe pose and selfie segmentation",
        "Apache-2.0",
        "model/leffa/mini/weights/NOTICE-mediapipe",
        note="Trained on Google's own data, which is not published.",
    ),
)
SCHP_DATA = (
    LicenceEntry(
        "training data",
        "LIP (Look Into Person)",
        "non-commercial research and education",
        "https://sysu-hcp.net/lip/",
        non_commercial=True,
        confirmed=False,
    ),
    LicenceEntry(
        "training data",
        "ATR (human parsing)",
        "none stated",
        "https://github.com/lemondan/HumanParsing-Dataset",
        confirmed=False,
    ),
)
INGREDIENTS: dict[str, tuple[LicenceEntry, ...]] = {
    "leffa": (
        LicenceEntry(
            "weights",
            "Leffa checkpoints",
            "MIT",
            "https://huggingface.co/franciszzj/Leffa",
            note="The authors' statement; the base model's and the data's terms stand beside it.",
        ),
    ),
    "sd15": (
        LicenceEntry(
            "weights",
            "Stable Diffusion 1.5 inpainting (base model)",
            "CreativeML OpenRAIL-M",
            "https://huggingface.co/runwayml/stable-diffusion-inpainting",
            note="Commercial use is allowed; the use restrictions must be passed on.",
        ),
    ),
    "sdxl": (
        LicenceEntry(
            "weights",
            "Stable Diffusion XL 1.0 inpainting 0.1 (base model)",
            "CreativeML OpenRAIL++-M",
            "https://huggingface.co/diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
            note="Commercial use is allowed; the use restrictions must be passed on.",
        ),
    ),
    "viton_hd": (
        LicenceEntry(
            "training data",
            "VITON-HD",
            "CC BY-NC 4.0, research only",
            "https://github.com/shadow2496/VITON-HD",
            non_commercial=True,
        ),
    ),
    "dress_code": (
        LicenceEntry(
            "training data",
            "Dress Code",
            "own terms: academic, non-commercial",
            "https://github.com/aimagelab/dress-code/blob/main/LICENCE",
            non_commercial=True,
            note="The terms extend to whatever is made with the data.",
        ),
    ),
    "pose_transfer": (
        LicenceEntry(
            "training data",
            "DeepFashion (in-shop retrieval)",
            "non-commercial research",
            "https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion.html",
            non_commercial=True,
            confirmed=False,
        ),
    ),
    "densepose": (
        LicenceEntry(
            "weights",
            "DensePose R_50_FPN_s1x",
            "CC BY-SA 3.0",
            "https://github.com/facebookresearch/detectron2/blob/main/projects/DensePose/doc/DENSEPOSE_IUV.md",
            note="The older Caffe2 release of DensePose is CC BY-NC 4.0; its files are not used.",
        ),
        LicenceEntry(
            "training data",
            "DensePose-COCO annotations",
            "CC BY-NC 2.0",
            "https://huggingface.co/datasets/Voxel51/DensePose-COCO",
            non_commercial=True,
            confirmed=False,
        ),
    ),
    "schp": (
        LicenceEntry(
            "weights",
            "SCHP, ATR and LIP parsers",
            "MIT",
            "https://github.com/GoGoDuck912/Self-Correction-Human-Parsing",
            note="Published with the code, without a statement of their own.",
        ),
        *SCHP_DATA,
    ),
    "segformer": (
        LicenceEntry(
            "weights",
            "SegFormer (mattmdjaga/segformer_b2_clothes)",
            "NVIDIA Source Code License for SegFormer",
            "https://github.com/NVlabs/SegFormer/blob/master/LICENSE",
            non_commercial=True,
            confirmed=False,
            note="The hub says MIT, but it continues NVIDIA's weights; another SegFormer has other terms.",
        ),
        SCHP_DATA[1],
    ),
    "openpose": (
        LicenceEntry(
            "weights",
            "OpenPose body model",
            "OpenPose licence: academic or non-profit, non-commercial research",
            "https://github.com/CMU-Perceptual-Computing-Lab/openpose/blob/master/LICENSE",
            non_commercial=True,
        ),
    ),
    "inception_nvidia": (
        LicenceEntry(
            "weights",
            "Inception v3 of 2015-12-05 as TorchScript",
            "Apache-2.0",
            "https://github.com/NVlabs/stylegan2-ada-pytorch",
            confirmed=False,
            note="NVIDIA's copy of TensorFlow's network, under the terms of the original.",
        ),
    ),
    "inception_pytorch": (
        LicenceEntry(
            "weights",
            "Inception v3 of 2015-12-05, pytorch-fid's copy",
            "Apache-2.0",
            "https://github.com/mseitzer/pytorch-fid",
            confirmed=False,
        ),
    ),
    "torchvision": (
        LicenceEntry(
            "weights",
            "SqueezeNet 1.1 and AlexNet (torchvision)",
            "BSD-3-Clause",
            "https://github.com/pytorch/vision/blob/main/LICENSE",
            confirmed=False,
            note="Published with the code; torchvision makes no promise about the terms of the data.",
        ),
    ),
    "imagenet": (
        LicenceEntry(
            "training data",
            "ImageNet",
            "non-commercial research and education",
            "https://www.image-net.org/download.php",
            non_commercial=True,
            confirmed=False,
        ),
    ),
    "mediapipe": MEDIAPIPE,
    EMBEDDED: (
        LicenceEntry("weights", "leffa-mini and its parser", "MIT", "model/leffa/mini/weights/MODEL_CARD.md"),
        LicenceEntry(
            "training data",
            "drawn people on MakeHuman's body",
            "CC0 1.0",
            "model/leffa/synth/assets/NOTICE.md",
        ),
        *MEDIAPIPE,
    ),
}
BASE_INGREDIENTS = {"viton_hd": "sd15", "dress_code": "sd15", "pose_transfer": "sdxl"}


def bill(model_id: str, parser: Parser = "onnx", keypoints: Keypoints = "openpose") -> list[LicenceEntry]:
    """Everything a model, or METRICS, is made of, this program first, with this parser and these keypoints.

    Raises UnknownModel.
    """
    entries = [entry for key in _keys(model_id, parser, keypoints) for entry in INGREDIENTS[key]]
    return [THIS_PROGRAM, *entries]


def non_commercial(
    model_id: str, parser: Parser = "onnx", keypoints: Keypoints = "openpose"
) -> list[LicenceEntry]:
    """The entries of the bill whose terms exclude commerce. Raises UnknownModel."""
    return [entry for entry in bill(model_id, parser, keypoints) if entry.non_commercial]


def refuse_non_commercial(model_id: str, parser: Parser = "onnx", keypoints: Keypoints = "openpose") -> None:
    """For an installation that may hold no non-commercial part: raises Unavailable, naming them."""
    if entries := non_commercial(model_id, parser, keypoints):
        named = "; ".join(f"{entry.name} ({entry.licence})" for entry in entries)
        raise Unavailable(
            f"{model_id} has parts that exclude commerce, which the settings forbid: {named}.",
            fix=f"Use {EMBEDDED}, or allow non-commercial parts.",
        )


def _keys(model_id: str, parser: Parser, keypoints: Keypoints) -> Sequence[str]:
    if model_id == EMBEDDED:
        return [EMBEDDED]
    if model_id == METRICS:
        return [*dict.fromkeys(file.licence for file in METRICS_FILES), "imagenet"]
    if model_id not in SPECS:
        raise UnknownModel(f"{model_id!r} is no model.", allowed=[*SPECS, EMBEDDED], received=model_id)
    keys = ["leffa", BASE_INGREDIENTS[model_id], model_id, "densepose"]
    if SPECS[model_id].task == "tryon":
        keys += ["segformer" if parser == "segformer" else "schp", keypoints]
    return keys
