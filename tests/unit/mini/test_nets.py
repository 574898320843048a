"""What the weight file leaves out."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from leffa.diffusion.reference import denoise, reference_features
from leffa.mini.nets import WEIGHTS, Mini, _dead


def prediction(mini: Mini) -> Tensor:
    """What the pair makes of noise."""
    torch.manual_seed(0)
    latents = torch.randn(1, 12, 16, 16)
    features = reference_features(mini.unet_encoder, latents[:, :4], 500)
    return denoise(mini.unet, latents, 500, features)


@torch.inference_mode()
def test_weights_that_are_left_out_reach_no_picture() -> None:
    mini = Mini().load()
    before = prediction(mini)
    left_out = [parameter for key, parameter in mini.named_parameters() if _dead(key)]
    for parameter in left_out:
        parameter.normal_()
    assert len(left_out) > 30
    assert torch.equal(prediction(mini), before)


def test_a_file_without_a_weight_that_counts_is_refused(tmp_path) -> None:
    state = load_file(WEIGHTS)
    state.pop("unet.conv_out.weight")
    save_file(state, tmp_path / "damaged.safetensors")
    with pytest.raises(RuntimeError, match="unet.conv_out.weight"):
        Mini().load(tmp_path / "damaged.safetensors")
