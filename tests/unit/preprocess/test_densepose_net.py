"""The whole DensePose network at a small size, with random weights that see people everywhere."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from leffa.errors import BadParameter, NoPerson, UnsupportedWeights
from leffa.preprocess.densepose import DensePose
from leffa.preprocess.densepose_net import DensePoseRCNN, levels_of, prepare

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    """Weights of the right names and shapes, scaled so that nothing explodes or dies out on the way."""
    with torch.device("meta"):
        shapes = {key: value.shape for key, value in DensePoseRCNN().state_dict().items()}
    draw = torch.Generator().manual_seed(3)
    state = {}
    for key, shape in shapes.items():
        if len(shape) > 1:
            gain = 0.3 if ".conv3." in key or "lateral" in key else 0.7
            inputs = shape[0] * 4 if "lowres" in key else shape[1:].numel()
            state[key] = torch.randn(shape, generator=draw) * gain * (2 / inputs) ** 0.5
        else:
            state[key] = (
                torch.ones(shape) if key.endswith(("norm.weight", "running_var")) else torch.zeros(shape)
            )
    state["backbone.bottom_up.stem.conv1.weight"] /= 64  # pixels are 0..255
    state["roi_heads.box_predictor.cls_score.bias"] = torch.tensor([3.0, -3.0])
    return state


@pytest.fixture(scope="module")
def model(state: State) -> DensePose:
    return replace(DensePose.load(state), shorter_side=64, longest_side=96)


@pytest.fixture(scope="module")
def blind(state: State) -> DensePose:
    """The same network, sure that there is only background."""
    background = {"roi_heads.box_predictor.cls_score.bias": torch.tensor([-9.0, 9.0])}
    return replace(DensePose.load(state | background), shorter_side=64, longest_side=96)


def photo(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("size", [(120, 90), (37, 61), (33, 200)])
def test_maps_have_the_size_of_the_photo(model: DensePose, size: tuple[int, int]) -> None:
    body = model.detect(photo(*size))
    assert body.parts.shape == size and body.parts.dtype == np.uint8 and body.parts.max() <= 24
    assert body.iuv.shape == body.segmentation.shape == body.uvi.shape == body.part_index.shape == (*size, 3)
    x, y, width, height = body.box
    assert x >= 0 and y >= 0 and x + width <= size[1] and y + height <= size[0]
    outside = body.iuv.copy()
    outside[y : y + height, x : x + width] = 0
    assert body.people >= 1 and body.iuv.any() and not outside.any()


def test_bgr_swaps_the_channels_and_rgb_does_not(model: DensePose) -> None:
    picture = photo(60, 80)
    swapped = replace(model, channel_order="bgr").detect(picture)
    np.testing.assert_array_equal(swapped.iuv, model.detect(np.ascontiguousarray(picture[..., ::-1])).iuv)
    assert (swapped.iuv != model.detect(picture).iuv).any()


def test_nobody_is_an_error_and_exactly_black(blind: DensePose) -> None:
    with pytest.raises(NoPerson):
        blind.detect(photo(60, 80))
    body = blind.detect(photo(60, 80), exact=True)
    assert body.people == 0 and not body.segmentation.any()


def test_the_mask_rules_map_has_the_size_of_the_photo(model: DensePose, blind: DensePose) -> None:
    picture = photo(90, 600)
    parts = model.mask_parts(picture)
    assert parts.shape == (90, 600) and parts.dtype == np.uint8 and parts.any()
    assert not blind.mask_parts(picture).any()


def test_pictures_are_padded_below_and_beside_with_the_mean() -> None:
    x = prepare(torch.full((33, 64, 3), 255, dtype=torch.uint8))
    assert x.shape == (1, 3, 64, 64)
    assert x[0, :, 0, 0].tolist() == pytest.approx([255 - 103.53, 255 - 116.28, 255 - 123.675], abs=1e-4)
    assert not x[0, :, 33:].any()


def test_larger_boxes_are_read_from_coarser_maps() -> None:
    sides = [0, 1, 55, 111, 112, 223, 224, 447, 448, 2000]
    boxes = torch.tensor([[0.0, 0, side, side] for side in sides])
    assert levels_of(boxes).tolist() == [0, 0, 0, 0, 1, 1, 2, 2, 3, 3]


def test_the_published_names_are_asked_for(state: State) -> None:
    assert len(state) == 335
    assert state["backbone.bottom_up.res2.0.shortcut.norm.running_var"].shape == (256,)
    assert state["backbone.fpn_lateral5.weight"].shape == (256, 2048, 1, 1)
    assert state["proposal_generator.rpn_head.anchor_deltas.weight"].shape == (12, 256, 1, 1)
    assert state["roi_heads.box_predictor.bbox_pred.weight"].shape == (4, 1024)
    assert state["roi_heads.decoder.p5.4.weight"].shape == (256, 256, 3, 3)
    assert state["roi_heads.densepose_head.body_conv_fcn8.bias"].shape == (512,)
    assert state["roi_heads.densepose_predictor.ann_index_lowres.weight"].shape == (512, 2, 4, 4)


def test_what_detectron2_stores_beside_the_weights_is_passed_over(state: State) -> None:
    beside = {
        "pixel_mean": torch.zeros(3, 1, 1),
        "pixel_std": torch.ones(3, 1, 1),
        "proposal_generator.anchor_generator.cell_anchors.4": torch.zeros(3, 4),
    }
    assert DensePose.load(state | beside)


def test_half_precision_weights_are_widened(state: State) -> None:
    halves = {key: value.half() for key, value in state.items()}
    network = DensePose.load(halves).network
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_other_weights_are_refused_by_name(state: State) -> None:
    lacking = {key: value for key, value in state.items() if key != "backbone.fpn_output3.bias"}
    with pytest.raises(UnsupportedWeights, match=r"1 missing \(backbone.fpn_output3.bias\)"):
        DensePose.load(lacking)
    with pytest.raises(UnsupportedWeights, match=r"1 unexpected \(roi_heads.mask_head\)"):
        DensePose.load(state | {"roi_heads.mask_head": torch.zeros(1)})
    wide = {"roi_heads.box_predictor.bbox_pred.bias": torch.zeros(8)}
    with pytest.raises(UnsupportedWeights, match=r"bbox_pred.bias \[8\] instead of \[4\]"):
        DensePose.load(state | wide)
    with pytest.raises(UnsupportedWeights, match="335 missing"):
        DensePose.load({})


def test_names_are_compared_before_anything_is_widened(state: State) -> None:
    """A hostile file may name the same bytes a thousand times; each cast would copy them."""
    huge = torch.zeros(1, dtype=torch.float16).expand(2**45)
    with pytest.raises(UnsupportedWeights, match="2 unexpected"):
        DensePose.load(state | {"a": huge, "b": huge})


def test_a_channel_order_that_does_not_exist_is_refused(state: State) -> None:
    with pytest.raises(BadParameter):
        DensePose.load(state, channel_order="grb")  # type: ignore[arg-type]
