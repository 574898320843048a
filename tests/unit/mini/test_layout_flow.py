"""Like layout coordinates become flow; limbs give every place a frame that turns with them."""

import pytest
import torch
from torch import Tensor

from leffa.diffusion.flow import coordinates
from leffa.mini.layout import (
    FLAT_CELL,
    FLAT_IN,
    HIPS,
    MARGIN,
    PERSON_CELL,
    PERSON_IN,
    SEAM,
    UNIT,
    LayoutFlow,
    same_cloth,
    shapes,
    with_hems_at_hips,
    with_limbs,
    with_margin,
)
from leffa.mini.limbs import LIMBS, limb_frames
from leffa.mini.nets import HEIGHT, WIDTH
from leffa.mini.parser import LABELS, PARTS

ROWS, COLUMNS = HEIGHT // PERSON_CELL, WIDTH // PERSON_CELL
METRES = 0.4  # from the middle of the plane to its edge
SURE = 20.0
UPPER_ARM = LIMBS.index((5, 7))


def plane(rows: int, columns: int, scale: float = METRES) -> Tensor:
    """Coordinates that grow evenly over a picture: [1, 2, rows, columns]."""
    return scale * coordinates(rows, columns).T.reshape(1, 2, rows, columns)


@pytest.fixture
def flat() -> Tensor:
    """A flat that shows the plane, its margin included."""
    rows, columns = HEIGHT // FLAT_CELL + 2 * MARGIN, WIDTH // FLAT_CELL + 2 * MARGIN
    inner = torch.tensor([columns / (columns - 2 * MARGIN), rows / (rows - 2 * MARGIN)]).view(1, 2, 1, 1)
    return plane(rows, columns) * inner


def logits(flat: Tensor, value: float) -> Tensor:
    return torch.full_like(flat[:, :1], value)


def test_the_same_plane_on_both_sides_is_the_identity(flat: Tensor) -> None:
    person = plane(ROWS, COLUMNS).repeat(1, 2, 1, 1)
    for skirt in (-SURE, SURE):
        flow = same_cloth(person, flat, logits(flat, skirt), logits(flat, SURE))
        assert torch.allclose(flow, coordinates(ROWS, COLUMNS).T.reshape(1, 2, ROWS, COLUMNS), atol=0.02)


def test_a_person_shown_smaller_looks_at_the_middle(flat: Tensor) -> None:
    person = plane(ROWS, COLUMNS, METRES / 2).repeat(1, 2, 1, 1)
    flow = same_cloth(person, flat, logits(flat, -SURE), logits(flat, SURE))
    assert torch.allclose(flow, coordinates(ROWS, COLUMNS).T.reshape(1, 2, ROWS, COLUMNS) / 2, atol=0.02)


