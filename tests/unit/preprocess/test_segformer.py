"""A SegFormer's labels become ours by their names, or are refused by name."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from leffa.errors import BadFolder, UnsupportedWeights
from leffa.preprocess.schp_parser import ATR, LIP
from leffa.preprocess.segformer import LabelMapping, SegformerParser

FASHN = (
    "background face hair top dress skirt pants belt bag hat scarf glasses arms hands legs feet torso jewelry"
)
NEEDED = ["Upper-clothes", "Face", "Left-arm", "Right-arm"]


class Hostile:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.trace,)


def atr(*names: str) -> list[int]:
    return [ATR.labels.index(name) for name in names]


def lip(*names: str) -> list[int]:
    return [LIP.labels.index(name) for name in names]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    transformers = pytest.importorskip("transformers")

    def save(labels: tuple[str, ...] = ATR.labels) -> Path:
        """A folder as the hub has it, with a model a few channels wide of random weights."""
        torch.manual_seed(0)
        config = transformers.SegformerConfig(
            depths=[1] * 4,
            hidden_sizes=[8] * 4,
            num_attention_heads=[1] * 4,
            mlp_ratios=[1] * 4,
            decoder_hidden_size=8,
            id2label=dict(enumerate(labels)),
        )
        folder = tmp_path_factory.mktemp("segformer")
        transformers.SegformerForSemanticSegmentation(config).save_pretrained(folder)
        transformers.SegformerImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
        return folder

    return save


@pytest.mark.parametrize("size", [(80, 60), (61, 90), (40, 1), (1, 1)])
def test_a_photo_gives_all_maps_at_its_size(saved: Callable[..., Path], size: tuple[int, int]) -> None:
    parser = SegformerParser.load(saved())
    parsed = parser.parse(np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8))
    for labels, count in ((parsed.parse, 19), (parsed.atr, 18), (parsed.lip, 20)):
        assert labels.shape == size and labels.dtype == np.uint8 and labels.max() < count


def test_labels_are_those_that_transformers_finds(saved: Callable[..., Path]) -> None:
    folder = saved()
    parser, photo = (
        SegformerParser.load(folder),
        np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8),
    )
    inputs = parser.processor(images=[photo], return_tensors="pt")
    with torch.no_grad():
        outputs = parser.model(**inputs)
    (expected,) = parser.processor.post_process_semantic_segmentation(outputs, target_sizes=[(64, 64)])
    assert (parser.parse(photo).atr == expected.numpy()).mean() > 0.999


def test_atrs_own_labels_map_to_themselves() -> None:
    mapping = LabelMapping.by_names(ATR.labels)
    assert mapping.atr.tolist() == [list(range(18))] * 2
    assert mapping.lip[0, atr("Left-shoe", "Face", "Bag")].tolist() == lip("Left-shoe", "Face", "Background")


def test_lips_own_labels_map_to_themselves_and_to_atr() -> None:
    mapping = LabelMapping.by_names(LIP.labels)
    assert mapping.lip[0].tolist() == list(range(20))
    kept = mapping.atr[0, lip("Coat", "Jumpsuits", "Socks", "Glove")].tolist()
    assert kept == atr("Upper-clothes", "Dress", "Left-leg", "Left-arm")


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("upper_clothes", "Upper-clothes"),
        ("top, t-shirt, sweatshirt", "Upper-clothes"),
        ("Trousers", "Pants"),
        ("bag, wallet", "Bag"),
        ("LEFT SHOE", "Left-shoe"),
        ("tights, stockings", "Left-leg"),
    ],
)
def test_names_are_read_as_people_write_them(name: str, meaning: str) -> None:
    assert LabelMapping.by_names([*NEEDED, name]).atr[0, 4] == atr(meaning)[0]


def test_limbs_without_a_side_get_that_of_a_person_who_faces_us() -> None:
    names = FASHN.split()
    mapping = LabelMapping.by_names(names)
    numbers = np.full((40, 61), names.index("arms"), np.uint8)
    numbers[:20, 25:36] = names.index("top")
    labels, lip_labels = mapping.maps(numbers)
    assert (labels[30, :30] == atr("Right-arm")).all() and (labels[30, 30:] == atr("Left-arm")).all()
    assert (lip_labels[30, :30] == lip("Right-arm")).all() and (lip_labels[30, 30:] == lip("Left-arm")).all()
    assert (labels[:20, 25:36] == atr("Upper-clothes")).all()


def test_a_neck_of_its_own_becomes_the_neck(saved: Callable[..., Path]) -> None:
    mapping = LabelMapping.by_names([*NEEDED, "Neck"])
    labels, lip_labels = mapping.maps(np.array([[1, 4]], np.uint8))
    assert labels.tolist() == [atr("Face", "Face")]
    assert lip_labels.tolist() == [lip("Face", "Background")]


def test_where_a_detail_is_likeliest_the_next_label_counts() -> None:
    assert LabelMapping.by_names(["zipper", *NEEDED, "pocket"]).channels == (1, 2, 3, 4)


def test_unknown_labels_are_named(saved: Callable[..., Path]) -> None:
    with pytest.raises(UnsupportedWeights, match="LABEL_18, spaceship cannot be mapped"):
        SegformerParser.load(saved((*ATR.labels, "LABEL_18", "spaceship")))


def test_a_parser_without_face_and_arms_is_refused() -> None:
    with pytest.raises(UnsupportedWeights, match="none for Face, Left-arm, Right-arm"):
        LabelMapping.by_names(["background", "shirt, blouse", "pants"])


def test_without_transformers_it_says_what_to_install(
    saved: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved()
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UnsupportedWeights) as caught:
        SegformerParser.load(folder)
    assert "leffa[segformer]" in caught.value.fix


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_a_folder_without_its_descriptions_is_refused(saved: Callable[..., Path], name: str) -> None:
    folder = saved()
    (folder / name).unlink()
    with pytest.raises(BadFolder, match=name):
        SegformerParser.load(folder)


@pytest.mark.parametrize("damage", [None, b"", b"half"])
def test_missing_or_damaged_weights_are_refused(saved: Callable[..., Path], damage: bytes | None) -> None:
    weights = saved() / "model.safetensors"
    whole = weights.read_bytes()
    weights.unlink()
    if damage is not None:
        weights.write_bytes(whole[: len(whole) // 2] if damage else damage)
    with pytest.raises(UnsupportedWeights, match="no SegFormer that can be used"):
        SegformerParser.load(weights.parent)


def test_incomplete_weights_are_refused(saved: Callable[..., Path]) -> None:
    from safetensors.torch import load_file, save_file

    weights = saved() / "model.safetensors"
    state = load_file(weights)
    state.pop("decode_head.classifier.weight")
    save_file(state, weights, {"format": "pt"})
    with pytest.raises(UnsupportedWeights, match="decode_head.classifier.weight"):
        SegformerParser.load(weights.parent)


def test_a_hostile_pickle_is_not_run(saved: Callable[..., Path], tmp_path: Path) -> None:
    weights, trace = saved() / "model.safetensors", tmp_path / "trace"
    weights.unlink()
    torch.save({"decode_head.classifier.bias": Hostile(trace)}, weights.with_name("pytorch_model.bin"))
    with pytest.raises(UnsupportedWeights):
        SegformerParser.load(weights.parent)
    assert not trace.exists()


def test_another_kind_of_model_is_refused(saved: Callable[..., Path]) -> None:
    config = saved() / "config.json"
    config.write_text('{"model_type": "vit"}')
    with pytest.raises(UnsupportedWeights, match="model type is vit"):
        SegformerParser.load(config.parent)
