"""Kind `schp_net`: the scores of AugmentCE2P with weights drawn by recipe, and features on the way there."""

import re
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from checks.fixture import DamagedFixture, Fixture, Result, distance, worst
from leffa.preprocess.schp import UNUSED, AugmentCE2P, load_network

SCORES, RECIPE = 1e-3, 1e-3
# The fixtures name the weights as upstream's module does, which has activations in its lists.
PUBLISHED = {
    "decoder.conv3.3.": "decoder.conv3.2.",
    "decoder.conv3.4.": "decoder.conv3.3.",
    "fushion.4.": "fushion.3.",
}


def check(fixture: Fixture) -> Iterator[Result]:
    """Names of the weights, the output, and every n-th channel of the modules that the fixture watched."""
    state = {_published(key): value for key, value in _drawn_weights(fixture).items()}
    yield Result("keys", _unequal_keys(state, fixture.fact("num_classes")), 0)
    network = load_network({"state_dict": {f"module.{key}": state[key] for key in state}}, exact=True)
    seen: dict[str, Tensor] = {}
    for name, module in network.named_modules():
        module.register_forward_hook(_keeper(seen, name))
    yield Result("output", distance(network(fixture.tensor("input")), fixture.tensor("output")), SCORES)
    yield from worst("dbg", (_watched(fixture, seen, name) for name in fixture.names("dbg.")))


def _drawn_weights(fixture: Fixture) -> dict[str, Tensor]:
    """The recipe of the fixtures' README: a generator a key. Raises DamagedFixture where samples differ."""
    seed, gain = fixture.fact("SEED"), fixture.fact("GAIN")
    state = {key: _drawn(key, shape, seed, gain) for key, shape in fixture.fact("keys").items()}
    for key, expected in fixture.facts.get("weight_check", {}).items():
        values = state[key].double().flatten()
        got = (values.sum(), values[0], values[-1])
        if distance(got, (expected["sum"], expected["first"], expected["last"])) > RECIPE:
            raise DamagedFixture(f"{fixture.folder.name}: the recipe gives other weights for {key}")
    return state


def _drawn(key: str, shape: list[int], seed: int, gain: float) -> Tensor:
    if key.endswith("num_batches_tracked"):
        return torch.zeros((), dtype=torch.int64)
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode()) ^ seed))
    x = generator.standard_normal(shape, dtype=np.float32)
    if key.endswith("running_mean"):
        x *= np.float32(0.1)
    elif key.endswith("running_var"):
        x = np.float32(0.5) + np.abs(x)
    elif len(shape) > 1:
        x *= np.float32(np.sqrt(2 / np.prod(shape[1:])) * gain)
    elif key.endswith("bias"):
        x *= np.float32(0.05)
    else:
        x = 1 + np.float32(0.1) * x
    return torch.from_numpy(x)


def _published(key: str) -> str:
    """The name of a weight in the published checkpoints."""
    for ours, theirs in PUBLISHED.items():
        if key.startswith(ours):
            return theirs + key.removeprefix(ours)
    return key


def _unequal_keys(state: dict[str, Tensor], classes: int) -> int:
    """Counts weights that only one side has or that differ in shape, apart from the documented dead ones."""
    with torch.device("meta"):
        network = AugmentCE2P(classes)
    ours = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    dead = (*UNUSED, *(key for key in state if key.endswith("num_batches_tracked")))
    theirs = {key: tuple(value.shape) for key, value in state.items() if not key.startswith(dead)}
    return len(ours.items() ^ theirs.items())


def _keeper(seen: dict[str, Tensor], name: str) -> Callable[[nn.Module, object, Tensor], None]:
    def keep(_: nn.Module, __: object, output: Tensor) -> None:
        seen[name] = output

    return keep


def _watched(fixture: Fixture, seen: dict[str, Tensor], name: str) -> tuple[float, float]:
    match = re.fullmatch(r"dbg\.(.+)\.ch0_(\d+)", name)
    if match is None or match[1] not in seen:
        raise DamagedFixture(f"{fixture.folder.name}: there is no module for {name}")
    return distance(seen[match[1]][:, :: int(match[2])], fixture.tensor(name)), SCORES
