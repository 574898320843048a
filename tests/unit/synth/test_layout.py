"""Layout coordinates name the same place of cloth on a person and in the flat picture."""

import numpy as np
import pytest
import torch

from leffa.mini.layout import PERSON_CELL, SEAM, same_cloth
from leffa.preprocess.garment import prepare_garment
from leffa.synth.flats import SKIRT_SEAM
from leffa.synth.layout import CELL, MARGIN, flat_layout, worn_layout
from leffa.synth.pairs import SynthPair, sample

HEIGHT, WIDTH = 256, 192
SEEDS = (7, 8, 9, 11, 12, 14)  # trousers, T-shirts, dresses, seen from the front


def whole_flat(pair: SynthPair) -> np.ndarray:
    box = (0.0, 0.0, float(WIDTH), float(HEIGHT))
    return flat_layout(pair.origin.garments[1], pair.origin.placements[1], box, HEIGHT, WIDTH)


@pytest.fixture(scope="module")
def pairs() -> dict[int, SynthPair]:
    return {seed: sample(seed, HEIGHT, WIDTH) for seed in SEEDS}


def test_the_flow_follows_from_both_layouts(pairs: dict[int, SynthPair]) -> None:
    """True coordinates, and a plain shell's in place of the garment's own cut: the flow is pixels off."""
    for seed, pair in pairs.items():
        worn, flat = (
            torch.from_numpy(layout).permute(2, 0, 1)[None]
            for layout in (worn_layout(pair.origin.scene), whole_flat(pair))
        )
        there = ~flat[:, :1].isnan()
        sure = torch.where(there, 20.0, -20.0)
        flow = same_cloth(
            worn.nan_to_num(9.0), flat[:, :2].nan_to_num(), 40 * flat[:, 2:].nan_to_num() - 20, sure
        )
        true = pair.flow[CELL // 2 :: CELL, CELL // 2 :: CELL]
        off = (flow[0].permute(1, 2, 0).numpy() - true) / 2 * (WIDTH, HEIGHT)
        both = ~np.isnan(true[..., 0]) & ~worn[0, 0].isnan().numpy()
        assert both.sum() > 50, seed
        assert np.median(np.hypot(*off[both].T)) < 4, seed


def test_a_garment_s_cut_changes_nothing_on_the_person(pairs: dict[int, SynthPair]) -> None:
    pair = pairs[8]
    layout = worn_layout(pair.origin.scene)
    assert layout.shape == (HEIGHT // CELL, WIDTH // CELL, 4) and layout.dtype == np.float32
    left, right = np.nanmin(layout[..., 0]), np.nanmax(layout[..., 0])
    assert left < -0.2 and right > 0.2  # metres, arms included
    body = pair.parts[CELL // 2 :: CELL, CELL // 2 :: CELL] > 0
    assert body[~np.isnan(layout[..., 0])].mean() > 0.8


def test_the_flat_s_layout_goes_on_where_the_garment_is_cut(pairs: dict[int, SynthPair]) -> None:
    for pair in pairs.values():
        layout = whole_flat(pair)
        assert layout.shape == (HEIGHT // CELL + 2 * MARGIN, WIDTH // CELL + 2 * MARGIN, 3)
        shown = pair.garment_alpha[CELL // 2 :: CELL, CELL // 2 :: CELL] > 0
        there = ~np.isnan(layout[MARGIN:-MARGIN, MARGIN:-MARGIN, 0])
        assert there[shown].mean() > 0.9
        assert there.sum() > shown.sum()


def test_a_box_moves_and_scales_the_flat_s_layout(pairs: dict[int, SynthPair]) -> None:
    pair = pairs[8]
    garment = prepare_garment(np.dstack([pair.garment, pair.garment_alpha]), HEIGHT, WIDTH)
    framed = flat_layout(pair.origin.garments[1], pair.origin.placements[1], garment.box, HEIGHT, WIDTH)
    shown = garment.alpha[CELL // 2 :: CELL, CELL // 2 :: CELL] > 0.5
    assert (~np.isnan(framed[MARGIN:-MARGIN, MARGIN:-MARGIN, 0]))[shown].mean() > 0.9
    assert PERSON_CELL % CELL == 0


def test_skirts_are_sewn_on_where_the_search_expects_them() -> None:
    assert SEAM == SKIRT_SEAM
