"""What a person wears and where, in the labels of the mask rules: two SCHP networks and their merged map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leffa.errors import UnsupportedWeights
from leffa.preprocess.label_merge import FACE, merge
from leffa.preprocess.schp_parser import ATR, LIP, LabelSet, SchpParser


@dataclass(frozen=True)
class ParsedPerson:
    """Label maps of one photo, uint8 [H, W].

    parse: ATR's labels 0..17 with holes closed, and 18 the neck. atr: 0..17 and lip: 0..19 before merging.
    """

    parse: NDArray[np.uint8]
    atr: NDArray[np.uint8]
    lip: NDArray[np.uint8]

    @classmethod
    def of(cls, atr: NDArray[np.uint8], lip: NDArray[np.uint8], exact: bool = False) -> ParsedPerson:
        """Both maps, merged; `exact` as in `label_merge.merge`."""
        return cls(merge(atr, lip, exact), atr, lip)

    @property
    def face_mask(self) -> NDArray[np.bool_]:
        """The face without the neck, bool [H, W]."""
        return np.asarray(self.parse == FACE)


@dataclass(frozen=True)
class HumanParser:
    """The pair of parsers. May be shared by threads."""

    atr: SchpParser
    lip: SchpParser

    @classmethod
    def from_onnx(cls, atr_path: Path, lip_path: Path, device: str = "cpu") -> HumanParser:
        """From `parsing_atr.onnx` and `parsing_lip.onnx`. Raises FileMissing, UnsupportedWeights."""
        atr, lip = SchpParser.from_onnx(atr_path, ATR, device), SchpParser.from_onnx(lip_path, LIP, device)
        return cls(atr, lip)

    @classmethod
    def from_schp(
        cls, atr_state: Mapping[str, Any], lip_state: Mapping[str, Any], device: str = "cpu"
    ) -> HumanParser:
        """From the state dicts of SCHP's two `.pth` files.

        Raises UnsupportedWeights, also for the two the wrong way round.
        """
        atr, lip = (SchpParser.load(state, device) for state in (atr_state, lip_state))
        check_labels(atr, ATR)
        check_labels(lip, LIP)
        return cls(atr, lip)

    def parse(self, photo: NDArray[np.uint8], exact: bool = False) -> ParsedPerson:
        """All maps of a photo uint8 [H, W, 3] RGB, at its size, which upstream makes 384x512.

        `exact` as in `label_merge.merge`.
        """
        return ParsedPerson.of(self.atr.parse(photo), self.lip.parse(photo), exact)


def check_labels(parser: SchpParser, expected: LabelSet) -> None:
    """Raises UnsupportedWeights for a parser of the other label set."""
    if parser.label_set != expected:
        raise UnsupportedWeights(f"The weights for {expected.name} labels hold {parser.label_set.name}'s.")
