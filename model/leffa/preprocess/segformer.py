"""Any SegFormer that parses clothes, through transformers, its labels mapped by their names.

The third choice beside SCHP's two kinds of weights: `mattmdjaga/segformer_b2_clothes` and its relatives from
the hub, in a local folder. Needs the extra `segformer`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from leffa.errors import BadFolder, UnsupportedWeights
from leffa.preprocess.parsing import ParsedPerson
from leffa.preprocess.schp_parser import ATR, LIP, LabelSet, Photo, Scores, likeliest

Labels = NDArray[np.uint8]

# Words for one thing, without signs and plural. Those of "Arm", "Leg" and "Shoe" do not say whose side.
WORDS: Final = {
    "Background": "background bg everythingelse unlabeled unlabelled",
    "Hat": "hat cap headband headwear",
    "Hair": "hair",
    "Sunglasses": "sunglasses glasses eyeglasses",
    "Upper-clothes": "upperclothes top shirt tshirt blouse sweater sweatshirt cardigan jacket vest cape tie"
    " hood collar lapel epaulette sleeve neckline",
    "Skirt": "skirt",
    "Pants": "pants trousers shorts jeans",
    "Dress": "dress",
    "Belt": "belt",
    "Bag": "bag handbag wallet",
    "Scarf": "scarf",
    "Face": "face",
    "Neck": "neck torso torsoskin",
    "Coat": "coat",
    "Jumpsuits": "jumpsuit romper",
    "Socks": "socks",
    "Glove": "gloves",
    "Arm": "arms hands",
    "Leg": "legs legwarmer tights stockings",
    "Shoe": "shoes foot feet",
    **{f"{side}-{limb}": f"{side}{limb}" for side in ("left", "right") for limb in ("arm", "leg", "shoe")},
}
# Details that say nothing of the garment they are on, and things: there the next likely label counts.
DETAILS: Final = (
    "applique bead bow buckle flower fringe jewelry jewellery pocket ribbon rivet ruffle sequin tassel"
    " umbrella watch zipper"
)
# What ATR and LIP call the labels that one of them lacks. ATR sees a neck as face; LIP sees it as nothing, by
# which merging tells the two apart.
ATR_NAMES: Final = {
    "Coat": "Upper-clothes", "Glove": "Arm", "Jumpsuits": "Dress", "Neck": "Face", "Socks": "Leg",
}  # fmt: skip
LIP_NAMES: Final = {"Neck": "Background", "Belt": "Background", "Bag": "Background"}
# Without these a mask would cover face and hands, or nothing.
NEEDED: Final = ("Upper-clothes", "Face", "Left-arm", "Right-arm")
TRUNK: Final = ("Hair", "Face", "Upper-clothes", "Dress")
SIDES: Final = ("Left", "Right")
CONFIGS: Final = ("config.json", "preprocessor_config.json")


@dataclass(frozen=True)
class LabelMapping:
    """From a parser's own labels to ours.

    channels: those of its scores that count. atr, lip: uint8 [2, channels], our labels on the person's left
    and right.
    """

    channels: tuple[int, ...]
    atr: Labels
    lip: Labels

    @classmethod
    def by_names(cls, names: Sequence[str]) -> LabelMapping:
        """For labels of these names, in the order of the scores.

        Raises UnsupportedWeights that names labels that mean nothing here, and those that the masks need and
        the parser lacks.
        """
        meanings = {name: _meaning(name) for name in names}
        if unknown := [name for name, meaning in meanings.items() if meaning is None]:
            raise _unusable(f"{', '.join(unknown)} cannot be mapped to clothes or body parts")
        counted = {channel: meanings[name] for channel, name in enumerate(names) if meanings[name]}
        atr, lip = _table(counted.values(), ATR_NAMES, ATR), _table(counted.values(), LIP_NAMES, LIP)
        if lacking := [name for name in NEEDED if ATR.labels.index(name) not in atr]:
            raise _unusable(f"there is none for {', '.join(lacking)}")
        return cls(tuple(counted), atr, lip)

    def maps(self, numbers: Labels) -> tuple[Labels, Labels]:
        """ATR's and LIP's labels uint8 [H, W] for places in `channels` uint8 [H, W]."""
        trunk = np.isin(self.atr[0], [ATR.labels.index(name) for name in TRUNK])
        side = _persons_side(trunk[numbers])
        return self.atr[side, numbers], self.lip[side, numbers]


@dataclass(frozen=True)
class SegformerParser:
    """The model, what prepares photos for it, and what its labels mean. May be shared by threads."""

    model: Any
    processor: Any
    mapping: LabelMapping

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> SegformerParser:
        """From a local folder as the hub has it. Raises BadFolder, and UnsupportedWeights for other models,
        labels that cannot be mapped, incomplete weights, and where transformers is not installed.
        """
        if missing := [name for name in CONFIGS if not (folder / name).is_file()]:
            raise BadFolder(f"{folder} holds no SegFormer: there is no {missing[0]}.")
        model, processor = _read(folder)
        names = model.config.id2label
        mapping = LabelMapping.by_names([names[number] for number in sorted(names)])
        return cls(model.float().eval().requires_grad_(False).to(device), processor, mapping)

    def parse(self, photo: Photo, exact: bool = False) -> ParsedPerson:
        """All maps of a photo uint8 [H, W, 3] RGB, at its size; `exact` as in `label_merge.merge`."""
        return ParsedPerson.of(*self.mapping.maps(likeliest(self._scores_on(photo))), exact)

    @torch.inference_mode()
    def _scores(self, photo: Photo) -> Scores:
        """[labels, h, w], a quarter of the size that the processor makes of the photo."""
        pixels = self.processor(images=Image.fromarray(photo), return_tensors="pt")["pixel_values"]
        return self.model(pixels.to(self.model.device)).logits[0].cpu().numpy()

    def _scores_on(self, photo: Photo) -> Iterator[Scores]:
        height, width = photo.shape[:2]
        scores = self._scores(photo)
        for channel in self.mapping.channels:
            yield cv2.resize(scores[channel], (width, height), interpolation=cv2.INTER_LINEAR)


def _read(folder: Path) -> tuple[Any, Any]:
    """The model and its image processor. Raises UnsupportedWeights."""
    try:
        from transformers import AutoConfig, AutoImageProcessor, SegformerForSemanticSegmentation
    except ImportError as error:
        raise UnsupportedWeights(
            "SegFormer parsers need transformers, which is not installed.",
            fix="Install it: pip install 'leffa[segformer]'.",
        ) from error
    try:
        kind = AutoConfig.from_pretrained(folder, trust_remote_code=False).model_type
        if kind != "segformer":
            raise ValueError(f"its model type is {kind}")
        processor = AutoImageProcessor.from_pretrained(folder, trust_remote_code=False)
        model, report = SegformerForSemanticSegmentation.from_pretrained(folder, output_loading_info=True)
        if missing := sorted(report["missing_keys"]):
            raise ValueError(f"{len(missing)} weights are missing, for example {missing[0]}")
    except Exception as error:  # transformers passes on whatever its many readers raise
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise UnsupportedWeights(f"{folder} is no SegFormer that can be used: {reason}.") from error
    return model, processor


def _unusable(reason: str) -> UnsupportedWeights:
    return UnsupportedWeights(
        f"The parser's labels cannot be used: {reason}.",
        fix="Use a parser with labels like ATR's, such as mattmdjaga/segformer_b2_clothes.",
    )


def _meaning(name: str) -> str | None:
    """The key of WORDS for a label's name, empty for a detail, None for what is unknown.

    Of several names between commas the first counts.
    """
    word = _plain(name.split(",")[0])
    if word in map(_plain, DETAILS.split()):
        return ""
    return next((key for key, words in WORDS.items() if word in map(_plain, words.split())), None)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower()).rstrip("s")


def _table(meanings: Iterable[str | None], names: dict[str, str], label_set: LabelSet) -> Labels:
    """Numbers in a label set for keys of WORDS, uint8 [2, keys]: on the person's left and right."""
    known = [names.get(meaning, meaning) for meaning in meanings if meaning]
    rows = [[_number(name, side, label_set) for name in known] for side in SIDES]
    return np.array(rows, np.uint8)


def _number(name: str, side: str, label_set: LabelSet) -> int:
    numbers = {label.lower(): number for number, label in enumerate(label_set.labels)}
    return numbers[name.lower() if name.lower() in numbers else f"{side}-{name}".lower()]


def _persons_side(trunk: NDArray[np.bool_]) -> NDArray[np.intp]:
    """0 for columns on the left of a person who faces the camera, 1 on the right: [1, W].

    `trunk` bool [H, W] marks the person's head and trunk; without any the picture's middle divides.
    """
    columns = np.flatnonzero(trunk.any(0))
    middle = np.median(np.nonzero(trunk)[1]) if len(columns) else (trunk.shape[1] - 1) / 2
    return (np.arange(trunk.shape[1]) < middle).astype(np.intp)[None]
