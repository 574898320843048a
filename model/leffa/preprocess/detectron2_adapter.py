"""DensePose by detectron2 itself, for those who have it installed, behind the same door as `densepose`.

Nothing here is needed: `densepose` gives the same maps with PyTorch alone. detectron2 is imported when a
network is loaded, and gets weights that were read safely, never a file to unpickle.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from leffa.errors import Unavailable
from leffa.preprocess.boxes import ANCHOR_STRIDES
from leffa.preprocess.densepose import (
    CONFIDENT,
    LIKELY,
    BodyMap,
    ChannelOrder,
    Picture,
    body_map,
    check_order,
    checked_weights,
    mask_parts,
)
from leffa.preprocess.densepose_net import BOX_CELLS, PROPOSALS, STAGES, STRIDES, Charts

GIT: Final = "git+https://github.com/facebookresearch/detectron2"
INSTALL: Final = f"pip install --no-build-isolation '{GIT}' '{GIT}#subdirectory=projects/DensePose'"
PYRAMID: Final = ["p2", "p3", "p4", "p5", "p6"]
# What densepose_rcnn_R_50_FPN_s1x sets apart from detectron2's defaults.
SETTINGS: Final[dict[str, Any]] = {
    "MODEL.BACKBONE.NAME": "build_resnet_fpn_backbone",
    "MODEL.RESNETS.OUT_FEATURES": list(STAGES),
    "MODEL.FPN.IN_FEATURES": list(STAGES),
    "MODEL.ANCHOR_GENERATOR.SIZES": [[ANCHOR_STRIDES * stride] for stride in STRIDES],
    "MODEL.RPN.IN_FEATURES": PYRAMID,
    "MODEL.RPN.PRE_NMS_TOPK_TEST": PROPOSALS,
    "MODEL.RPN.POST_NMS_TOPK_TEST": PROPOSALS,
    "MODEL.ROI_HEADS.NAME": "DensePoseROIHeads",
    "MODEL.ROI_HEADS.IN_FEATURES": PYRAMID[:-1],
    "MODEL.ROI_HEADS.NUM_CLASSES": 1,
    "MODEL.ROI_HEADS.SCORE_THRESH_TEST": LIKELY,
    "MODEL.ROI_BOX_HEAD.NAME": "FastRCNNConvFCHead",
    "MODEL.ROI_BOX_HEAD.NUM_FC": 2,
    "MODEL.ROI_BOX_HEAD.POOLER_RESOLUTION": BOX_CELLS,
    "MODEL.ROI_BOX_HEAD.POOLER_SAMPLING_RATIO": 2,
    "MODEL.ROI_BOX_HEAD.POOLER_TYPE": "ROIAlign",
    "MODEL.ROI_DENSEPOSE_HEAD.NAME": "DensePoseV1ConvXHead",
    "MODEL.ROI_DENSEPOSE_HEAD.POOLER_TYPE": "ROIAlign",
}


@dataclass(frozen=True)
class Detectron2DensePose:
    """detectron2's predictor as a DensePose; the fields mean the same there."""

    predictor: Any
    channel_order: ChannelOrder = "rgb"

    @classmethod
    def load(
        cls, state: Mapping[str, Tensor], device: str = "cpu", channel_order: ChannelOrder = "rgb"
    ) -> "Detectron2DensePose":
        """As DensePose.load. Raises Unavailable with the install command where there is no detectron2."""
        check_order(channel_order)
        try:
            get_cfg = import_module("detectron2.config").get_cfg
            predictor_class = import_module("detectron2.engine").DefaultPredictor
            add_densepose_config = import_module("densepose").add_densepose_config
        except (
            ImportError,
            RuntimeError,
            AttributeError,
        ) as error:  # whatever a build for another torch raises
            raise Unavailable(f"detectron2 cannot be used here: {error}.", fix=f"Run: {INSTALL}") from error
        config = get_cfg()
        add_densepose_config(config)
        config.merge_from_list([entry for setting in SETTINGS.items() for entry in setting])
        config.MODEL.DEVICE = device
        predictor = predictor_class(config)
        predictor.model.load_state_dict(checked_weights(state, predictor.model))
        return cls(predictor, channel_order)

    def detect(self, photo: Picture, exact: bool = False) -> BodyMap:
        """As DensePose.detect."""
        return self._detect(photo if self.channel_order == "rgb" else photo[..., ::-1], LIKELY, exact)

    def mask_parts(self, photo: Picture) -> Picture:
        """As DensePose.mask_parts."""
        return mask_parts(photo, lambda small: self._detect(small, CONFIDENT, exact=True))

    def _detect(self, picture: Picture, threshold: float, exact: bool) -> BodyMap:
        found = self.predictor(np.ascontiguousarray(picture))["instances"].to(torch.device("cpu"))
        found = found[found.scores > threshold]

        def charts_of(people: list[int]) -> Charts:
            answer = found.pred_densepose
            return Charts(
                *(part[people] for part in (answer.coarse_segm, answer.fine_segm, answer.u, answer.v))
            )

        return body_map(found.pred_boxes.tensor, found.scores, charts_of, picture.shape[:2], exact)
