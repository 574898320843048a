"""``leffa-mini`` behind the same verbs as every model: preprocess, generate, restore, and layers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from diffusers import DDPMScheduler
from numpy.typing import NDArray
from torch import Tensor

from leffa.device import AUTO, pick_device
from leffa.diffusion.attention import AttentionTap
from leffa.diffusion.pipeline import LeffaPipeline, PipelineOutput
from leffa.errors import UnsupportedWeights
from leffa.mini import DEFAULT_GUIDANCE, DEFAULT_STEPS
from leffa.mini.landmarks import LandmarkDetector
from leffa.mini.nets import (
    FLOW_LAYER,
    HEIGHT,
    PART_COLOURS,
    SCHEDULER_CONFIG,
    WEIGHTS,
    WIDTH,
    Layers,
    Mini,
    Readout,
)
from leffa.mini.parser import WEIGHTS as PARSER_WEIGHTS
from leffa.mini.parser import Parser
from leffa.mini.readout import agreed, read_attention, refine, render
from leffa.mini.scenes import Conditions, garment_half, look, person_half
from leffa.preprocess.garment import PreparedGarment
from leffa.preprocess.masks import MaskLayers, mask_layers
from leffa.preprocess.recall import LastAnswer
from leffa.preprocess.window import Window
from leffa.tryon import (
    GARMENT_TYPES,
    MaskRequest,
    Parameters,
    Preview,
    Progress,
    Restored,
    Scene,
    TryOnRequest,
)


class MiniModel:
    """The embedded demonstration model; see weights/MODEL_CARD.md for what it can and cannot do."""

    name = "mini"
    task = "tryon"
    weights = "embedded"
    dtype = "float32"
    default_steps = DEFAULT_STEPS
    default_guidance = DEFAULT_GUIDANCE

    def __init__(self, nets: Mini, detector: LandmarkDetector, parser: Parser, device: str) -> None:
        self.device = device
        self.weights_hash = weights_hash()
        self._nets = nets.to(device)
        self._detector = detector
        self._parser = parser
        self._pipeline = pipeline_of(nets)
        self._look = LastAnswer(lambda photo, exact: look(photo, detector, parser))

    def preprocess(self, request: TryOnRequest) -> Scene:
        """Keypoints → parsing → mask → garment. Raises BadPerson's, BadMask's and NoGarment."""
        seen = self._look(request.person)
        dressing = person_half(request, seen)
        garment, worn = garment_half(request.garment, request.garment_type, self._detector, self._parser)
        return Scene(
            mask=dressing.photo_mask,
            densepose=((PART_COLOURS[seen.parts] + 1) * 127.5).astype(np.uint8),
            parsing=seen.labels.copy(),
            conditions=Conditions(**vars(dressing), garment=garment),
            findings=[*seen.pose.findings, *worn, *garment.findings],
        )

    def layers(self, request: MaskRequest) -> MaskLayers:
        """The person's half of `preprocess`. Raises BadPerson's."""
        seen = self._look(request.person)
        mask = person_half(request, seen).photo_mask > 0
        return mask_layers(mask, seen.labels, seen.parts, request.garment_type)

    def warm_up(self) -> None:
        """One step on a grey picture."""
        self._pipeline.warm_up(HEIGHT, WIDTH)

    def generate(
        self,
        scene: Scene,
        parameters: Parameters,
        seed: int,
        progress: Progress,
        cancelled: Callable[[], bool],
        preview: Preview,
    ) -> PipelineOutput:
        """The Leffa pipeline at the native size."""

        def told(step: int, total: int, latents: Tensor) -> None:
            progress("denoise", step, total)
            preview(lambda: self._pipeline.preview(latents)[0].numpy())

        seen: Conditions = scene.conditions
        return self._pipeline(
            self._picture(seen.photo) * 2 - 1,
            self._picture(seen.garment.rgb) * 2 - 1,
            self._map(seen.mask),
            self._densepose(seen),
            inference_steps=parameters.inference_steps,
            guidance_scale=parameters.guidance_scale,
            generator=torch.Generator().manual_seed(seed),
            ref_acceleration=parameters.ref_acceleration,
            repaint=parameters.repaint,
            flow_layer=FLOW_LAYER,
            progress=told,
            cancelled=cancelled,
        )

    @torch.inference_mode()
    def restore(self, request: TryOnRequest, scene: Scene, generated: PipelineOutput) -> Restored:
        """Read flow and layers, then render the window at the photo's own resolution."""
        seen: Conditions = scene.conditions
        assert generated.tap is not None
        layers, readout = self._join(self._read(generated.tap, seen), generated.images, seen)
        window = seen.window
        photo = window.cut(request.person, window.height, window.width, cv2.INTER_AREA)
        mask = window.cut(seen.photo_mask, window.height, window.width, cv2.INTER_NEAREST)
        source = self._source(seen)
        flow = _to_source(readout.flow, seen.garment)
        answer = render(layers, flow, self._picture(photo), source, self._map(mask > 127))
        garment = cv2.resize(layers.garment[0, 0].float().cpu().numpy(), (window.width, window.height))
        garment_mask = np.where(garment * (mask > 127) > 0.5, 255, 0).astype(np.uint8)
        piece = (answer[0].permute(1, 2, 0).clamp(0, 1) * 255).round().byte().cpu().numpy()
        return Restored(
            image=window.paste(request.person, piece),
            garment_mask=window.paste(np.zeros_like(seen.photo_mask), garment_mask),
            flow=_over_photo(flow[0].permute(1, 2, 0).cpu().numpy(), window, request.person.shape),
        )

    def _read(self, tap: AttentionTap, seen: Conditions) -> Readout:
        """The attention's reading, agreed with that of layout coordinates."""
        silhouette = self._map(seen.garment.alpha)
        return agreed(read_attention(self._nets.head, tap), *self._layouts(seen), silhouette)

    def _layouts(self, seen: Conditions) -> tuple[Tensor, Tensor]:
        """Flow and outline from layout coordinates."""
        body = (
            self._numbers(values) for values in (seen.labels, seen.parts, seen.silhouette, seen.keypoints)
        )
        kind = torch.tensor([GARMENT_TYPES.index(seen.garment_type)], device=self.device)
        flow, outline = self._nets.layout(*body, self._cut_out(seen), kind)
        return flow, outline

    def _join(self, readout: Readout, decoded: Tensor, seen: Conditions) -> tuple[Layers, Readout]:
        """The layers of the answer at the native size, and the reading that they go with."""
        return refine(
            self._nets.refiner, readout, decoded=decoded, photo=self._picture(seen.photo),
            cloth=self._map(seen.cloth), mask=self._map(seen.mask), densepose=self._densepose(seen),
            garment=self._cut_out(seen),
        )[-1]  # fmt: skip

    def _cut_out(self, seen: Conditions) -> Tensor:
        """The garment [1, 4, H, W] 0..1 as RGB and silhouette."""
        return torch.cat([self._picture(seen.garment.rgb), self._map(seen.garment.alpha)], 1)

    def _source(self, seen: Conditions) -> Tensor:
        """The garment's own picture [1, 3, h, w] 0..1, no finer than the photo can show."""
        source = seen.garment.source
        left, top, right, bottom = seen.garment.box
        scale = min(1.0, seen.window.height / (bottom - top))
        size = max(1, round(source.shape[1] * scale)), max(1, round(source.shape[0] * scale))
        return self._picture(cv2.resize(source, size, interpolation=cv2.INTER_AREA))

    def _picture(self, picture: NDArray[np.uint8]) -> Tensor:
        return (
            torch.from_numpy(np.ascontiguousarray(picture)).to(self.device).permute(2, 0, 1)[None].float()
            / 255
        )

    def _numbers(self, values: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)[None]

    def _map(self, values: NDArray[np.bool_] | NDArray[np.float32]) -> Tensor:
        return self._numbers(values)[None].float()

    def _densepose(self, seen: Conditions) -> Tensor:
        return torch.from_numpy(PART_COLOURS[seen.parts]).to(self.device).permute(2, 0, 1)[None]


