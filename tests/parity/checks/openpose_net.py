"""Kind `openpose_net`: the body network with seeded weights."""

import zlib
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from checks.fixture import Fixture, Result, distance, mismatches
from leffa.preprocess.openpose import OpenPose

MAPS = 1e-4


def check(fixture: Fixture) -> Iterator[Result]:
    """Names and shapes of the weights, and both outputs."""
    shapes = fixture.fact("keys_in_file")
    state = _seeded_weights(shapes, fixture.fact("SEED"), fixture.fact("GAIN"))
    net = OpenPose.load(state).net
    ours = {key: list(value.shape) for key, value in net.state_dict().items()}
    yield mismatches("keys", ours, shapes)
    yield Result("key_count", abs(len(ours) - len(shapes)), 0)
    outputs = net(torch.from_numpy(fixture.arrays["input"]))
    for name, got in zip(("output_L1", "output_L2"), outputs, strict=True):
        yield Result(name, distance(got, fixture.arrays[name]), MAPS)


def _seeded_weights(shapes: Mapping[str, list[int]], seed: int, gain: float) -> dict[str, Tensor]:
    """The recipe of the fixtures: one generator a key, scaled by the inputs of a weight; small biases."""
    state = {}
    for key, shape in shapes.items():
        generator = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode()) ^ seed))
        x = generator.standard_normal(shape, np.float32)
        scale = np.float32(np.sqrt(2 / np.prod(shape[1:])) * gain) if len(shape) > 1 else np.float32(0.05)
        state[key] = torch.from_numpy(x * scale)
    return state
