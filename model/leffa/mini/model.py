"""``leffa-mini`` behind the same three verbs as every model: preprocess, generate, restore."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import DDPMScheduler
from numpy.typing import NDArray
from torch import Tensor

from leffa.device import AUTO, pick_device
from leffa.diffusion.pipeline import LeffaPipeline, PipelineOutput
from leffa.errors import EmptyMask, Finding, PersonCutOff, UnsupportedWeights
from leffa.mini import DEFAULT_GUIDANCE, DEFAULT_STEPS
from leffa.mini.landmarks import LandmarkDetector, check_framing
from leffa.mini.nets import FLOW_LAYER, HEIGHT, PART_COLOURS, SCHEDULER_CONFIG, WEIGHTS, WIDTH, Mini
from leffa.mini.parser import WEIGHTS as PARSER_WEIGHTS
from leffa.mini.parser import Parser, worn_garment
from leffa.mini.readout import read_attention, refine, render
from leffa.preprocess.agnostic_mask import agnostic_mask, clothing_mask
from leffa.preprocess.garment import PreparedGarment, prepare_garment
from leffa.preprocess.masks import MaskPolicy, apply_policy
from leffa.preprocess.window import Window, fit_window
from leffa.tryon import Parameters, Preview, Progress, Restored, Scene, TryOnRequest

MIN_MASK = 0.005  # of the window: less cannot show a garment


@dataclass(frozen=True)
class Conditions:
    """What generation and restoring need, at the native size unless said.

    window: the part of the photo; photo uint8 [H, W, 3]; mask, cloth bool [H, W]; parts uint8 [H, W];
    garment: cut out, with its full-size source; photo_mask: uint8 at the photo's size.
    """

    window: Window
    photo: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    cloth: NDArray[np.bool_]
    parts: NDArray[np.uint8]
    garment: PreparedGarment
    photo_mask: NDArray[np.uint8]


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

    def preprocess(self, request: TryOnRequest) -> Scene:
        """Keypoints → parsing → window → mask → garment. Raises BadPerson's, BadMask's and NoGarment."""
        pose = self._detector.detect(request.person)
        if request.mask is None:
            check_framing(pose, request.garment_type)
        labels, parts = self._parser.parse(request.person, pose)
        request = _with_policy(request, labels, parts)
        garment, worn = self._cut_out(request)
        height, width = labels.shape
        window = fit_window(pose.box, height, width, WIDTH / HEIGHT)
        native = {
            "labels": window.cut(labels, HEIGHT, WIDTH, cv2.INTER_NEAREST),
            "parts": window.cut(parts, HEIGHT, WIDTH, cv2.INTER_NEAREST),
        }
        mask = _native_mask(request, window, native)
        conditions = Conditions(
            window=window,
            photo=window.cut(request.person, HEIGHT, WIDTH, cv2.INTER_AREA),
            mask=mask,
            cloth=clothing_mask(native["labels"], request.garment_type),
            parts=native["parts"],
            garment=garment,
            photo_mask=_photo_mask(request, window, mask),
        )
        return Scene(
            mask=conditions.photo_mask,
            densepose=((PART_COLOURS[parts] + 1) * 127.5).astype(np.uint8),
            parsing=labels,
            conditions=conditions,
            findings=[*pose.findings, *worn, *garment.findings],
        )

    def _cut_out(self, request: TryOnRequest) -> tuple[PreparedGarment, list[Finding]]:
        """The garment on white; from a photo of somebody wearing it only the cloth."""
        rgb = np.ascontiguousarray(request.garment[..., :3])
        worn = worn_garment(rgb, request.garment_type, self._detector, self._parser)
        if worn is None:
            return prepare_garment(request.garment, HEIGHT, WIDTH), []
        alpha, finding = worn
        return prepare_garment(request.garment, HEIGHT, WIDTH, alpha), [finding]

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
        readout = read_attention(self._nets.head, generated.tap)
        layers = refine(
            self._nets.refiner, readout, decoded=generated.images, photo=self._picture(seen.photo),
            cloth=self._map(seen.cloth), mask=self._map(seen.mask), densepose=self._densepose(seen),
            garment=torch.cat([self._picture(seen.garment.rgb), self._map(seen.garment.alpha)], 1),
        )  # fmt: skip
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
            flow=readout.flow[0].permute(1, 2, 0).cpu().numpy(),
        )

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

    def _map(self, values: NDArray[np.bool_] | NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)[None, None].float()

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


def _policy(request: TryOnRequest) -> MaskPolicy:
    return MaskPolicy(request.sleeves, request.length, request.protect)


def _with_policy(request: TryOnRequest, labels: NDArray[np.uint8], parts: NDArray[np.uint8]) -> TryOnRequest:
    """The request with its own mask, if it has one, as its policy wants it."""
    if request.mask is None:
        return request
    mask = apply_policy(request.mask > 127, labels, parts, request.garment_type, _policy(request))
    return replace(request, mask=np.where(mask, 255, 0).astype(np.uint8))


def _native_mask(
    request: TryOnRequest, window: Window, native: dict[str, NDArray[np.uint8]]
) -> NDArray[np.bool_]:
    if request.mask is not None:
        mask = window.cut(request.mask, HEIGHT, WIDTH, cv2.INTER_AREA) > 127
        if not mask.any():
            raise EmptyMask("The mask marks nothing near the person.", field="mask_image")
        return mask
    mask = agnostic_mask(native["labels"], native["parts"], request.garment_type)
    mask = apply_policy(mask, native["labels"], native["parts"], request.garment_type, _policy(request))
    if mask.mean() < MIN_MASK:
        raise PersonCutOff(field="human_image")
    return mask


def _photo_mask(request: TryOnRequest, window: Window, mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The agnostic mask at the photo's size, 0 or 255; zero outside the window."""
    blank = np.zeros(request.person.shape[:2], np.uint8)
    if request.mask is not None:
        piece = window.cut(request.mask, window.height, window.width, cv2.INTER_NEAREST)
    else:
        soft = cv2.resize(
            mask.astype(np.float32), (window.width, window.height), interpolation=cv2.INTER_LINEAR
        )
        piece = (soft * 255).astype(np.uint8)
    return window.paste(blank, np.where(piece > 127, 255, 0).astype(np.uint8))


def _to_source(flow: Tensor, garment: PreparedGarment) -> Tensor:
    """Coordinates into the cut-out [B, 2, h, w] → coordinates into the garment's own picture."""
    moved = garment.to_source(flow.permute(0, 2, 3, 1).cpu().numpy())
    return torch.from_numpy(moved).to(flow.device).permute(0, 3, 1, 2)
