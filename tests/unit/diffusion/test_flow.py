"""Attention whose answer is known, read as a flow field."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from leffa.diffusion.flow import attention_map, coordinates, flow_from_attention, warp

SHARP = 200.0
SIDES = st.integers(1, 6)


def looking_at(targets: Tensor, count: int, heads: int = 2) -> tuple[Tensor, Tensor]:
    """(query, key) whose attention is all on `targets` [N] of `count` reference tokens."""
    key = torch.eye(count).expand(1, heads, -1, -1)
    return SHARP * math.sqrt(count) * key[:, :, targets], key


@settings(deadline=None, max_examples=40)
@given(SIDES, SIDES, SIDES, SIDES, st.integers(0, 999))
def test_attention_on_one_token_gives_its_centre(h: int, w: int, ref_h: int, ref_w: int, seed: int) -> None:
    targets = torch.randint(ref_h * ref_w, (h * w,), generator=torch.Generator().manual_seed(seed))
    flow = flow_from_attention(*looking_at(targets, ref_h * ref_w), h, w, ref_h, ref_w)
    assert flow.shape == (1, 2, h, w)
    for token, target in enumerate(targets.tolist()):
        row, column = divmod(target, ref_w)
        expected = [(2 * column + 1) / ref_w - 1, (2 * row + 1) / ref_h - 1]
        assert flow[0, :, token // w, token % w].tolist() == pytest.approx(expected, abs=1e-4)


@settings(deadline=None, max_examples=25)
@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from([0.5, 1.0, 2.0]))
def test_flow_is_the_map_times_the_coordinates(
    heads: int, h: int, w: int, d: int, temperature: float
) -> None:
    query, key = torch.randn(2, 2, heads, h * w, d, generator=torch.Generator().manual_seed(h * w + d))
    probabilities = attention_map(query, key, temperature)
    assert torch.allclose(probabilities.sum(-1), torch.ones(2, h * w), atol=1e-5)
    expected = (probabilities @ coordinates(h, w)).transpose(1, 2).unflatten(2, (h, w))
    flow = flow_from_attention(query, key, h, w, temperature=temperature)
    assert torch.allclose(flow, expected, atol=1e-5)


def test_heads_are_averaged() -> None:
    query = torch.stack([looking_at(torch.tensor([t]), 2, heads=1)[0][0, 0] for t in (0, 1)])[None]
    key = looking_at(torch.tensor([0]), 2)[1]
    assert flow_from_attention(query, key, 1, 1, 1, 2).flatten().tolist() == pytest.approx([0, 0], abs=1e-5)


def test_warping_by_a_mirrored_grid_mirrors_the_picture() -> None:
    height, width = 4, 6
    picture = torch.rand(1, 3, height, width)
    mirrored = torch.arange(height * width).view(height, width).flip(1).flatten()
    flow = flow_from_attention(*looking_at(mirrored, height * width), height, width)
    assert torch.allclose(warp(picture, flow, height, width), picture.flip(3), atol=1e-3)


def test_a_coarse_flow_keeps_a_fine_picture_sharp() -> None:
    stripes = (torch.arange(64) % 2).float().expand(1, 1, 64, 64)
    flow = coordinates(8, 8).T.reshape(1, 2, 8, 8)
    inner = warp(stripes, flow, 64, 64)[..., 4:-4, 4:-4]
    assert torch.allclose(inner, stripes[..., 4:-4, 4:-4], atol=1e-4)


def test_what_points_outside_holds_the_edge() -> None:
    picture = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
    far = torch.full((1, 2, 1, 1), 5.0)
    assert warp(picture, far, 1, 1).item() == 4.0


def test_autocast_does_not_blur_the_coordinates() -> None:
    targets = torch.arange(128)
    query, key = looking_at(targets, 128)
    with torch.autocast("cpu", torch.bfloat16):
        flow = flow_from_attention(query.bfloat16(), key.bfloat16(), 1, 128)
    assert flow.dtype == torch.float32
    assert torch.allclose(flow[0, 0, 0], coordinates(1, 128)[:, 0], atol=1e-3)
