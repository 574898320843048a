"""The official models: what each is for and which files of the weights folder it needs; and the metrics'.

Everything but a SegFormer comes from one repository of the hub, published by Leffa's authors; the weights
folder has its layout. Sizes are the hub's own, as rounded on its pages; of the SCHP checkpoints they are
counted from the parameters. Checksums are not written here: the first pull takes them from the hub and keeps
them (see `leffa.weights.pull`). The networks behind the perceptual figures come from their publishers' own
addresses, which tell no checksums; so theirs stand here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from leffa.errors import UnknownModel
from leffa.weights.configs import FILES as CONFIG_FILES
from leffa.weights.configs import SD15, SDXL

Task = Literal["tryon", "pose"]
Parser = Literal["onnx", "schp", "segformer"]
Keypoints = Literal["openpose", "mediapipe"]

HUB = "franciszzj/Leffa"
SEGFORMER_HUB = "mattmdjaga/segformer_b2_clothes"
SEGFORMER_FOLDER = "humanparsing/segformer"
PICKLES = (".pth", ".pkl")


@dataclass(frozen=True)
class ModelSpec:
    """An official model.

    size: native (width, height). checkpoint, base: the file and the configuration folder below the weights
    folder. densepose: how the body is painted for the UNet. garment_types: what it answers for by default
    when a request names no model.
    """

    id: str
    task: Task
    size: tuple[int, int]
    checkpoint: str
    base: str
    densepose: Literal["segmentation", "part_index", "iuv"]
    garment_types: tuple[str, ...]
    default_steps: int = 50
    default_guidance: float = 2.5


SPECS = {
    spec.id: spec
    for spec in (
        ModelSpec(
            "viton_hd",
            "tryon",
            (768, 1024),
            "virtual_tryon.pth",
            SD15,
            "segmentation",
            ("upper_body",),
        ),
        ModelSpec(
            "dress_code",
            "tryon",
            (768, 1024),
            "virtual_tryon_dc.pth",
            SD15,
            "part_index",
            ("lower_body", "dresses"),
        ),
        ModelSpec(
            "pose_transfer",
            "pose",
            (768, 1024),
            "pose_transfer.pth",
            SDXL,
            "iuv",
            (),
        ),
    )
}


@dataclass(frozen=True)
class WeightsFile:
    """A file of the weights folder.

    path: below the weights folder. size: bytes, about. licence: the key of its weights in
    `leffa.weights.licences`. repo, remote: where the hub has it, `remote` only where the path differs there.
    optional: the program has a stand-in for it. url, sha256: of a file that the hub does not have; its `size`
    is exact.
    """

    path: str
    size: int
    licence: str
    repo: str = HUB
    remote: str = ""
    optional: bool = False
    url: str = ""
    sha256: str = ""

    @property
    def hub_path(self) -> str:
        """The path in the hub's repository."""
        return self.remote or self.path


PUBLISHED_BITS = 32  # of the checkpoints as published; converted ones have 16
CHECKPOINTS = {
    "viton_hd": WeightsFile("virtual_tryon.pth", 7_210_000_000, "leffa"),
    "dress_code": WeightsFile("virtual_tryon_dc.pth", 7_210_000_000, "leffa"),
    "pose_transfer": WeightsFile("pose_transfer.pth", 20_900_000_000, "leffa"),
}
BASES = {
    SD15: ("sd15", {"unet": 748, "vae": 552, "scheduler": 313}),
    SDXL: ("sdxl", {"unet": 1_930, "vae": 659, "scheduler": 500}),
}
DENSEPOSE = WeightsFile("densepose/model_final_162be9.pkl", 256_000_000, "densepose")
OPENPOSE = WeightsFile("openpose/body_pose_model.pth", 209_000_000, "openpose")
PARSERS: dict[Parser, tuple[WeightsFile, ...]] = {
    "onnx": (
        WeightsFile("humanparsing/parsing_atr.onnx", 267_000_000, "schp"),
        WeightsFile("humanparsing/parsing_lip.onnx", 267_000_000, "schp"),
    ),
    "schp": (
        WeightsFile("schp/exp-schp-201908301523-atr.pth", 267_000_000, "schp"),
        WeightsFile("schp/exp-schp-201908261155-lip.pth", 267_000_000, "schp"),
    ),
    "segformer": tuple(
        WeightsFile(f"{SEGFORMER_FOLDER}/{name}", size, "segformer", SEGFORMER_HUB, name)
        for name, size in (
            ("config.json", 1_730),
            ("preprocessor_config.json", 271),
            ("model.safetensors", 109_000_000),
        )
    ),
}

