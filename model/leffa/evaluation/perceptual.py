"""The field's figures: how like the truth a picture looks to networks, alone (LPIPS) and as a set (FID, KID).

torchmetrics, torchvision and pytorch-fid do the mathematics; they are the extra ``metrics`` and are imported
where they are needed. Conventions are those of the published tables, see docs/evaluation.md.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from leffa.device import pick_device
from leffa.errors import BadParameter, FileMissing, ImageTooSmall, UnsupportedWeights
from leffa.evaluation.metrics import psnr
from leffa.weights.catalogue import CLEAN_INCEPTION, METRICS, METRICS_FILES
from leffa.weights.records import SHA256, Record, matches

INCEPTION_SIDE = 299
SMALLEST_SIDE = 64  # the networks behind LPIPS need it
KID_SUBSETS, KID_SUBSET_SIZE, KID_SEED = 100, 1000, 0

Features = Callable[[np.ndarray], Tensor]
Distance = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Networks:
    """What looks at pictures.

    clean, pytorch: a picture, uint8 RGB [H, W, 3] → its features [D] for clean-FID and KID, and for
    pytorch-FID. squeeze, alex: LPIPS of two pictures float32 [1, 3, H, W] in -1..1. hashes: SHA-256 of the
    weights by file name.
    """

    clean: Features
    pytorch: Features
    squeeze: Distance
    alex: Distance
    device: str
    hashes: dict[str, str]


@dataclass(frozen=True)
class Likeness:
    """One picture beside the true one. PSNR in dB, at most 100; SSIM -1..1; LPIPS from 0, lower is better."""

    psnr_db: float
    ssim: float
    lpips_squeeze: float
    lpips_alex: float


@dataclass(frozen=True)
class SetFigures:
    """A set of pictures beside the true set; lower is better. KID is times 1000 and may be just below 0."""

    clean_fid: float
    clean_kid_x1000: float
    pytorch_fid: float


def load_networks(folder: Path, device: str = "auto") -> Networks:
    """Load what ``leffa weights pull metrics`` brought into the weights folder.

    Raises ModuleNotFoundError without the extra ``metrics``, FileMissing or UnsupportedWeights for weights
    that are not there or not the published ones, BadParameter for a device that is not there.
    """
    import torchvision  # noqa: F401  # without it the other two tell less clearly what is missing
    from pytorch_fid.inception import InceptionV3
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    check_weights(folder)
    chosen = pick_device(device)
    with _found_in(folder / METRICS):
        inception = InceptionV3().eval().to(chosen)
        squeeze, alex = (
            LearnedPerceptualImagePatchSimilarity(net_type=name).to(chosen) for name in ("squeeze", "alex")
        )
    with warnings.catch_warnings(action="ignore"):  # torch means to drop TorchScript; the file is one
        clean = torch.jit.load(folder / CLEAN_INCEPTION.path, map_location=chosen).eval().layers
    return Networks(
        clean=lambda picture: clean_features(clean, picture, chosen),
        pytorch=lambda picture: inception(_scaled(picture, chosen))[0].flatten(),
        squeeze=squeeze,
        alex=alex,
        device=chosen,
        hashes={Path(file.path).name: file.sha256 for file in METRICS_FILES},
    )


def check_weights(folder: Path) -> None:
    """Raises FileMissing or UnsupportedWeights unless every network's file is there and as published."""
    for file in METRICS_FILES:
        path = folder / file.path
        if not path.is_file():
            raise FileMissing(f"{path} is missing.", fix="Run `leffa weights pull metrics`.")
        if not matches(path, Record(file.size, f"{SHA256}:{file.sha256}", file.url, "")):
            raise UnsupportedWeights(
                f"{path} is not the published file.", fix="Delete it, then `leffa weights pull metrics`."
            )


@contextmanager
def _found_in(folder: Path) -> Iterator[None]:
    """Let torchvision and pytorch-fid find their weights in ``folder``/checkpoints, so nothing is fetched."""
    before = torch.hub.get_dir()
    torch.hub.set_dir(str(folder))
    try:
        yield
    finally:
        torch.hub.set_dir(before)


