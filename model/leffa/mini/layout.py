"""Layout coordinates, found in pictures, and the flow that they give.

Two numbers name a place of cloth on a garment's pieces spread out in a plane, in metres; `leffa.synth.layout`
draws the true ones. One small net finds them over the person from what is known of the body, never looking at
colours, so that only shapes need be alike in drawings and photographs. Another finds them over the flat
picture. Where both agree lies the same cloth: that is the flow.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leffa.diffusion.flow import coordinates
from leffa.mini.limbs import KEYPOINTS, LIMBS, body_maps, limb_frames
from leffa.mini.parser import LABELS, PARTS, Attention, Block, twice
from leffa.tryon import GARMENT_TYPES

PERSON_CELL: Final = 8  # pixels under one value
FLAT_CELL: Final = 4
MARGIN: Final = 8  # cells around the flat picture: there, cut-off sleeves would go on
UNIT: Final = 0.25  # metres: what the nets call 1
SEAM: Final = 0.235  # metres up the suit where a dress's skirt is sewn on
SPREAD: Final = 0.025  # metres by which coordinates may differ and still name the same cloth
BELL: Final = 8.0  # pixels: how wide a keypoint is drawn
PERSON_IN: Final = LABELS + PARTS + 1 + KEYPOINTS + 3 * len(LIMBS) + 2
FLAT_IN: Final = 3 + 1 + 4 + 2 + len(GARMENT_TYPES)


class LayoutNet(nn.Module):
    """A U-shaped net over cells."""

    def __init__(self, stem: nn.Conv2d, widths: tuple[int, int, int]) -> None:
        """`stem` brings its inputs to widths[0] channels; widths: at 1, 1/2 and 1/4 of the cells."""
        super().__init__()
        fine, half, quarter = widths
        self.stem = stem
        self.enc0 = Block(fine, fine)
        self.down1 = nn.Conv2d(fine, half, 3, stride=2, padding=1)
        self.enc1 = Block(half, half)
        self.down2 = nn.Conv2d(half, quarter, 3, stride=2, padding=1)
        self.middle = nn.Sequential(Block(quarter, quarter), Attention(quarter), Block(quarter, quarter))
        self.lift1 = nn.Conv2d(quarter, half, 1)
        self.up1 = Block(half, half)
        self.lift0 = nn.Conv2d(half, fine, 1)
        self.up0 = Block(fine, fine)
        self.out = nn.Sequential(nn.GroupNorm(8, fine), nn.SiLU(), nn.Conv2d(fine, 4, 3, padding=1))

    def forward(self, maps: Tensor) -> Tensor:
        """[B, C, h, w] → [B, 4, h, w] float32; h and w multiples of 4."""
        fine = self.enc0(self.stem(maps))
        half = self.enc1(self.down1(fine))
        half = self.up1(twice(self.lift1(self.middle(self.down2(half)))) + half)
        answer: Tensor = self.out(self.up0(twice(self.lift0(half)) + fine))
        return answer.float()


class LayoutFlow(nn.Module):
    """Both nets, and the search for the same cloth."""

    def __init__(self) -> None:
        super().__init__()
        self.person = LayoutNet(nn.Conv2d(PERSON_IN, 48, 1), (48, 72, 80))
        self.flat = LayoutNet(nn.Conv2d(FLAT_IN, 24, 3, padding=1), (24, 48, 64))

    def forward(
        self, labels: Tensor, parts: Tensor, silhouette: Tensor, keypoints: Tensor, garment: Tensor,
        garment_type: Tensor,
    ) -> Tensor:  # fmt: skip
        """The flow [B, 2, H/8, W/8] into the garment, -1..1, and beyond where it is cut short.

        labels, parts: ATR-18 and DensePose numbers [B, H, W]; silhouette uint8 [B, H, W] 0..255; keypoints
        [B, 17, 3] x, y in pixels and confidence; garment [B, 4, H, W] 0..1 RGB and silhouette; garment_type
        [B] numbers in GARMENT_TYPES.
        """
        person = self.person(with_limbs(shapes(labels, parts, silhouette), keypoints)) * UNIT
        flat = self.flat(with_margin(F.avg_pool2d(garment, FLAT_CELL), garment_type))
        return same_cloth(person, flat[:, :2] * UNIT, flat[:, 2:3], flat[:, 3:])


def shapes(labels: Tensor, parts: Tensor, silhouette: Tensor) -> Tensor:
    """How much of each cell every label, every part and the silhouette take: [B, 18 + 25 + 1, H/8, W/8]."""
    shares = [
        F.one_hot(values.long(), count).permute(0, 3, 1, 2).float()
        for values, count in ((labels, LABELS), (parts, PARTS))
    ]
    return F.avg_pool2d(torch.cat([*shares, silhouette[:, None].float() / 255], 1), PERSON_CELL)


def with_limbs(known: Tensor, keypoints: Tensor) -> Tensor:
    """Those shares, and behind them what is drawn from keypoints: all that the person's net sees."""
    size = known.shape[2] * PERSON_CELL, known.shape[3] * PERSON_CELL
    bells = body_maps(keypoints, *size, PERSON_CELL, BELL)
    return torch.cat([known, bells, limb_frames(keypoints, *size, PERSON_CELL), _ramps(known)], 1)