def load(device: str = "auto") -> MiniModel:
    """Load the embedded model.

    Raises UnsupportedWeights when a file is missing or does not fit, BadParameter for a device that is not
    there.
    """
    chosen = pick_device("cpu" if device == AUTO else device)  # small enough: no GPU is taken unasked
    try:
        return MiniModel(Mini().load(), LandmarkDetector(), Parser.load(PARSER_WEIGHTS), chosen)
    except (OSError, RuntimeError) as error:
        raise UnsupportedWeights(f"The embedded model cannot be loaded: {error}") from error


def pipeline_of(nets: Mini) -> LeffaPipeline:
    """The Leffa pipeline on the embedded networks."""
    return LeffaPipeline(nets.vae, nets.unet_encoder, nets.unet, DDPMScheduler(**SCHEDULER_CONFIG))


@cache
def weights_hash(paths: tuple[Path, ...] = (WEIGHTS, PARSER_WEIGHTS)) -> str:
    """SHA-256 over the trained files, as hexadecimal."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _to_source(flow: Tensor, garment: PreparedGarment) -> Tensor:
    """Coordinates into the cut-out [B, 2, h, w] → coordinates into the garment's own picture."""
    moved = garment.to_source(flow.permute(0, 2, 3, 1).cpu().numpy())
    return torch.from_numpy(moved).to(flow.device).permute(0, 3, 1, 2)


def _over_photo(flow: NDArray[np.float32], window: Window, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A flow [h, w, 2] over the window → the same over a photo of `shape`, NaN where the window is not.

    As fine as it was in the window, but no finer than the photo.
    """
    if (window.left, window.top, window.height, window.width) == (0, 0, *shape[:2]):
        return flow
    scale = min(1.0, flow.shape[0] / window.height)
    height, width = (max(1, round(side * scale)) for side in shape[:2])
    x = ((np.arange(width) + 0.5) / width * shape[1] - window.left) / window.width * flow.shape[1] - 0.5
    y = ((np.arange(height) + 0.5) / height * shape[0] - window.top) / window.height * flow.shape[0] - 0.5
    columns, rows = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    moved = cv2.remap(flow, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    outside = ((x < -0.5) | (x > flow.shape[1] - 0.5))[None] | ((y < -0.5) | (y > flow.shape[0] - 0.5))[
        :, None
    ]
    moved[outside] = np.nan
    return np.asarray(moved, np.float32)
