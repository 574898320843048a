"""The Leffa loss, by its formula: known attention, gradients, memory, any UNet with our processors."""

from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor
from torch.nn import functional as F

from leffa.diffusion.attention import attention_layers
from leffa.diffusion.flow import coordinates
from leffa.diffusion.reference import denoise, reference_features
from leffa.diffusion.unets import build_unets
from leffa.mini.nets import UNET_CONFIG
from leffa.training.loss import LeffaLoss, Looks, flow_spread, leffa_loss, listening

Pair = tuple[UNet2DConditionModel, UNet2DConditionModel]
LATENT = 16, 8
DEEPER: dict[str, Any] = UNET_CONFIG | {
    "block_out_channels": (16, 32, 32, 32),
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    "attention_head_dim": 4,
}


@pytest.fixture(params=[UNET_CONFIG, DEEPER], ids=["mini", "deeper"])
def pair(request: pytest.FixtureRequest) -> Pair:
    torch.manual_seed(0)
    return build_unets(request.param)


def permuted(permutation: Tensor, height: int, width: int, sharpness: float = 200.0) -> Looks:
    """Attention from token i to reference token permutation[i] alone."""
    key = torch.eye(height * width)
    return Looks(sharpness * key[permutation][None, None], key[None, None], (height, width))


def mirrored_columns(height: int, width: int) -> Tensor:
    return torch.arange(height * width).view(height, width).flip(1).flatten()


def pictures(height: int, width: int) -> Tensor:
    coarse = torch.rand(1, 3, 4, 3, generator=torch.Generator().manual_seed(3))
    return F.interpolate(coarse, (height, width), mode="bilinear")


def loss_of(
    heard: list[Looks], reference: Tensor, target: Tensor, timestep: int = 100, **settings: Any
) -> float:
    mask = torch.ones(len(target), 1, *target.shape[-2:])
    timesteps = torch.full((len(target),), timestep)
    return float(leffa_loss(heard, reference, target, mask, timesteps, LeffaLoss(weight=1, **settings)))


def hear(pair: Pair, smallest: float = 0.25, batch: int = 1) -> list[Looks]:
    latent = torch.randn(batch, 12, *LATENT)
    features = reference_features(pair[0], torch.randn(batch, 4, *LATENT), 100)
    with listening(pair[1], LATENT, smallest) as heard:
        denoise(pair[1], latent, 100, features)
    return heard


def test_attention_that_mirrors_mirrors_the_picture() -> None:
    height, width = 8, 6
    reference = pictures(height, width)
    looks = permuted(mirrored_columns(height, width), height, width)
    assert loss_of([looks], reference, reference.flip(3), temperature=1.0) < 1e-6
    assert loss_of([looks], reference, reference, temperature=1.0) > 1e-3


def test_the_loss_falls_when_attention_moves_to_the_right_place() -> None:
    height, width = 8, 6
    reference = pictures(64, 48)
    straight = torch.arange(height * width)
    losses = [
        loss_of([permuted(straight.roll(shift), height, width)], reference, reference, temperature=1.0)
        for shift in (2, 1, 0)
    ]
    assert losses[0] > losses[1] > losses[2]


def test_gradients_reach_query_and_key_projections(pair: Pair) -> None:
    heard = hear(pair)
    picture = torch.rand(1, 3, 128, 64)
    mask, timesteps = torch.ones(1, 1, 128, 64), torch.tensor([100])
    leffa_loss(heard, picture, picture.flip(3), mask, timesteps, LeffaLoss()).backward()
    last = pair[1].get_submodule(attention_layers(pair[1])[-1])
    for projection in (last.to_q, last.to_k):
        assert projection.weight.grad is not None and projection.weight.grad.abs().sum() > 0
    assert last.to_v.weight.grad is None


def test_only_layers_fine_enough_take_part(pair: Pair) -> None:
    rows = [looks.grid[0] for looks in hear(pair, smallest=0.5)]
    assert rows and min(rows) >= LATENT[0] // 2
    assert len(hear(pair, smallest=0.25)) > len(rows)
    with pytest.raises(ValueError, match="no self-attention layer"), listening(pair[1], LATENT, 2.0):
        pass


def test_what_is_heard_is_what_the_layer_attends_with(pair: Pair) -> None:
    for looks in hear(pair):
        assert looks.query.shape == looks.reference_key.shape
        assert looks.query.shape[2] == looks.grid[0] * looks.grid[1]


def test_a_noisy_sample_takes_no_part_whatever_its_neighbours() -> None:
    height, width = 8, 6
    reference = pictures(height, width)
    looks = permuted(mirrored_columns(height, width), height, width)
    both = Looks(looks.query.repeat(2, 1, 1, 1), looks.reference_key.repeat(2, 1, 1, 1), looks.grid)
    doubled, mask = reference.repeat(2, 1, 1, 1), torch.ones(2, 1, height, width)
    settings = LeffaLoss(weight=1, temperature=1.0)
    mixed = leffa_loss([both], doubled, doubled, mask, torch.tensor([100, 999]), settings)
    assert float(mixed) == pytest.approx(loss_of([looks], reference, reference, temperature=1.0))
    assert loss_of([looks], reference, reference, timestep=500) == 0


def test_no_attention_map_is_kept_for_the_way_back() -> None:
    tokens = 32 * 32
    query, key = (torch.randn(1, 2, tokens, 8, requires_grad=True) for _ in "qk")
    looks = Looks(query, key, (32, 32))
    kept = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    picture, mask = torch.rand(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        leffa_loss([looks], picture, picture, mask, torch.tensor([0]), LeffaLoss()).backward()
    assert max(kept) < tokens * tokens // 8


def test_a_collapsed_flow_shows_in_its_spread() -> None:
    straight = permuted(torch.arange(48), 8, 6)
    flat = Looks(torch.zeros_like(straight.query), straight.reference_key, straight.grid)
    assert flow_spread([flat]) == pytest.approx([0.0], abs=1e-6)
    honest = float(coordinates(8, 6).std(0).mean())
    assert flow_spread([straight], temperature=1.0) == pytest.approx([honest], rel=0.02)
