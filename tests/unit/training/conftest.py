"""Four synthetic pairs, and the smallest run on them that has everything a large one has."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from leffa.synth.pairs import write_pairs
from leffa.training.config import TrainConfig

UNET: dict[str, Any] = {
    "block_out_channels": [16, 16],
    "layers_per_block": 1,
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "attention_head_dim": 2,
    "cross_attention_dim": 8,
    "norm_num_groups": 4,
}
STAGE: dict[str, Any] = {"height": 96, "width": 72, "steps": 3, "batch": 2}


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pairs folder of four people, 72 x 96 pixels."""
    folder = tmp_path_factory.mktemp("pairs") / "pairs"
    write_pairs(4, 20, folder, 96, 72)
    return folder


@pytest.fixture
def deepfashion(tmp_path: Path) -> Path:
    """Pictures narrower than the model's, as these are."""
    for folder in ("train", "densepose/train"):
        (tmp_path / folder).mkdir(parents=True)
    for name, level in (("a", 80), ("b", 160)):
        Image.new("RGB", (60, 96), (level, level, level)).save(tmp_path / "train" / f"{name}.jpg")
    iuv = np.zeros((96, 60, 3), np.uint8)
    iuv[20:60] = (24, 100, 50)
    Image.fromarray(iuv).save(tmp_path / "densepose" / "train" / "b_iuv.png")
    (tmp_path / "fasion-resize-pairs-train.csv").write_text("from,to\na.jpg,b.jpg\n")
    return tmp_path


@pytest.fixture
def config(pairs: Path, tmp_path: Path) -> Callable[..., TrainConfig]:
    """Makes a run on the pairs with a tiny model; `changes` are keys of the configuration."""

    def make(**changes: Any) -> TrainConfig:
        keys: dict[str, Any] = {
            "model": "viton_hd",
            "data": {"kind": "pairs", "folder": pairs},
            "out": tmp_path / "run",
            "start": "random",
            "networks": {"unet": UNET, "vae": "mini"},
            "stages": [STAGE],
            "workers": 0,
            "learning_rate": 2e-3,
            "warmup": 2,
            "ema_decay": 0.9,
            "precision": "no",
            "gradient_checkpointing": False,
            "log_every": 1,
            "sheet_samples": 2,
            "sheet_steps": 2,
        }
        return TrainConfig.model_validate(keys | changes)

    return make


@pytest.fixture(autouse=True)
def fresh_accelerator() -> Iterator[None]:
    """Accelerate keeps the first precision of a process."""
    from accelerate.state import AcceleratorState

    yield
    AcceleratorState._reset_state(reset_partial_state=True)