def test_cells_without_cloth_are_not_looked_at(flat: Tensor) -> None:
    there = logits(flat, SURE)
    there[..., flat.shape[3] // 2 :] = -1000
    person = plane(ROWS, COLUMNS).repeat(1, 2, 1, 1)
    assert same_cloth(person, flat, logits(flat, -SURE), there)[:, 0].max() < 0.05


def test_a_skirt_is_found_by_the_skirt_s_coordinates_and_only_below_the_seam(flat: Tensor) -> None:
    away = torch.full((1, 2, ROWS, COLUMNS), SEAM)
    skirt = same_cloth(
        torch.cat([away, plane(ROWS, COLUMNS)], 1), flat, logits(flat, SURE), logits(flat, SURE)
    )
    assert torch.allclose(skirt, coordinates(ROWS, COLUMNS).T.reshape(1, 2, ROWS, COLUMNS), atol=0.02)
    left = logits(flat, -SURE)
    left[..., flat.shape[3] // 2 :] = SURE  # a suit on the left, a skirt on the right
    trunk = torch.cat([torch.full_like(away, SEAM + 0.1), torch.full_like(away, 0.2)], 1)
    trunk[:, 0] = -0.2
    flow = same_cloth(trunk, flat, left, logits(flat, SURE))
    assert flow[:, 0].max() < -0.2  # 0.2 on the skirt would lie on the right


def test_the_nets_take_what_is_known_and_answer_in_cells_of_the_person() -> None:
    labels, parts = torch.randint(LABELS, (2, HEIGHT, WIDTH)), torch.randint(PARTS, (2, HEIGHT, WIDTH))
    silhouette = torch.full((2, HEIGHT, WIDTH), 255, dtype=torch.uint8)
    keypoints = torch.rand(2, 17, 3) * torch.tensor([WIDTH, HEIGHT, 1])
    garment = torch.rand(2, 4, HEIGHT, WIDTH)
    known = shapes(labels, parts, silhouette)
    assert torch.allclose(known.sum(1), torch.full((2, ROWS, COLUMNS), 3.0))  # labels, parts, silhouette
    assert with_limbs(known, keypoints).shape == (2, PERSON_IN, ROWS, COLUMNS)
    cells = torch.nn.functional.avg_pool2d(garment, FLAT_CELL)
    kinds = torch.tensor([0, 2])
    assert with_margin(cells, kinds).shape[1] == FLAT_IN
    flow, outline = LayoutFlow()(labels, parts, silhouette, keypoints, garment, kinds)
    assert flow.shape == (2, 2, ROWS, COLUMNS)
    assert outline.shape == (2, 1, 4 * ROWS, 4 * COLUMNS)


def test_limbs_carry_their_frame_with_them() -> None:
    points = torch.zeros(1, 17, 3)
    points[:, 5], points[:, 7] = torch.tensor([28.0, 44, 1]), torch.tensor([28.0, 108, 1])  # hangs down
    along, across = limb_frames(points, HEIGHT, WIDTH, PERSON_CELL).chunk(2, 1)
    assert along[0, UPPER_ARM, 9, 3] == 0 and across[0, UPPER_ARM, 9, 3] == 0  # its middle: x 28, y 76
    assert along[0, UPPER_ARM, 13, 3] == 0.5 and along[0, UPPER_ARM, 5, 3] == -0.5
    assert along[0, LIMBS.index((6, 8))].abs().max() == 0  # the other arm is not known
    turned = points.clone()
    turned[:, 7] = torch.tensor([92.0, 44, 1])  # stretched out
    along_turned, across_turned = limb_frames(turned, HEIGHT, WIDTH, PERSON_CELL).chunk(2, 1)
    assert torch.equal(along_turned[0, UPPER_ARM, 5, 3:12], along[0, UPPER_ARM, 5:14, 3])
    assert torch.equal(across_turned[0, UPPER_ARM, 3:8, 7].flip(0), across[0, UPPER_ARM, 9, 1:6])


@pytest.mark.parametrize(
    ("kind", "columns", "raised"),
    [(0, 12, True), (0, 30, False), (2, 12, False)],
    ids=["narrow", "wide", "dress"],
)
def test_a_top_pictured_narrow_ends_at_the_hips(kind: int, columns: int, raised: bool) -> None:
    rows, width = HEIGHT // FLAT_CELL, WIDTH // FLAT_CELL
    silhouette = torch.zeros(1, 1, rows, width)
    left = (width - columns) // 2
    silhouette[:, :, 10:50, left : left + columns] = 1
    flat = torch.zeros(1, 4, rows + 2 * MARGIN, width + 2 * MARGIN)
    heights = torch.linspace(0.9, -0.3, flat.shape[2]) / UNIT  # the garment reaches from 0.63 m to -0.03 m
    flat[:, 1] = heights[:, None]
    answer = with_hems_at_hips(flat, silhouette, torch.tensor([kind]))
    if raised:
        hem = answer[0, 1, MARGIN + 49, width // 2] * UNIT
        assert HIPS - 0.02 < hem < HIPS + 0.02
        assert torch.allclose(answer[0, 1, MARGIN + 10], flat[0, 1, MARGIN + 10], atol=0.1)
        assert torch.equal(answer[:, [0, 2, 3]], flat[:, [0, 2, 3]])
    else:
        assert torch.equal(answer, flat)


def test_flow_and_outline_teach_all_three_nets() -> None:
    layouts = LayoutFlow()
    labels, parts = torch.randint(LABELS, (1, HEIGHT, WIDTH)), torch.randint(PARTS, (1, HEIGHT, WIDTH))
    silhouette = torch.full((1, HEIGHT, WIDTH), 255, dtype=torch.uint8)
    keypoints = torch.rand(1, 17, 3) * torch.tensor([WIDTH, HEIGHT, 1])
    answer = layouts(labels, parts, silhouette, keypoints, torch.rand(1, 4, HEIGHT, WIDTH), torch.tensor([1]))
    for values in answer:
        layouts.zero_grad()
        values.square().sum().backward(retain_graph=True)
        for net in (layouts.person, layouts.flat, layouts.fit):
            assert any(parameter.grad is not None and parameter.grad.any() for parameter in net.parameters())