def clean_features(layers: nn.Module, picture: np.ndarray, device: str = "cpu") -> Tensor:
    """Features [D] of a picture, uint8 RGB [H, W, 3], by an Inception that takes [1, 3, 299, 299] in -1..1.

    Resized as clean-fid resizes: bicubic with anti-aliasing, each channel in float, never rounded.
    """
    size = (INCEPTION_SIDE, INCEPTION_SIDE)
    channels = [
        np.asarray(
            Image.fromarray(picture[..., channel].astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
        )
        for channel in range(3)
    ]
    small = torch.from_numpy(np.stack(channels)).clamp(0, 255)[None].to(device)
    features: Tensor = layers((small - 128) / 128)
    return features.flatten()


@torch.inference_mode()
def likeness(networks: Networks, picture: np.ndarray, target: np.ndarray) -> Likeness:
    """Compare two pictures of one size, uint8 RGB [H, W, 3].

    Raises ImageTooSmall below 64 pixels a side, ValueError for differing sizes.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure as ssim

    if min(target.shape[:2]) < SMALLEST_SIDE:
        raise ImageTooSmall(
            f"LPIPS needs {SMALLEST_SIDE} pixels a side; the picture has {target.shape[1]}x{target.shape[0]}."
        )
    whole = np.ones(target.shape[:2], dtype=bool)
    x, y = (_scaled(array, networks.device) for array in (picture, target))
    return Likeness(
        psnr_db=psnr(picture, target, whole),
        ssim=float(ssim(x, y, data_range=1.0)),
        lpips_squeeze=float(networks.squeeze(2 * x - 1, 2 * y - 1)),
        lpips_alex=float(networks.alex(2 * x - 1, 2 * y - 1)),
    )


def _scaled(picture: np.ndarray, device: str) -> Tensor:
    """uint8 [H, W, 3] → float32 [1, 3, H, W], 0..1."""
    return torch.from_numpy(np.ascontiguousarray(picture)).to(device).permute(2, 0, 1)[None].float() / 255


class Gallery:
    """The features of a set of pictures, one by one, so that no set has to fit into memory."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._clean: list[Tensor] = []
        self._pytorch: list[Tensor] = []

    @torch.inference_mode()
    def add(self, picture: np.ndarray) -> None:
        """Look at a picture, uint8 RGB [H, W, 3]."""
        self._clean.append(self._networks.clean(picture).cpu())
        self._pytorch.append(self._networks.pytorch(picture).cpu())

    def distance(self, truth: "Gallery") -> SetFigures:
        """How far this set is from the true one. Raises BadParameter for a set of fewer than two pictures."""
        if min(len(self._clean), len(truth._clean)) < 2:
            raise BadParameter("FID and KID need at least 2 pictures.", fix="Name more, at best thousands.")
        clean, true_clean = torch.stack(self._clean), torch.stack(truth._clean)
        return SetFigures(
            clean_fid=frechet_distance(clean, true_clean),
            clean_kid_x1000=1000 * kernel_distance(clean, true_clean),
            pytorch_fid=frechet_distance(torch.stack(self._pytorch), torch.stack(truth._pytorch)),
        )


class _Given(nn.Identity):
    """Features in place of pictures: what torchmetrics takes for the network."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features


def frechet_distance(found: Tensor, true: Tensor) -> float:
    """FID of two sets of features [N, D] and [M, D], each of at least two."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    metric = FrechetInceptionDistance(feature=_Given(found.shape[1]))
    metric.update(true.double(), real=True)
    metric.update(found.double(), real=False)
    return float(metric.compute())


def kernel_distance(found: Tensor, true: Tensor) -> float:
    """KID of two sets of features: the mean over 100 subsets of at most 1000, drawn from a fixed seed."""
    from torchmetrics.image.kid import KernelInceptionDistance

    size = min(len(found), len(true), KID_SUBSET_SIZE)
    with warnings.catch_warnings(action="ignore"):  # that features are kept: here they are anyway
        metric = KernelInceptionDistance(
            feature=_Given(found.shape[1]), subsets=KID_SUBSETS, subset_size=size
        )
    metric.update(true.double(), real=True)
    metric.update(found.double(), real=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(KID_SEED)
        return float(metric.compute()[0])
