"""Outfits: which garments are worn together, and pairs of outfits that differ in one garment."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from leffa.synth.bodies import random_colour
from leffa.synth.garments import (
    OPEN_KINDS,
    SKIRT_TOP,
    TOP_KINDS,
    TOP_ODDS,
    Garment,
    random_bottom,
    random_dress,
    random_top,
)
from leffa.tryon import GARMENT_TYPES

TYPE_ODDS = (0.55, 0.22, 0.23)
UNDER_KINDS = ("tshirt", "tank", "long_sleeve")


@dataclass(frozen=True)
class Outfit:
    """What one person wears; `tried` is the garment that the flat picture shows."""

    tried: Garment
    top: Garment | None = None
    under: Garment | None = None  # beneath an open top
    bottom: Garment | None = None
    dress: Garment | None = None
    tucked: bool = False
    belt: np.ndarray | None = None  # colour

    @property
    def waist(self) -> float:
        """Rest z of the waistband."""
        return self.bottom.waist if self.bottom is not None else SKIRT_TOP - 0.02


def random_outfits(rng: np.random.Generator) -> tuple[str, Outfit, Outfit]:
    """A garment type and two outfits that differ only in the garment of that type."""
    garment_type = str(rng.choice(GARMENT_TYPES, p=TYPE_ODDS))
    tucked, belt = bool(rng.random() < 0.3), random_colour(rng) if rng.random() < 0.3 else None
    if garment_type == "dresses":
        wide_belt = belt if rng.random() < 0.5 else None
        first, second = (Outfit(d, dress=d, belt=wide_belt) for d in (random_dress(rng), random_dress(rng)))
        return garment_type, first, second
    if garment_type == "lower_body":
        top, bottoms = _closed_top(rng), [random_bottom(rng), random_bottom(rng)]
        if tucked or belt is not None:  # the waistband stays where it is, else top and belt would move too
            bottoms[1] = replace(bottoms[1], waist=bottoms[0].waist)
        top = _long_enough(rng, top, max(b.waist for b in bottoms))
        first, second = (Outfit(b, top=top, bottom=b, tucked=tucked, belt=belt) for b in bottoms)
        return garment_type, first, second
    bottom = random_bottom(rng)
    tops = [_long_enough(rng, random_top(rng, _top_kind(rng, k)), bottom.waist) for k in range(2)]
    under = replace(_closed_top(rng, UNDER_KINDS), hem=0.13, ease=0.004, hang=0.0, limb_ease=0.0)
    first, second = (_upper_outfit(t, under, bottom, tucked, belt) for t in tops)
    return garment_type, first, second


def _top_kind(rng: np.random.Generator, number: int) -> str:
    """Kind of the source's (0) or target's (1) top: open fronts are rarer in the target."""
    kind = str(rng.choice(TOP_KINDS, p=TOP_ODDS))
    if number == 1 and kind in OPEN_KINDS and rng.random() < 0.4:
        return "long_sleeve"
    return kind


def _upper_outfit(
    top: Garment, under: Garment, bottom: Garment, tucked: bool, belt: np.ndarray | None
) -> Outfit:
    if top.open_front:
        thin = replace(under, sleeve=min(under.sleeve, top.sleeve - 0.1))
        return Outfit(top, top=top, under=thin, bottom=bottom, belt=belt)
    return Outfit(top, top=top, bottom=bottom, tucked=tucked and not top.uses_skirt, belt=belt)


def _closed_top(rng: np.random.Generator, kinds: tuple[str, ...] = TOP_KINDS) -> Garment:
    closed = [kind for kind in kinds if kind not in OPEN_KINDS]
    odds = np.array([TOP_ODDS[TOP_KINDS.index(kind)] for kind in closed])
    return random_top(rng, str(rng.choice(closed, p=odds / odds.sum())))


def _long_enough(rng: np.random.Generator, top: Garment, waist: float) -> Garment:
    """A top that reaches the waistband, except for one in twelve."""
    if rng.random() < 0.08:
        return top
    return replace(top, hem=min(top.hem, waist - 0.035))
