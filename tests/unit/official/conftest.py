"""A weights folder in the official layout with small networks, and the models loaded from it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leffa.official import OfficialOptions
from leffa.tryon import TryOn

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "docs" / "examples"


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All three models, tiny, with random weights; the preprocessors at their true size."""
    folder = tmp_path_factory.mktemp("weights")
    models = [part for model in ("viton_hd", "dress_code", "pose_transfer") for part in ("--model", model)]
    script = ROOT / "scripts" / "make_random_weights.py"
    subprocess.run([sys.executable, script, folder, "--tiny", *models], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def load(weights: Path) -> Callable[[str], TryOn]:
    """Loads a model by its id, once."""
    loaded: dict[str, TryOn] = {}
    # Random OpenPose weights see nobody.
    options = OfficialOptions(weights, dtype="float32", keypoints="mediapipe")

    def get(model: str) -> TryOn:
        return loaded.setdefault(model, TryOn.load(model, "cpu", options))

    return get


@pytest.fixture(scope="session")
def person() -> np.ndarray:
    """A person from head to foot, uint8 RGB [512, 384, 3]."""
    return np.array(Image.open(EXAMPLES / "person-1.png").convert("RGB"))


@pytest.fixture(scope="session")
def garment() -> np.ndarray:
    """A top, uint8 RGB."""
    return np.array(Image.open(EXAMPLES / "garment-1.png").convert("RGB"))
