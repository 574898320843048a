"""Layout coordinates, found in pictures, and the flow that they give.

Two numbers name a place of cloth on a garment's pieces spread out in a plane, in metres; `leffa.synth.layout`
draws the true ones. One small net finds them over the person from what is known of the body, never looking at
colours, so that only shapes need be alike in drawings and photographs. Another finds them over the flat
picture. Where both agree lies the same cloth: that is the flow. A third, the smallest, says how the garment
sits: how far its cloth hangs from there, and where it ends.
"""

from __future__ import annotations

from typing import Final, NamedTuple

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
OUTLINE_CELLS: Final = 4  # the outline is as much finer than the person's cells
TOP: Final = GARMENT_TYPES.index("upper_body")
NARROW: Final = 1.45  # least length by width of a top on a mannequin; nine in ten laid flat: below 1.25
HIPS: Final = 0.02  # metres up the suit
BELL: Final = 8.0  # pixels: how wide a keypoint is drawn
PERSON_IN: Final = LABELS + PARTS + 1 + KEYPOINTS + 3 * len(LIMBS) + 2
FLAT_IN: Final = 3 + 1 + 4 + 2 + len(GARMENT_TYPES)
FLAT_VALUES: Final = 4
EDGES: Final = 1 + 4  # silhouette and reach


class Cells(NamedTuple):
    """What a net finds, values [B, 4, h, w], and what it thought of, features [B, C, h, w]."""

    values: Tensor
    features: Tensor


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

    def forward(self, maps: Tensor) -> Cells:
        """[B, C, h, w], h and w multiples of 4 → the cells, their values float32."""
        fine = self.enc0(self.stem(maps))
        half = self.enc1(self.down1(fine))
        half = self.up1(twice(self.lift1(self.middle(self.down2(half)))) + half)
        fine = self.up0(twice(self.lift0(half)) + fine)
        return Cells(self.out(fine).float(), fine)


