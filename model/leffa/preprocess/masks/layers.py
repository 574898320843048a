"""What an agnostic mask is made of, one picture a part, for people who edit masks."""

from dataclasses import dataclass

from leffa.preprocess.agnostic_mask import clothing_mask
from leffa.preprocess.masks.labels import BARE_ARMS, FOREARMS, UPPER_ARMS
from leffa.preprocess.masks.morphology import Labels, Mask, among, as_picture
from leffa.preprocess.masks.policy import PROTECTABLE, protected


@dataclass(frozen=True)
class MaskLayers:
    """An agnostic mask and parts of the person, each uint8 [H, W] of the photo's size, 255 = yes.

    mask: what is repainted. cloth: the worn garments that a new one of the type replaces. arms: bare or in
    sleeves, from the shoulder to the wrist. The others are what `protect` of the same name spares. Layers
    may overlap: a sleeve is cloth and arm.
    """

    mask: Labels
    cloth: Labels
    arms: Labels
    hands: Labels
    face: Labels
    hair: Labels
    accessories: Labels
    shoes: Labels


def mask_layers(mask: Mask, labels: Labels, parts: Labels, garment_type: str) -> MaskLayers:
    """All layers of a person; labels are ATR (18 the neck), parts DensePose, all [H, W].

    Raises UnknownGarmentType.
    """
    spared = {name: protected(name, labels, parts) for name in PROTECTABLE}
    arms = among(parts, (*UPPER_ARMS, *FOREARMS)) | among(labels, BARE_ARMS)
    cloth = clothing_mask(labels, garment_type)
    layers = {"mask": mask, "cloth": cloth, "arms": arms & ~spared["hands"], **spared}
    return MaskLayers(**{name: as_picture(layer) for name, layer in layers.items()})
