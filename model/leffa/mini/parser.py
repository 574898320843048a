"""The embedded parser: clothing labels (ATR-18) and body parts (DensePose's 24) of the person in a photo.

A small U-shaped network of our own, trained on synthetic people. Besides the picture it sees the silhouette
and the seventeen keypoints that `landmarks` finds, which are dependable on real photographs; so the body's
geometry comes from networks that know reality, and this one adds where cloth, skin and hair meet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from leffa.errors import Finding, NoGarment, UnsupportedWeights
from leffa.files import whole_file
from leffa.mini.landmarks import LandmarkDetector, Pose
from leffa.mini.limbs import KEYPOINTS, LIMBS, body_maps
from leffa.preprocess.agnostic_mask import clothing_mask
from leffa.preprocess.window import fit_window

HEIGHT, WIDTH = 256, 192
LABELS, PARTS = 18, 25
HEAT_STRIDE: Final = 4
HEAT_SIGMA: Final = 6.0  # pixels of the HEIGHT x WIDTH picture
FINEST: Final = 1024  # pixels of the longer side at which labels are decided; larger photos repeat them
WEIGHTS: Final = Path(__file__).parent / "weights" / "leffa-mini-parser.safetensors"


class Block(nn.Module):
    """Two 3x3 convolutions with a residual, group norm before each."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        """Make a block from `channels_in` to `channels_out` channels; both multiples of 8."""
        super().__init__()
        self.norm1 = nn.GroupNorm(8, channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.norm2 = nn.GroupNorm(8, channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.skip = nn.Conv2d(channels_in, channels_out, 1) if channels_in != channels_out else nn.Identity()
        nn.init.zeros_(self.conv2.weight)  # a block starts as its own skip: training begins calmly
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """[B, channels_in, h, w] → [B, channels_out, h, w]."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return h + self.skip(x)


class Attention(nn.Module):
    """Self-attention over all positions, added to the input."""

    def __init__(self, channels: int, head_dim: int = 32) -> None:
        """Make it for `channels` channels, a multiple of `head_dim`."""
        super().__init__()
        self.heads = channels // head_dim
        self.norm = nn.GroupNorm(8, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, h, w] → [B, C, h, w]."""
        tokens = self.qkv(self.norm(x)).flatten(2).transpose(1, 2)  # [B, h*w, 3C]
        q, k, v = tokens.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each [B, heads, h*w, d]
        mixed = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(mixed.permute(0, 1, 3, 2).reshape(x.shape))


class ParserNet(nn.Module):
    """Picture, silhouette and maps of joints and limbs to logits at half the picture's size."""

    def __init__(self, widths: tuple[int, int, int, int] = (16, 64, 128, 224)) -> None:
        """`widths`: channels at 1/2, 1/4, 1/8 and 1/16 of the picture."""
        super().__init__()
        half, quarter, eighth, sixteenth = widths
        self.stem = nn.Conv2d(4 * 4, half, 3, padding=1)
        self.down1 = nn.Conv2d(half, quarter, 3, stride=2, padding=1)
        self.body = nn.Conv2d(KEYPOINTS + len(LIMBS), quarter, 3, padding=1)
        self.enc1 = Block(quarter, quarter)
        self.down2 = nn.Conv2d(quarter, eighth, 3, stride=2, padding=1)
        self.enc2 = nn.Sequential(Block(eighth, eighth), Block(eighth, eighth))
        self.down3 = nn.Conv2d(eighth, sixteenth, 3, stride=2, padding=1)
        self.middle = nn.Sequential(
            Block(sixteenth, sixteenth), Attention(sixteenth), Block(sixteenth, sixteenth)
        )
        self.lift2 = nn.Conv2d(sixteenth, eighth, 1)
        self.up2 = Block(eighth, eighth)
        self.lift1 = nn.Conv2d(eighth, quarter, 1)
        self.up1 = Block(quarter, quarter)
        self.lift0 = nn.Conv2d(quarter, 4 * half, 1)
        self.fine = nn.Sequential(nn.SiLU(), nn.Conv2d(2 * half, 2 * half, 3, padding=1), nn.SiLU())
        self.out = nn.Conv2d(2 * half, LABELS + PARTS, 1)

    def forward(self, picture: Tensor, silhouette: Tensor, body: Tensor) -> tuple[Tensor, Tensor]:
        """Return label logits [B, 18, H/2, W/2] and part logits [B, 25, H/2, W/2].

        picture [B, 3, H, W] -1..1; silhouette [B, 1, H, W] 0..1; body [B, 29, H/4, W/4] 0..1.
        """
        x0 = self.stem(F.pixel_unshuffle(torch.cat([picture, silhouette * 2 - 1], 1), 2))
        x1 = self.enc1(self.down1(F.silu(x0)) + self.body(body))
        x2 = self.enc2(self.down2(x1))
        x3 = self.middle(self.down3(x2))
        x = self.up2(twice(self.lift2(x3)) + x2)
        x = self.up1(twice(self.lift1(x)) + x1)
        x = self.fine(torch.cat([F.pixel_shuffle(self.lift0(x), 2), x0], 1))
        logits = self.out(x)
        return logits[:, :LABELS], logits[:, LABELS:]