class FitNet(nn.Module):
    """How a garment sits on a body: a correction of the flow, and the outline."""

    def __init__(self, features: int, width: int = 48) -> None:
        """features: channels of the person's cells."""
        super().__init__()
        self.look = nn.Sequential(
            nn.Conv2d(FLAT_VALUES + EDGES, width // 2, 3, stride=2, padding=1), nn.SiLU(),
            nn.Conv2d(width // 2, width, 3, stride=2, padding=1), nn.SiLU(),
        )  # fmt: skip
        self.cut = nn.Linear(2 * width, width)
        self.stem = nn.Conv2d(features + 2 + EDGES, width, 3, padding=1)
        self.block = Block(width, width)
        self.out = nn.Sequential(
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, 2 + OUTLINE_CELLS**2, 3, padding=1)
        )

    def forward(
        self, person: Tensor, flow: Tensor, flat: Tensor, silhouette: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The flow [B, 2, h, w] corrected, and logits of the garment's outline [B, 1, 4h, 4w].

        person [B, features, h, w]: what its net thought of; flat [B, 4, H, W]: what the flat's net found,
        without margin; silhouette [B, 1, H, W] 0..1.
        """
        edges = torch.cat([silhouette, reach(silhouette)], 1)
        seen = self.look(torch.cat([flat, edges], 1))  # a garment's cut: metres beside lengths in the picture
        cut = self.cut(torch.cat([seen.mean((2, 3)), seen.amax((2, 3))], 1))[..., None, None]
        edges = F.grid_sample(edges, flow.permute(0, 2, 3, 1), padding_mode="border", align_corners=False)
        found = self.out(self.block(self.stem(torch.cat([person, flow, edges], 1)) + cut)).float()
        return flow + 0.1 * found[:, :2], F.pixel_shuffle(found[:, 2:], OUTLINE_CELLS)


class LayoutFlow(nn.Module):
    """The three nets, and the search for the same cloth."""

    def __init__(self) -> None:
        super().__init__()
        self.person = LayoutNet(nn.Conv2d(PERSON_IN, 48, 1), (48, 72, 80))
        self.flat = LayoutNet(nn.Conv2d(FLAT_IN, 24, 3, padding=1), (24, 48, 64))
        self.fit = FitNet(48)

    def forward(
        self, labels: Tensor, parts: Tensor, silhouette: Tensor, keypoints: Tensor, garment: Tensor,
        garment_type: Tensor,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """The flow [B, 2, H/8, W/8] into the garment, -1..1, and beyond where it is cut short; the outline.

        The outline [B, 1, H/2, W/2] is a logit of the garment being in sight.
        labels, parts: ATR-18 and DensePose numbers [B, H, W]; silhouette uint8 [B, H, W] 0..255; keypoints
        [B, 17, 3] x, y in pixels and confidence; garment [B, 4, H, W] 0..1 RGB and silhouette; garment_type
        [B] numbers in GARMENT_TYPES.
        """
        person = self.person(with_limbs(shapes(labels, parts, silhouette), keypoints))
        cells = F.avg_pool2d(garment, FLAT_CELL)
        flat = self.flat(with_margin(cells, garment_type)).values
        return self.dress(person, with_hems_at_hips(flat, cells[:, 3:], garment_type), cells[:, 3:])

    def dress(self, person: Cells, flat: Tensor, silhouette: Tensor) -> tuple[Tensor, Tensor]:
        """Flow and outline as above from what both nets found; silhouette is one of cells."""
        # Half as fine is no less exact (8.3 against 8.4 pixels on 60 pairs) and four times as quick.
        found, skirt, there = F.avg_pool2d(flat, 2).split((2, 1, 1), 1)
        flow = same_cloth(person.values * UNIT, found * UNIT, skirt, there, MARGIN // 2)
        inside = flat[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN]
        corrected, outline = self.fit(person.features, flow, inside, silhouette)
        return corrected, outline


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


def with_hems_at_hips(flat: Tensor, silhouette: Tensor, garment_type: Tensor) -> Tensor:
    """What the flat's net found [B, 4, H, W], but no top that is pictured narrow reaches below the hips.

    Shops photograph tops on mannequins, which shows a third less of their width than laid flat. The net knows
    laid ones and measures by the width, so that such a top seems a third longer than it is. silhouette
    [B, 1, h, w] 0..1, of cells without margin.
    """
    heights = list(flat[:, 1])
    for index, (cloth, kind) in enumerate(zip(silhouette[:, 0] > 0.5, garment_type, strict=True)):
        widths = cloth.sum(1)
        widths = widths[widths > 0]
        trunk = widths[len(widths) * 2 // 3 :]  # below the sleeves
        if kind != TOP or len(trunk) == 0 or len(widths) < NARROW * trunk.median():
            continue
        z = heights[index] * UNIT
        hem, neck = z[F.pad(cloth, (MARGIN,) * 4)].quantile(torch.tensor([0.02, 0.98], device=z.device))
        if hem < HIPS:
            heights[index] = (neck + (z - neck) * (neck - HIPS) / (neck - hem)) / UNIT
    return torch.cat([flat[:, :1], torch.stack(heights)[:, None], flat[:, 2:]], 1)


def same_cloth(person: Tensor, flat: Tensor, skirt: Tensor, there: Tensor, margin: int = MARGIN) -> Tensor:
    """The flow [B, 2, h, w]: the mean place of the flat's cells, those of like coordinates counting most.

    person [B, 4, h, w]: x, z on the suit and x, z on the skirt, metres; flat [B, 2, H, W]: x, z; skirt,
    there [B, 1, H, W]: logits of that cell showing a skirt's cloth, and cloth at all. margin: cells around
    the picture. It is an attention, its logits, -distance^2 / (2 SPREAD^2), products of queries and keys.
    """
    cells, of_skirt = _tokens(flat), _tokens(torch.sigmoid(skirt))
    on_suit, on_skirt = (_tokens(half) for half in person.chunk(2, 1))
    # Over the trunk the skirt's coordinates mean nothing: only below the seam may a skirt be looked for.
    above = (on_suit[..., 1:] - SEAM).clamp(min=0).square()
    one = torch.ones_like(above)
    query = torch.cat(  # |a - b|^2 = |a|^2 + |b|^2 - 2ab, on the suit and on the skirt
        [_squared(on_suit), one, on_suit, _squared(on_skirt) + above, one, on_skirt, one], 2
    ) / (-2 * SPREAD**2)
    shares = torch.cat([torch.ones_like(of_skirt), _squared(cells), -2 * cells], 2)
    certain = F.logsigmoid(_tokens(there)) * (-2 * SPREAD**2)
    key = torch.cat([(1 - of_skirt) * shares, of_skirt * shares, certain], 2)
    rows, columns = flat.shape[-2:]
    scale = torch.tensor([columns / (columns - 2 * margin), rows / (rows - 2 * margin)], device=flat.device)
    places = (coordinates(rows, columns, flat.device) * scale).expand(len(flat), -1, -1)
    flow = F.scaled_dot_product_attention(query, key, places, scale=1.0)
    return flow.transpose(1, 2).unflatten(2, person.shape[-2:])


def _tokens(cells: Tensor) -> Tensor:
    """[B, C, h, w] → [B, h*w, C]."""
    return cells.flatten(2).transpose(1, 2)


def _squared(vectors: Tensor) -> Tensor:
    """[B, N, 2] → squared lengths [B, N, 1]."""
    return vectors.square().sum(2, keepdim=True)


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
