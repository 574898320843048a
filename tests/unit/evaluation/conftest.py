"""A small pairs folder whose true pictures are known, and a model that knows them too."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from leffa.evaluation.perceptual import Networks, clean_features
from leffa.tryon import TryOnRequest, TryOnResult

HEIGHT, WIDTH = 48, 40
GARMENT_BOX = (slice(14, 34), slice(12, 28))
MASK_BOX = (slice(10, 38), slice(8, 32))


def write_case(folder: Path, seed: int, garment_type: str = "upper_body", larger: int = 1) -> Path:
    """A person of noise, who wears one flat colour in ``target`` and another in ``person``."""
    rng = np.random.default_rng(seed)
    person = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    colors = rng.integers(30, 200, (2, 3), dtype=np.uint8)
    target, garment = person.copy(), np.full((30, 24, 3), 255, dtype=np.uint8)
    person[GARMENT_BOX], target[GARMENT_BOX], garment[5:25, 4:20] = colors[0], colors[1], colors[1]
    mask, garment_mask = np.zeros((2, HEIGHT, WIDTH), dtype=np.uint8)
    mask[MASK_BOX], garment_mask[GARMENT_BOX] = 255, 255
    folder.mkdir(parents=True)
    pictures = {"person": person, "target": target, "garment": garment}
    for name, picture in {**pictures, "mask": mask, "garment_mask": garment_mask}.items():
        image = Image.fromarray(picture)
        size = (image.width * larger, image.height * larger)
        image.resize(size, Image.Resampling.NEAREST).save(folder / f"{name}.png")
    (folder / "meta.json").write_text(json.dumps({"garment_type": garment_type, "seed": seed}))
    return folder


def result_of(request: TryOnRequest, image: np.ndarray, garment_mask: np.ndarray) -> TryOnResult:
    """An answer to ``request`` whose parser found the old garment where it is."""
    parsing = np.zeros(image.shape[:2], dtype=np.uint8)
    parsing[GARMENT_BOX] = 4
    return TryOnResult(
        image=image,
        mask=garment_mask,
        densepose=np.zeros_like(image),
        parsing=parsing,
        garment_mask=garment_mask,
        flow=np.zeros((4, 4, 2), dtype=np.float32),
        seed=request.seed,
        model="fake",
        parameters={},
        findings=[],
        timings={},
    )


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Five cases with seeds 0..4, the last one of trousers."""
    for seed in range(5):
        write_case(tmp_path / "pairs" / f"{seed:03}", seed, "lower_body" if seed == 4 else "upper_body")
    return tmp_path / "pairs"


@pytest.fixture
def large_pairs(tmp_path: Path) -> Path:
    """Three cases large enough for LPIPS."""
    for seed in range(3):
        write_case(tmp_path / "large" / f"{seed:03}", seed, larger=2)
    return tmp_path / "large"


@pytest.fixture
def oracle(pairs: Path) -> Callable[[TryOnRequest], TryOnResult]:
    """Answers every request with the true picture and the true garment mask."""
    return oracle_of(pairs)


@pytest.fixture
def large_oracle(large_pairs: Path) -> Callable[[TryOnRequest], TryOnResult]:
    """The same for the larger cases."""
    return oracle_of(large_pairs)


def oracle_of(pairs: Path) -> Callable[[TryOnRequest], TryOnResult]:
    def answer(request: TryOnRequest) -> TryOnResult:
        folder = pairs / f"{request.seed:03}"
        with Image.open(folder / "target.png") as target, Image.open(folder / "garment_mask.png") as mask:
            return result_of(request, np.array(target), np.array(mask))

    return answer


@pytest.fixture
def networks(tmp_path: Path) -> Networks:
    """Small random networks in place of the published ones; the clean one from a TorchScript file."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 4, 9, stride=8), nn.Tanh(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
    torch.jit.script(layers.eval()).save(str(tmp_path / "inception.pt"))
    clean = torch.jit.load(tmp_path / "inception.pt")

    def distance(x: Tensor, y: Tensor) -> Tensor:
        return (x - y).abs().mean()

    return Networks(
        clean=lambda picture: clean_features(clean, picture),
        pytorch=lambda picture: torch.from_numpy(picture.mean(axis=(0, 1))).float(),
        squeeze=distance,
        alex=distance,
        device="cpu",
        hashes={"inception.pt": "0" * 64},
    )