METRICS = "metrics"
"""What `leffa weights pull` calls the networks behind the perceptual figures, and their folder."""
CHECKPOINT_FOLDER = f"{METRICS}/checkpoints"
CLEAN_INCEPTION = WeightsFile(
    f"{METRICS}/inception-2015-12-05.pt",
    95_607_719,
    "inception_nvidia",
    url="https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/inception-2015-12-05.pt",
    sha256="f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4",
)
PYTORCH_INCEPTION = WeightsFile(
    f"{CHECKPOINT_FOLDER}/pt_inception-2015-12-05-6726825d.pth",
    95_628_359,
    "inception_pytorch",
    url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
)
SQUEEZENET = WeightsFile(
    f"{CHECKPOINT_FOLDER}/squeezenet1_1-b8a52dc0.pth",
    4_958_839,
    "torchvision",
    url="https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
    sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
)
ALEXNET = WeightsFile(
    f"{CHECKPOINT_FOLDER}/alexnet-owt-7be5be79.pth",
    244_408_911,
    "torchvision",
    url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
)
METRICS_FILES = (CLEAN_INCEPTION, PYTORCH_INCEPTION, SQUEEZENET, ALEXNET)


def find_models(names: Iterable[str]) -> list[ModelSpec]:
    """The models of these ids, all of them for none. Raises UnknownModel."""
    names = list(dict.fromkeys(names)) or list(SPECS)
    for name in names:
        if name not in SPECS:
            raise UnknownModel(
                f"{name!r} is no official model.",
                allowed=list(SPECS),
                received=name,
                fix=f"Use {', '.join(SPECS)}.",
            )
    return [SPECS[name] for name in names]


def files_of(
    model: ModelSpec, parser: Parser = "onnx", keypoints: Keypoints = "openpose"
) -> list[WeightsFile]:
    """What a model needs with this parser and these keypoints, largest first.

    Pose transfer repaints the whole picture and so needs neither clothes nor joints.
    """
    files = [CHECKPOINTS[model.id], *_base_files(model.base), DENSEPOSE]
    if model.task == "tryon":
        files += PARSERS[parser]
        files += [OPENPOSE] if keypoints == "openpose" else []
    return sorted(files, key=lambda file: -file.size)


def all_files() -> list[WeightsFile]:
    """Every file of the catalogue once: models in their order, then the parsers to choose from."""
    files = [file for model in SPECS.values() for file in files_of(model)]
    files += [file for parser in PARSERS.values() for file in parser]
    return list(dict.fromkeys(files))


def converted(path: Path) -> Path:
    """Where `leffa weights convert` puts what it makes of a pickle: beside it."""
    return path.with_suffix(".safetensors")


def preferred(path: Path) -> Path:
    """The file to read: the converted one beside `path` where there is one."""
    return converted(path) if converted(path).is_file() else path


def bytes_in_16_bits(model: ModelSpec, checkpoint: Path) -> int:
    """What the model's networks take in 16 bits: by the checkpoint's size, or its entry without one."""
    if checkpoint.suffix == ".safetensors":
        return checkpoint.stat().st_size
    published = checkpoint.stat().st_size if checkpoint.is_file() else CHECKPOINTS[model.id].size
    return published * 16 // PUBLISHED_BITS


def _base_files(base: str) -> list[WeightsFile]:
    licence, sizes = BASES[base]
    return [
        WeightsFile(f"{base}/{name}", sizes[part], licence, optional=True)
        for part, name in CONFIG_FILES.items()
    ]
