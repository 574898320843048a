"""An official model: preprocess, generate, restore."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from leffa.device import plan
from leffa.diffusion.attention import attention_layers, layer_grid
from leffa.diffusion.flow import flow_from_attention
from leffa.diffusion.pipeline import LeffaPipeline, PipelineOutput
from leffa.diffusion.transform import LATENT_FACTOR, repaint, to_bytes
from leffa.errors import UnknownModel
from leffa.official.networks import load_pipeline
from leffa.official.options import OfficialOptions
from leffa.official.scenes import Conditions, pose_scene, tryon_layers, tryon_scene
from leffa.official.sight import densepose, open_eyes
from leffa.official.sizes import preprocessor_bytes
from leffa.preprocess.masks import MaskLayers
from leffa.tryon import (
    EMBEDDED,
    MaskRequest,
    Parameters,
    Preview,
    Progress,
    Request,
    Restored,
    Scene,
    TryOnRequest,
)
from leffa.weights.catalogue import SPECS, ModelSpec, bytes_in_16_bits, preferred
from leffa.weights.origins import fingerprint

FLOW_HALVINGS = 2  # of the latent: a grid of 32x24 at the native size, fine enough to see and quick to read


class OfficialModel:
    """A published Leffa model on its weights.

    `look` turns a request into what the pipeline takes; `layers` finds the layers of a mask.
    """

    weights = "official"

    def __init__(
        self,
        spec: ModelSpec,
        pipeline: LeffaPipeline,
        look: Callable[[Any], Scene],
        layers: Callable[[MaskRequest], MaskLayers],
        weights_hash: str,
        device: str,
        preprocessors: dict[str, str],
    ) -> None:
        self.name = spec.id
        self.task: str = spec.task
        self.default_steps, self.default_guidance = spec.default_steps, spec.default_guidance
        self.device, self.dtype = device, str(pipeline.unet.dtype).removeprefix("torch.")
        self.weights_hash, self.preprocessors = weights_hash, preprocessors
        self._pipeline, self._size = pipeline, spec.size
        self._look, self.layers = look, layers
        self._flow_layer, self._flow_grid = _flow_layer(pipeline, spec)

    def preprocess(self, request: Request) -> Scene:
        """Fit the photo, find clothes, keypoints and body. Raises BadPerson's, BadMask's and NoGarment."""
        return self._look(request)

    def warm_up(self) -> None:
        """One step on a grey picture; not on a CPU, where it takes minutes and saves nothing."""
        if self.device != "cpu":
            width, height = self._size
            self._pipeline.warm_up(height, width)

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

        inputs = scene.conditions.inputs
        return self._pipeline(
            inputs.person,
            inputs.garment,
            inputs.mask,
            inputs.densepose,
            inference_steps=parameters.inference_steps,
            guidance_scale=parameters.guidance_scale,
            generator=torch.Generator().manual_seed(seed),
            ref_acceleration=parameters.ref_acceleration,
            repaint=parameters.repaint,
            flow_layer=self._flow_layer,
            progress=told,
            cancelled=cancelled,
        )

    @torch.inference_mode()
    def restore(self, request: Request, scene: Scene, generated: PipelineOutput) -> Restored:
        """Cut the canvas back to the photo and enlarge it to the photo's size."""
        seen: Conditions = scene.conditions
        assert generated.tap is not None and generated.tap.query is not None
        assert generated.tap.reference_key is not None
        image = seen.person.cut(to_bytes(generated.images)[0])
        if isinstance(request, TryOnRequest) and request.repaint and seen.person.box[2:] != seen.person.shape:
            image = repaint(request.person, image, scene.mask)  # once more, in the photo's own pixels
        flow = flow_from_attention(generated.tap.query, generated.tap.reference_key, *self._flow_grid)
        return Restored(
            image=np.ascontiguousarray(image),
            garment_mask=scene.mask,
            flow=seen.person.cut_flow(flow, seen.garment),
        )


def load(model: str, device: str, options: OfficialOptions, resident: bool | None = None) -> OfficialModel:
    """Load one of SPECS from the weights folder; `resident` as in TryOn.load.

    Raises FileMissing, BadFolder, UnsupportedWeights, and BadParameter for a device or precision that this
    machine does not have.
    """
    spec = SPECS[model]
    path = preferred(options.weights / spec.checkpoint)
    beside = sum(preprocessor_bytes(spec, options).values())
    chosen = plan(device, options.dtype, bytes_in_16_bits(spec, path), beside)
    if resident is not None:
        chosen = replace(chosen, resident=resident)
    pipeline = load_pipeline(options.weights, spec, chosen)
    look, layers = _verbs(spec, options, chosen.device)
    return OfficialModel(
        spec,
        pipeline,
        look=look,
        layers=layers,
        weights_hash=fingerprint(path),
        device=chosen.device,
        preprocessors=_preprocessors(spec, options),
    )


def _verbs(
    spec: ModelSpec, options: OfficialOptions, device: str
) -> tuple[Callable[[Any], Scene], Callable[[MaskRequest], MaskLayers]]:
    """What turns a request into a scene, and a mask's request into its layers."""
    if spec.task == "pose":
        return partial(pose_scene, densepose(options, device), spec), _no_layers
    sight = open_eyes(options, device)
    return partial(tryon_scene, sight, spec), partial(tryon_layers, sight, spec)


def _no_layers(request: MaskRequest) -> MaskLayers:
    dressers = [EMBEDDED, *(name for name, spec in SPECS.items() if spec.task == "tryon")]
    raise UnknownModel(
        "A pose transfer repaints the whole photo: its mask has no layers.", field="model", allowed=dressers
    )


def _preprocessors(spec: ModelSpec, options: OfficialOptions) -> dict[str, str]:
    """The settings that another picture may come of, by their names."""
    names = ("densepose",) if spec.task == "pose" else ("densepose", "keypoints", "parser")
    return {name: getattr(options, name) for name in names}


def _flow_layer(pipeline: LeffaPipeline, spec: ModelSpec) -> tuple[str, tuple[int, int]]:
    """The last self-attention of the wanted grid, and that grid's (height, width)."""
    width, height = (side // LATENT_FACTOR for side in spec.size)
    grids = {name: layer_grid(pipeline.unet, name, height, width) for name in attention_layers(pipeline.unet)}
    coarsest = min(grids.values())
    wanted = max(coarsest, (-(-height // 2**FLOW_HALVINGS), -(-width // 2**FLOW_HALVINGS)))
    return [(name, grid) for name, grid in grids.items() if grid == wanted][-1]