class Parser:
    """`ParserNet` with what it needs around it: photo in, maps at the photo's size out."""

    def __init__(self, net: ParserNet) -> None:
        """Wrap a network; it is put into evaluation mode."""
        self._net = net.eval()

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> Parser:
        """Read what `save_net` wrote. Raises UnsupportedWeights when it is missing or does not fit."""
        try:
            return cls(load_net(path))
        except (OSError, RuntimeError, SafetensorError) as error:
            raise UnsupportedWeights(f"{path.name} cannot be used: {error}") from error

    @torch.inference_mode()
    def parse(self, image: NDArray[np.uint8], pose: Pose) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return ATR-18 labels and DensePose parts of `image` (uint8 RGB [H, W, 3]), both uint8 [H, W]."""
        height, width = image.shape[:2]
        window = fit_window(pose.box, height, width, WIDTH / HEIGHT)
        picture = window.cut(image, HEIGHT, WIDTH, cv2.INTER_AREA)
        silhouette = window.cut(pose.person_mask, HEIGHT, WIDTH, cv2.INTER_AREA)
        keypoints = window.points(pose.keypoints, HEIGHT, WIDTH)
        logits = self._net(*net_inputs(picture[None], silhouette[None], keypoints[None]))
        # Upsampled before the decision: borders between labels stay smooth on large photos.
        maps = [_decide(part[0], window.height, window.width) for part in logits]
        blank = np.zeros((height, width), np.uint8)
        return window.paste(blank, maps[0]), window.paste(blank, maps[1])


def worn_garment(
    garment: NDArray[np.uint8], garment_type: str, detector: LandmarkDetector, parser: Parser
) -> tuple[NDArray[np.float32], Finding] | None:
    """Cut the garment off the person who wears it in what should be a product picture.

    `garment` is uint8 RGB [H, W, 3]. Returns its silhouette, float32 [H, W] 0..1, for `prepare_garment`, with
    the finding `garment_worn`; None when nobody wears it. Raises NoGarment when somebody is there, but
    nothing of `garment_type` on them.
    """
    pose = detector.wearer(garment)
    return None if pose is None else taken_off(parser.parse(garment, pose)[0], garment_type)


def taken_off(labels: NDArray[np.uint8], garment_type: str) -> tuple[NDArray[np.float32], Finding]:
    """The same from the ATR-18 labels of the person who wears it, uint8 [H, W]. Raises NoGarment."""
    alpha = clothing_mask(labels, garment_type).astype(np.float32)
    if alpha.mean() < 0.01:
        raise NoGarment("The garment picture shows a person without such a garment.", field="garment_image")
    detail = "The garment picture shows somebody wearing it; the garment was cut out of the photo."
    fix = "A picture of the garment alone, laid flat or hung, gives a better result."
    return alpha, Finding("garment_worn", detail, fix)


def net_inputs(
    pictures: NDArray[np.uint8], silhouettes: NDArray[np.float32], keypoints: NDArray[np.float32]
) -> tuple[Tensor, Tensor, Tensor]:
    """Bring arrays to what `ParserNet.forward` takes.

    pictures uint8 [B, H, W, 3]; silhouettes float32 [B, H, W] 0..1; keypoints float32 [B, 17, 3]: x, y in
    pixels and confidence 0..1.
    """
    picture = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
    silhouette = torch.from_numpy(np.ascontiguousarray(silhouettes))[:, None].float()
    height, width = pictures.shape[1:3]
    body = body_maps(torch.from_numpy(keypoints), height, width, HEAT_STRIDE, HEAT_SIGMA)
    return picture, silhouette, body


def load_net(path: Path) -> ParserNet:
    """Read what `save_net` wrote. Raises OSError, SafetensorError or RuntimeError otherwise."""
    net = ParserNet()
    net.load_state_dict({key: value.float() for key, value in load_file(path).items()})
    return net.eval()


def save_net(net: ParserNet, path: Path) -> None:
    """Write the weights as fp16 safetensors, whole or not at all. Raises CannotWrite."""
    with whole_file(path) as draft:
        save_file({key: value.half().contiguous() for key, value in net.state_dict().items()}, draft)


def _decide(logits: Tensor, height: int, width: int) -> NDArray[np.uint8]:
    """Winning class of [C, h, w] logits at another size: uint8 [height, width]."""
    scale = min(1.0, FINEST / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    best = np.full(size[::-1], -np.inf, np.float32)
    winner = np.zeros(size[::-1], np.uint8)
    for index, plane in enumerate(logits.float().numpy()):
        smooth = cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)
        better = smooth > best
        best[better] = smooth[better]
        winner[better] = index
    return cv2.resize(winner, (width, height), interpolation=cv2.INTER_NEAREST)


def twice(x: Tensor) -> Tensor:
    """[B, C, h, w] → [B, C, 2h, 2w], every value four times."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
