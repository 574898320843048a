"""Pairs shared by the tests of this folder: they take longer to make than to check."""

import pytest

pytest.importorskip("numba")  # the generator's only training-time dependency

from leffa.synth import SynthPair, sample


@pytest.fixture(scope="session")
def pairs() -> dict[int, SynthPair]:
    """Pairs of the seeds 0 to 47 at 256x192, by seed."""
    return {seed: sample(seed) for seed in range(48)}
