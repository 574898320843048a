"""Reference attention on two small pairs of stock UNets."""

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from leffa.diffusion.attention import (
    AttentionTap,
    ExtendAttention,
    RecordAttention,
    SkipAttention,
    attention_layers,
    layer_grid,
)
from leffa.diffusion.flow import flow_from_attention
from leffa.diffusion.reference import denoise, reference_features

Pair = tuple[UNet2DConditionModel, UNet2DConditionModel]


@pytest.fixture(params=["unets", "sdxl_unets"])
def pair(request: pytest.FixtureRequest) -> Pair:
    return request.getfixturevalue(request.param)


def latents(channels: int, height: int = 4, width: int = 6, seed: int = 0) -> Tensor:
    return torch.randn(2, channels, height, width, generator=torch.Generator().manual_seed(seed))


def predict(pair: Pair, garment_latent: Tensor, latent_in: Tensor | None = None, timestep: int = 9) -> Tensor:
    features = reference_features(pair[0], garment_latent, timestep)
    return denoise(pair[1], latents(12) if latent_in is None else latent_in, timestep, features)


def test_every_attention_has_its_processor(pair: Pair) -> None:
    for unet, own in zip(pair, (RecordAttention, ExtendAttention), strict=True):
        kinds = {name.split(".")[-2]: type(p) for name, p in unet.attn_processors.items()}
        assert kinds == {"attn1": own, "attn2": SkipAttention}


def test_stems_and_added_embeddings(sdxl_unets: Pair) -> None:
    assert [unet.conv_in.in_channels for unet in sdxl_unets] == [4, 12]
    assert any(key.startswith("add_embedding.") for key in sdxl_unets[1].state_dict())


def test_layers_come_in_execution_order(pair: Pair) -> None:
    unet = pair[1]
    order: list[str] = []
    hooks = [
        unet.get_submodule(name).register_forward_hook(lambda *_, name=name: order.append(name))
        for name in attention_layers(unet)
    ]
    denoise(unet, latents(12), 500, reference_features(pair[0], latents(4), 500))
    for hook in hooks:
        hook.remove()
    assert order == attention_layers(unet)


def test_features_are_what_enters_the_attentions_up_to_the_last(pair: Pair) -> None:
    features = reference_features(pair[0], latents(4), 500)
    assert len(features) == len(attention_layers(pair[0]))
    for layer, feature in zip(attention_layers(pair[0]), features, strict=True):
        height, width = layer_grid(pair[0], layer, 4, 6)
        assert feature.shape[:2] == (2, height * width)


def test_the_garment_reaches_the_prediction_and_only_its_own_row(unets: Pair) -> None:
    garment, other = latents(4), latents(4)
    other[1] += 1
    with torch.no_grad():
        a, b = (predict(unets, garment_latent=latent) for latent in (garment, other))
    assert torch.allclose(a[0], b[0], atol=1e-6)
    assert not torch.allclose(a[1], b[1], atol=1e-3)


def test_the_garment_may_have_another_size(unets: Pair) -> None:
    features = reference_features(unets[0], latents(4, height=7, width=3), 9)
    assert denoise(unets[1], latents(12), 9, features).shape == (2, 4, 4, 6)


def test_requests_interleaved_on_the_same_networks_do_not_disturb_each_other(unets: Pair) -> None:
    with torch.no_grad():
        alone = [predict(unets, latents(4, seed=s), latents(12, seed=s), s) for s in (3, 4)]
        features = {s: reference_features(unets[0], latents(4, seed=s), s) for s in (3, 4)}
        mixed = [denoise(unets[1], latents(12, seed=s), s, features[s]) for s in (3, 4)]
    assert all(torch.equal(a, b) for a, b in zip(alone, mixed, strict=True))


def test_a_tap_holds_its_layer_and_nothing_of_other_calls(unets: Pair) -> None:
    features = reference_features(unets[0], latents(4, height=8, width=6), 9)
    layer = attention_layers(unets[1])[-1]
    tap = AttentionTap(layer)
    with_tap = denoise(unets[1], latents(12), 9, features, tap)
    assert torch.equal(with_tap, denoise(unets[1], latents(12), 9, features))
    assert tap.query is not None and tap.reference_key is not None and tap.hidden_states is not None
    assert tap.query.shape[:3] == (2, 2, 24)
    assert tap.reference_key.shape[:3] == (2, 2, 48)
    assert tap.hidden_states.shape[:2] == (2, 24)


def test_a_tap_on_no_layer_is_refused(unets: Pair) -> None:
    features = reference_features(unets[0], latents(4), 9)
    with pytest.raises(ValueError, match="no self-attention layer"):
        denoise(unets[1], latents(12), 9, features, AttentionTap("up_blocks.9.attn1"))


def test_the_generative_unet_needs_a_garment(unets: Pair) -> None:
    with pytest.raises(ValueError, match="needs reference features"):
        unets[1](latents(12), 9, None)


def test_gradients_of_the_flow_reach_both_networks(unets: Pair) -> None:
    for unet in unets:
        unet.zero_grad()
    layer = attention_layers(unets[1])[-2]
    tap = AttentionTap(layer)
    denoise(unets[1], latents(12), torch.tensor([9, 700]), reference_features(unets[0], latents(4), 9), tap)
    assert tap.query is not None and tap.reference_key is not None
    flow_from_attention(tap.query, tap.reference_key, 4, 6).square().sum().backward()
    attention = unets[1].get_submodule(layer)
    gradients = (attention.to_q.weight.grad, attention.to_k.weight.grad, unets[0].conv_in.weight.grad)
    assert all(grad is not None and grad.abs().sum() > 0 for grad in gradients)
    for unet in unets:
        unet.zero_grad()


def test_half_precision_and_channels_last_come_close(unets: Pair) -> None:
    with torch.no_grad():
        exact = predict(unets, latents(4))
        with torch.autocast("cpu", torch.bfloat16):
            stem = latents(12).to(memory_format=torch.channels_last)
            rough = predict(unets, latents(4), stem)
    assert rough.dtype == torch.bfloat16
    assert (rough.float() - exact).abs().max() < 0.1


@pytest.mark.parametrize(("size", "grids"), [((4, 6), {(4, 6), (2, 3)}), ((5, 3), {(5, 3), (3, 2)})])
def test_grids_follow_the_halvings(unets: Pair, size: tuple[int, int], grids: set[tuple[int, int]]) -> None:
    assert {layer_grid(unets[1], layer, *size) for layer in attention_layers(unets[1])} == grids
    with pytest.raises(ValueError, match="not a self-attention layer"):
        layer_grid(unets[1], "conv_in", *size)
