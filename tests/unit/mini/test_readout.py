"""Layers become a picture of any size; what is outside the mask stays the photo."""

import pytest
import torch

from leffa.mini import readout
from leffa.mini.nets import HEIGHT, WIDTH, Layers, Readout, Refiner, compose


@pytest.fixture
def layers() -> Layers:
    torch.manual_seed(0)
    one, three = torch.rand(1, 1, HEIGHT, WIDTH), torch.rand(1, 3, HEIGHT, WIDTH)
    return Layers(garment=one, shade=three + 0.5, trust=1 - one, keep=1 - one, fill=three, behind=three)


def identity_flow() -> torch.Tensor:
    return readout._grid(0, HEIGHT, HEIGHT, WIDTH).permute(0, 3, 1, 2)


def test_outside_the_mask_the_photo_stays_bit_for_bit(layers: Layers) -> None:
    photo, garment = torch.rand(1, 3, 411, 300), torch.rand(1, 3, 64, 48)
    mask = (torch.rand(1, 1, 411, 300) > 0.5).float()
    answer = readout.render(layers, identity_flow(), photo, garment, mask)
    outside = (mask == 0).expand_as(photo)
    assert torch.equal(answer[outside], photo[outside])
    assert not torch.equal(answer, photo)


def test_strips_make_no_difference(layers: Layers, monkeypatch: pytest.MonkeyPatch) -> None:
    photo, garment, mask = torch.rand(1, 3, 300, 200), torch.rand(1, 3, 64, 48), torch.ones(1, 1, 300, 200)
    whole = readout.render(layers, identity_flow(), photo, garment, mask)
    monkeypatch.setattr(readout, "STRIP", 7)
    assert torch.allclose(readout.render(layers, identity_flow(), photo, garment, mask), whole, atol=1e-5)


def test_at_the_native_size_layers_are_used_as_they_are(layers: Layers) -> None:
    photo, garment = torch.rand(1, 3, HEIGHT, WIDTH), torch.rand(1, 3, HEIGHT, WIDTH)
    mask = torch.ones(1, 1, HEIGHT, WIDTH)
    answer = readout.render(layers, identity_flow(), photo, garment, mask)
    assert torch.allclose(answer, compose(layers, photo, garment), atol=1e-3)


def test_garment_over_kept_photo_over_what_was_hidden() -> None:
    def plane(value: float, channels: int = 1) -> torch.Tensor:
        return torch.full((1, channels, 2, 2), value)

    photo, garment = plane(0.2, 3), plane(0.4, 3)
    for worn, trust, keep, expected in (
        (1.0, 1.0, 1.0, 0.8), (1.0, 0.0, 1.0, 0.6), (0.0, 1.0, 1.0, 0.2),
        (0.0, 1.0, 0.0, 0.9), (0.5, 1.0, 0.0, 0.85),
    ):  # fmt: skip
        layers = Layers(plane(worn), plane(2.0, 3), plane(trust), plane(keep), plane(0.6, 3), plane(0.9, 3))
        assert torch.allclose(compose(layers, photo, garment), plane(expected, 3))


def test_known_pixels_grow_over_the_others_and_stay_as_they_are() -> None:
    picture = torch.zeros(1, 3, HEIGHT, WIDTH)
    picture[..., : WIDTH // 2], picture[..., WIDTH // 2 :] = 0.2, 0.8
    known = torch.ones(1, 1, HEIGHT, WIDTH)
    known[:, :, 60:200, 40:150] = 0
    noise = torch.rand_like(picture) * (1 - known)  # what is not known shall not matter
    answer = readout.grown(picture + noise, known)
    assert torch.equal(answer * known, picture * known)
    row = answer[0, 0, 130]
    assert row[41] < 0.25 and row[148] > 0.75 and 0.35 < row[95] < 0.65
    assert readout.grown(noise, torch.zeros_like(known)).isfinite().all()


def test_an_untrained_refiner_leaves_the_reading_as_it_is() -> None:
    torch.manual_seed(0)
    flow = identity_flow()[:, :, ::2, ::2]
    size = flow.shape[2:]
    reading = Readout(flow, torch.randn(1, 1, *size), torch.zeros(1, 1, *size), torch.randn(1, 3, *size))
    picture, plane = torch.rand(1, 3, HEIGHT, WIDTH), torch.ones(1, 1, HEIGHT, WIDTH)
    rounds = readout.refine(
        Refiner(), reading, decoded=picture, photo=picture, cloth=plane, mask=plane, densepose=picture,
        garment=torch.cat([picture, plane], 1),
    )  # fmt: skip
    layers, after = rounds[-1]
    assert len(rounds) == readout.ROUNDS
    assert torch.allclose(after.flow, identity_flow(), atol=2 / WIDTH)
    assert torch.allclose(layers.garment, after.mask_logit.sigmoid())
    assert torch.equal(layers.shade, torch.ones(1, 3, HEIGHT, WIDTH))


def test_reach_counts_from_the_ends_of_the_silhouette_in_each_row_and_column() -> None:
    silhouette = torch.zeros(1, 1, 8, 8)
    silhouette[..., 2:6, 2:4] = 1
    left, right, up, down = readout.reach(silhouette)[0]
    assert torch.allclose(left[3], torch.tensor([-0.5, -0.25, 0, 0.25, 0.5, 0.75, 1, 1.25]))
    assert right[3, 3] == 0 and right[3, 2] == 0.25 and right[3, 5] < 0
    assert up[2, 3] == 0 and down[2, 3] == 0.75
    assert torch.equal(left[0], left[3])  # no silhouette in row 0: the whole's ends


def test_two_readings_are_weighed_but_beside_the_garment_attention_has_no_say() -> None:
    size, plane = (1, 2, 16, 12), torch.zeros(1, 1, 16, 12)
    attended = Readout(torch.full(size, 0.4), plane - 2, plane, torch.zeros(1, 3, 16, 12))
    silhouette = torch.zeros(1, 1, 64, 48)
    silhouette[..., 24:] = 1  # the right half
    outline = torch.full((1, 1, 32, 24), 4.0)
    for other, expected in (
        (0.2, 0.26),
        (-0.2, -0.2),
        (1.6, 1.6),
    ):  # on the garment, beside it, out of the picture
        both = readout.agreed(attended, torch.full((1, 2, 4, 3), other), outline, silhouette)
        assert torch.allclose(both.flow, torch.full(size, expected))
        assert torch.allclose(both.flow + both.doubt[:, :2], attended.flow)
        assert torch.equal(both.mask_logit + both.doubt[:, 2:], attended.mask_logit)
        assert torch.equal(both.mask_logit, plane + 1)
