"""Previews: latents become rough pictures by a map that is fitted, not written down."""

import torch

from leffa.diffusion.preview import SQUARES, colour_card, draw_latents, fit_colours


def test_the_card_has_a_square_of_two_latent_pixels_a_colour() -> None:
    card = colour_card(8)
    assert card.shape == (1, 3, SQUARES * 16, SQUARES * 16)
    assert card.abs().max() <= 1
    assert card.reshape(3, -1).unique(dim=1).shape[1] == SQUARES**2


def test_a_linear_encoder_is_inverted_exactly() -> None:
    mixing = torch.tensor([[0.5, 0.2, 0.1], [0.1, 0.7, 0.2], [0.3, 0.1, 0.9], [0.2, 0.2, 0.2]])
    offset = torch.tensor([0.1, -0.2, 0.3, 0.0])

    def encode(picture: torch.Tensor) -> torch.Tensor:
        small = torch.nn.functional.interpolate(picture, scale_factor=1 / 8, mode="area")
        return torch.einsum("lc,bchw->blhw", mixing, small) + offset[:, None, None]

    card = colour_card(8)
    colours = fit_colours(encode(card), card)
    picture = torch.rand(2, 3, 64, 48) * 2 - 1
    drawn = draw_latents(encode(picture), colours)
    expected = torch.nn.functional.interpolate(picture, scale_factor=1 / 8, mode="area").permute(0, 2, 3, 1)
    assert drawn.shape == (2, 8, 6, 3) and drawn.dtype == torch.uint8
    assert (drawn.float() - (expected / 2 + 0.5) * 255).abs().max() <= 1