def with_margin(cells: Tensor, garment_type: Tensor) -> Tensor:
    """What the flat's net sees of [B, 4, h, w] 0..1, RGB and silhouette: [B, FLAT_IN, h + 16, w + 16]."""
    cells = F.pad(cells, (MARGIN,) * 4)
    rgb, silhouette = cells[:, :3], cells[:, 3:]
    on_white = rgb * silhouette + 1 - silhouette
    kinds = F.one_hot(garment_type.long(), len(GARMENT_TYPES)).float()[..., None, None]
    kinds = kinds.expand(-1, -1, *cells.shape[-2:])
    return torch.cat([on_white * 2 - 1, silhouette * 2 - 1, reach(silhouette), _ramps(cells), kinds], 1)


def same_cloth(person: Tensor, flat: Tensor, skirt: Tensor, there: Tensor) -> Tensor:
    """The flow [B, 2, h, w]: the mean place of the flat's cells, those of like coordinates counting most.

    person [B, 4, h, w]: x, z on the suit and x, z on the skirt, metres; flat [B, 2, H, W]: x, z; skirt,
    there [B, 1, H, W]: logits of that cell showing a skirt's cloth, and cloth at all. Reads as attention with
    logits of -distance^2 / (2 SPREAD^2).
    """
    cells = flat.flatten(2).transpose(1, 2)  # [B, M, 2]
    of_skirt = torch.sigmoid(skirt).flatten(1)[:, None]  # [B, 1, M]
    suit_distance, skirt_distance = (
        torch.cdist(half.flatten(2).transpose(1, 2), cells).square() for half in person.chunk(2, 1)
    )
    # Over the trunk the skirt's coordinates mean nothing: only below the seam may a skirt be looked for.
    above = (person[:, 1] - SEAM).clamp(min=0).square().flatten(1)[..., None]
    distance = suit_distance + of_skirt * (skirt_distance + above - suit_distance)
    logits = F.logsigmoid(there).flatten(1)[:, None] - distance / (2 * SPREAD**2)
    rows, columns = flat.shape[-2:]
    scale = torch.tensor([columns / (columns - 2 * MARGIN), rows / (rows - 2 * MARGIN)], device=flat.device)
    places = coordinates(rows, columns, flat.device) * scale
    return (logits.softmax(-1) @ places).transpose(1, 2).unflatten(2, person.shape[-2:])


def reach(silhouette: Tensor) -> Tensor:
    """How far every pixel is from the silhouette's left, right, upper and lower end, in its row or column.

    silhouette [B, 1, H, W] 0..1 → [B, 4, H, W]: 1 is half the picture, negative beyond the end. Rows and
    columns without silhouette take the ends of the whole.
    """
    inside = silhouette > 0.5
    ends = []
    for dim, size in ((3, silhouette.shape[3]), (2, silhouette.shape[2])):
        shape = [1, 1, 1, 1]
        shape[dim] = size
        at = ((2 * torch.arange(size, device=silhouette.device) + 1) / size - 1).view(shape)
        first = torch.where(inside, at, torch.inf).amin(dim, keepdim=True)
        last = torch.where(inside, at, -torch.inf).amax(dim, keepdim=True)
        first = torch.where(first.isinf(), first.amin((2, 3), keepdim=True), first).clamp(-1, 1)
        last = torch.where(last.isinf(), last.amax((2, 3), keepdim=True), last).clamp(-1, 1)
        ends += [at - first, last - at]
    return torch.cat([end.expand_as(silhouette) for end in ends], 1)


def _ramps(like: Tensor) -> Tensor:
    """x and y, -1 at the first and 1 at the last cell: [B, 2, h, w]."""
    y, x = (torch.linspace(-1, 1, size, device=like.device) for size in like.shape[-2:])
    return torch.stack(torch.meshgrid(x, y, indexing="xy")).expand(len(like), -1, -1, -1)
