"""What every suite shares: pictures to try on, and the loaded model."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "docs" / "examples"

# A busy machine is no fault of what is tested, and neither are cases that were never tried before: look for
# those with `pytest --hypothesis-profile search`.
settings.register_profile("patient", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What the suites take beside pytest's own options."""
    parser.addoption("--cases", type=int, default=300, help="cases an address in tests/contract")


@pytest.fixture(scope="session")
def person_png() -> bytes:
    """A synthetic person, seen from the front."""
    return (EXAMPLES / "person-1.png").read_bytes()


@pytest.fixture(scope="session")
def garment_png() -> bytes:
    """A garment laid flat, to be worn on the upper body."""
    return (EXAMPLES / "garment-1.png").read_bytes()


@pytest.fixture(scope="session")
def model():
    """The embedded model, loaded once."""
    from leffa.tryon import TryOn

    return TryOn.load("mini")


@pytest.fixture
def official(tmp_path: Path) -> Callable[..., Path]:
    """Makes a weights folder with checkpoints of zeros, for what looks at names and sizes only."""
    from leffa.official import SPECS

    def make(*models: str, size: int = 0) -> Path:
        folder = tmp_path / "weights"
        folder.mkdir(exist_ok=True)
        for model in models:
            with (folder / SPECS[model].checkpoint).open("wb") as file:
                file.truncate(size)
        return folder

    return make
