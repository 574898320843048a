"""Where the joints are: the OpenPose body model, loaded from `body_pose_model.pth` as it is published.

Network: Cao et al. 2017 ("Realtime Multi-Person 2D Pose Estimation using Part Affinity Fields"), the COCO
model of 18 points. A VGG-19 front makes features at an eighth of the size; six stages, each of two branches,
turn them into affinity fields (L1) and heat maps (L2), every stage seeing what the one before it made.
"""

from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from leffa.preprocess.keypoints import HEIGHT, WIDTH
from leffa.preprocess.openpose_decode import INPUT_HEIGHT, INPUT_WIDTH, STRIDE, decode
from leffa.weights.fitting import require_fit, shapes_of

FIELDS, HEAT_MAPS, FEATURES = 38, 19, 128
BRANCHES: Final = {"L1": FIELDS, "L2": HEAT_MAPS}
STAGES: Final = 6
FRONT: Final = {
    "conv1_1": 64, "conv1_2": 64, "conv2_1": 128, "conv2_2": 128, "conv3_1": 256, "conv3_2": 256,
    "conv3_3": 256, "conv3_4": 256, "conv4_1": 512, "conv4_2": 512, "conv4_3_CPM": 256,
    "conv4_4_CPM": FEATURES,
}  # fmt: skip
POOLED: Final = ("conv1_2", "conv2_2", "conv3_4")  # followed by a pool that halves the size
# Upstream names the wrong branch in its list of layers without ReLU, so that the last heat maps, alone of all
# branch ends, get one. preprocess/openpose/annotator/openpose/model.py: bodypose_model
RECTIFIED_END: Final = "Mconv7_stage6_L2"
PADDING: Final = 128  # grey, 0 for the network


class BodyPoseNet(nn.Module):
    """The network; its state dict has the keys of the published file."""

    def __init__(self) -> None:
        super().__init__()
        for name, (inputs, outputs, kernel) in _layers().items():
            self.add_module(name, nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2))

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor]:
        """Affinity fields [B, 38, H/8, W/8], about -1..1, and heat maps [B, 19, H/8, W/8], at least 0.

        Of BGR photos float32 [B, 3, H, W], -0.5..0.5; sides that are multiples of 8.
        """
        features = photo
        for name in FRONT:
            features = F.relu(self.get_submodule(name)(features))
            features = F.max_pool2d(features, 2) if name in POOLED else features
        fields, heat = (self._branch(1, branch, features) for branch in BRANCHES)
        for stage in range(2, STAGES + 1):
            seen = torch.cat([fields, heat, features], 1)
            fields, heat = (self._branch(stage, branch, seen) for branch in BRANCHES)
        return fields, heat

    def _branch(self, stage: int, branch: str, x: Tensor) -> Tensor:
        *names, end = _branch_layers(stage, branch)
        for name in names:
            x = F.relu(self.get_submodule(name)(x))
        x = self.get_submodule(end)(x)
        return F.relu(x) if end == RECTIFIED_END else x


def _layers() -> dict[str, tuple[int, int, int]]:
    """(inputs, outputs, kernel side) of every convolution, by its name in the file."""
    layers, inputs = {}, 3
    for name, outputs in FRONT.items():
        layers[name] = inputs, outputs, 3
        inputs = outputs
    for stage in range(1, STAGES + 1):
        for branch in BRANCHES:
            layers |= _branch_layers(stage, branch)
    return layers


def _branch_layers(stage: int, branch: str) -> dict[str, tuple[int, int, int]]:
    """The convolutions of one branch of one stage, in their order."""
    if stage == 1:
        shapes = [*[(FEATURES, FEATURES, 3)] * 3, (FEATURES, 512, 1), (512, BRANCHES[branch], 1)]
        return {f"conv5_{i}_CPM_{branch}": shape for i, shape in enumerate(shapes, 1)}
    seen = FEATURES + sum(BRANCHES.values())
    wide = [(seen, FEATURES, 7), *[(FEATURES, FEATURES, 7)] * 4]
    shapes = [*wide, (FEATURES, FEATURES, 1), (FEATURES, BRANCHES[branch], 1)]
    return {f"Mconv{i}_stage{stage}_{branch}": shape for i, shape in enumerate(shapes, 1)}


class OpenPose:
    """Finds the 18 body points of the person in a photo. One instance may be shared by threads."""

    def __init__(self, net: nn.Module, device: str = "cpu") -> None:
        """`net` maps as BodyPoseNet does; it is moved to `device`."""
        self.net = net.to(device).eval()
        self.device = device

    @classmethod
    def load(cls, state: Mapping[str, Tensor], device: str = "cpu") -> "OpenPose":
        """From the state dict of body_pose_model.pth; raises UnsupportedWeights where it is not that."""
        with torch.device("meta"):
            net = BodyPoseNet()
        require_fit(shapes_of(net.state_dict()), shapes_of(state), "The OpenPose checkpoint")
        net.load_state_dict(dict(state), assign=True)
        return cls(net.float(), device)

    @torch.inference_mode()
    def detect(self, photo: NDArray[np.uint8], exact: bool = False) -> NDArray[np.float64]:
        """The points float64 [18, 2] of the most prominent person in `photo`, uint8 RGB [H, W, 3].

        In pixels of the photo squeezed to 384x512, whatever its aspect; (0, 0) where a point is unseen.
        `exact` keeps upstream's choice of person and points. Raises NoPerson.
        """
        canvas = net_input(photo)
        batch = torch.from_numpy(canvas.transpose(2, 0, 1)[None] / np.float32(256) - np.float32(0.5))
        fields, heat = (maps[0].cpu().numpy() for maps in self.net(batch.to(self.device)))
        return decode(heat, fields, exact)


def net_input(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What the network sees of an RGB photo [H, W, 3]: uint8 BGR [184, 144, 3].

    By way of 384x512 and Pillow's bicubic filter, as upstream's demo does; padded with grey to whole cells.
    """
    middle = np.asarray(Image.fromarray(photo).resize((WIDTH, HEIGHT)))
    small = cv2.resize(middle[..., ::-1], (INPUT_WIDTH, INPUT_HEIGHT), interpolation=cv2.INTER_AREA)
    below, beside = -INPUT_HEIGHT % STRIDE, -INPUT_WIDTH % STRIDE
    return cv2.copyMakeBorder(small, 0, below, 0, beside, cv2.BORDER_CONSTANT, value=[PADDING] * 3)
