"""The door to detectron2, which hardly any machine has."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch

from leffa.errors import BadParameter, Unavailable
from leffa.preprocess.densepose import DensePose
from leffa.preprocess.densepose_net import DensePoseRCNN
from leffa.preprocess.detectron2_adapter import Detectron2DensePose

THERE = bool(find_spec("detectron2") and find_spec("densepose"))


@pytest.mark.skipif(THERE, reason="detectron2 is installed")
def test_without_detectron2_the_error_says_how_to_get_it() -> None:
    with pytest.raises(Unavailable) as refusal:
        Detectron2DensePose.load({})
    assert "detectron2" in refusal.value.detail
    assert "pip install" in refusal.value.fix and "projects/DensePose" in refusal.value.fix


def test_a_channel_order_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BadParameter):
        Detectron2DensePose.load({}, channel_order="grb")  # type: ignore[arg-type]


@pytest.mark.skipif(not THERE, reason="detectron2 is not installed")
def test_both_see_the_same() -> None:
    torch.manual_seed(0)
    state = DensePoseRCNN().state_dict()
    state["backbone.bottom_up.stem.conv1.weight"] /= 64
    state["roi_heads.box_predictor.cls_score.bias"] = torch.tensor([3.0, -3.0])
    photo = np.random.default_rng(0).integers(0, 256, (128, 96, 3), np.uint8)
    ours, theirs = (kind.load(state).detect(photo, exact=True) for kind in (DensePose, Detectron2DensePose))
    assert ours.people == theirs.people
    assert (ours.iuv != theirs.iuv).mean() < 0.001
    assert (ours.segmentation != theirs.segmentation).mean() < 0.001
