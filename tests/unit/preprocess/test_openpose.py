"""The network with random weights, what it sees of a photo, and weights that are not its own."""

import numpy as np
import pytest
import torch
from torch import Tensor

from leffa.errors import NoPerson, UnsupportedWeights
from leffa.preprocess.openpose import BodyPoseNet, OpenPose, net_input


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return BodyPoseNet().state_dict()


def test_it_has_the_weights_of_the_published_file(state: dict[str, Tensor]) -> None:
    assert len(state) == 184
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    assert shapes["conv1_1.weight"] == (64, 3, 3, 3)
    assert shapes["conv4_4_CPM.weight"] == (128, 256, 3, 3)
    assert shapes["conv5_4_CPM_L1.weight"] == (512, 128, 1, 1)
    assert shapes["conv5_5_CPM_L2.bias"] == (19,)
    assert shapes["Mconv1_stage2_L1.weight"] == (128, 185, 7, 7)
    assert shapes["Mconv7_stage6_L1.weight"] == (38, 128, 1, 1)


@pytest.mark.parametrize(("height", "width"), [(184, 144), (48, 40)])
@torch.no_grad()
def test_maps_are_an_eighth_of_the_photo(state: dict[str, Tensor], height: int, width: int) -> None:
    fields, heat = OpenPose.load(state).net(torch.rand(1, 3, height, width) - 0.5)
    assert fields.shape == (1, 38, height // 8, width // 8)
    assert heat.shape == (1, 19, height // 8, width // 8)


@torch.no_grad()
def test_only_the_last_heat_maps_are_cut_at_zero(state: dict[str, Tensor]) -> None:
    shifted = {
        key: value - 9 if key.startswith("Mconv7_stage6") and key.endswith("bias") else value
        for key, value in state.items()
    }
    fields, heat = OpenPose.load(shifted).net(torch.rand(1, 3, 16, 16) - 0.5)
    assert fields.max() < 0
    assert not heat.any()


def test_half_weights_are_computed_in_float32(state: dict[str, Tensor]) -> None:
    net = OpenPose.load({key: value.half() for key, value in state.items()}).net
    assert {parameter.dtype for parameter in net.parameters()} == {torch.float32}


def test_a_network_that_sees_nothing_finds_nobody(state: dict[str, Tensor]) -> None:
    blind = OpenPose.load({key: torch.zeros_like(value) for key, value in state.items()})
    with pytest.raises(NoPerson):
        blind.detect(np.zeros((64, 48, 3), np.uint8))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: s.pop("conv1_1.weight"), r"1 missing \(conv1_1\.weight\)"),
        (lambda s: s.update(extra=s["conv1_1.bias"]), r"1 unexpected \(extra\)"),
        (
            lambda s: s.update({"conv1_1.bias": torch.zeros(3)}),
            r"1 of another shape \(conv1_1\.bias \[3\] instead of \[64\]\)",
        ),
        (dict.clear, r"184 missing \(Mconv1_stage2_L1\.bias, .*, \.\.\.\)"),
    ],
)
def test_other_weights_are_refused(state: dict[str, Tensor], change, told: str) -> None:
    changed = dict(state)
    change(changed)
    with pytest.raises(UnsupportedWeights, match=told):
        OpenPose.load(changed)


@pytest.mark.parametrize("size", [(512, 384), (1024, 768), (700, 300), (40, 1000), (1, 1)])
def test_any_photo_becomes_the_size_that_the_network_sees(size: tuple[int, int]) -> None:
    photo = np.zeros((*size, 3), np.uint8)
    photo[...] = (10, 20, 30)
    seen = net_input(photo)
    assert seen.shape == (184, 144, 3) and seen.dtype == np.uint8
    assert (seen[:, :138] == (30, 20, 10)).all()  # blue first
    assert (seen[:, 138:] == 128).all()
