"""A person's layers: what is what, and that they fit the mask."""

import numpy as np
import pytest

from leffa.errors import UnknownGarmentType
from leffa.preprocess.masks import PROTECTABLE, mask_layers
from leffa.preprocess.masks.labels import Atr

SIZE = (8, 6)


def maps(label: int, part: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and parts with `label` in the upper half and `part` in the left half."""
    labels, parts = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
    labels[:4] = label
    parts[:, :3] = part
    return labels, parts


@pytest.mark.parametrize(
    ("name", "label", "part"),
    [
        ("cloth", Atr.UPPER_CLOTHES, 0),
        ("arms", Atr.LEFT_ARM, 19),
        ("hands", 0, 3),
        ("face", Atr.FACE, 0),
        ("hair", Atr.HAIR, 0),
        ("accessories", Atr.BAG, 0),
        ("shoes", Atr.RIGHT_SHOE, 5),
    ],
)
def test_a_layer_holds_its_labels_and_parts_and_no_other_layer_does(name: str, label: int, part: int) -> None:
    labels, parts = maps(label, part)
    layers = vars(mask_layers(np.zeros(SIZE, bool), labels, parts, "upper_body"))
    assert np.array_equal(
        layers[name] > 0, ((labels == label) & (label > 0)) | ((parts == part) & (part > 0))
    )
    assert {other for other, layer in layers.items() if layer.any()} == {name}


def test_a_hand_is_no_arm() -> None:
    labels, parts = maps(Atr.LEFT_ARM, 3)
    layers = mask_layers(np.zeros(SIZE, bool), labels, parts, "upper_body")
    assert layers.arms[:4, 3:].all() and not layers.arms[:, :3].any()


def test_layers_are_black_and_white_pictures() -> None:
    layers = vars(mask_layers(np.ones(SIZE, bool), *maps(Atr.HAIR, 3), "dresses"))
    assert set(layers) == {"mask", "cloth", "arms", *PROTECTABLE}
    for layer in layers.values():
        assert layer.shape == SIZE and layer.dtype == np.uint8 and set(np.unique(layer)) <= {0, 255}
    assert layers["mask"].all()


def test_an_unknown_type_has_no_layers() -> None:
    with pytest.raises(UnknownGarmentType):
        mask_layers(np.ones(SIZE, bool), *maps(Atr.HAIR, 3), "shoes")
