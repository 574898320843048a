"""The maps of a result as pictures."""

import numpy as np

from leffa import drawings


def identity_flow(height: int, width: int) -> np.ndarray:
    """The flow that leaves a picture as it is."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.stack([(x + 0.5) / width * 2 - 1, (y + 0.5) / height * 2 - 1], axis=2)


def test_colours_run_over_the_garment() -> None:
    picture = drawings.flow_colours(identity_flow(64, 48))
    assert picture[0, 0, 0] < 5 and picture[0, -1, 0] > 250
    assert picture[0, 0, 1] < 5 and picture[-1, 0, 1] > 250
    assert (picture[..., 2] == 255).all()


def test_unknown_places_are_black_and_outer_ones_have_no_blue() -> None:
    flow = identity_flow(64, 48)
    flow[0, 0], flow[0, 1] = np.nan, 1.5
    picture = drawings.flow_colours(flow)
    assert picture[0, 0].tolist() == [0, 0, 0]
    assert picture[0, 1].tolist() == [255, 255, 0]


def test_the_identity_flow_leaves_a_garment_as_it_is() -> None:
    garment = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    warped = drawings.warp_garment(garment, identity_flow(64, 48))
    assert np.abs(warped.astype(int) - garment).max() <= 1


def test_every_label_has_a_colour_of_its_own() -> None:
    assert drawings.LABEL_COLOURS.shape == (19, 3)
    assert len(np.unique(drawings.LABEL_COLOURS, axis=0)) == 19
