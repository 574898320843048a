"""Kind `pipeline`: whole try-ons from given pictures and given draws, watched at every step."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from checks.fixture import DamagedFixture, Fixture, Result, distance, mismatches, worst
from checks.unets import load_unets
from leffa.diffusion import transform
from leffa.diffusion.pipeline import LeffaPipeline, PipelineOutput
from leffa.diffusion.sampler import build_scheduler
from leffa.diffusion.unets import load_part

BETA = 1e-5  # float32 rescaling to zero terminal SNR alone differs from float64 by 7e-6
UNET_INPUT, PREDICTION, DECODED = 1e-4, 3e-4, 3e-4
LATENT_RELATIVE, LATENT_ABSOLUTE = 3e-5, 3e-4
LEVELS, LEVEL_FRACTION = 1, 1e-3


def check(fixture: Fixture) -> Iterator[Result]:
    """The scheduler, then every run."""
    pipeline = _build(fixture)
    for name in ("betas", "alphas_cumprod"):
        if f"scheduler.{name}" in fixture.tensors:
            got = getattr(pipeline.scheduler, name)
            yield Result(f"scheduler.{name}", distance(got, fixture.tensor(f"scheduler.{name}")), BETA)
    settings = pipeline.scheduler.config
    effective = {
        k: v for k, v in fixture.facts.get("scheduler_effective_config", {}).items() if k in settings
    }
    yield mismatches("scheduler.config", settings, effective)
    for run in fixture.fact("runs"):
        yield from _check_run(fixture, pipeline, run)


def _build(fixture: Fixture) -> "Watched":
    own = fixture.weights("weights.safetensors")
    elsewhere = fixture.facts.get("weights_unets")
    reference_unet, unet = load_unets(fixture, fixture.weights(elsewhere) if elsewhere else own)
    vae = AutoencoderKL.from_config(fixture.fact("vae_config")).eval()
    load_part(vae, own, "vae")
    effective = fixture.facts.get("scheduler_effective_config", {})
    zero_snr = effective.get("rescale_betas_zero_snr")
    scheduler = build_scheduler(fixture.fact("scheduler_config_file"), zero_snr=zero_snr)
    return Watched(vae, reference_unet, unet, scheduler)


class Watched(LeffaPipeline):
    """The product's pipeline with ears: keeps what goes into and comes out of the networks."""

    def run(self, fixture: Fixture, run: Mapping[str, Any]) -> PipelineOutput:
        """One run of the fixture, its draws replayed; what was heard is in the attributes below."""
        prefix, options = run["prefix"], {**run, **run.get("call_kwargs", {})}
        start = f"{prefix}draw."
        draws = {name.removeprefix(start): fixture.tensor(name) for name in fixture.names(start)}
        inputs = (
            fixture.tensor(f"{prefix}in.{name}") for name in ("src_image", "ref_image", "mask", "densepose")
        )
        scale = (
            options.get("guidance_scale")
            if options.get("do_classifier_free_guidance", options.get("cfg", True))
            else None
        )
        self.timesteps: list[int] = []
        self.reference_timesteps: list[int] = []
        self.inputs: list[Tensor] = []
        self.reference_inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []
        self.guided: list[Tensor] = []
        self.latents: list[Tensor] = []
        hooks = (
            self.unet.register_forward_pre_hook(self._heard_input),
            self.unet.register_forward_hook(self._heard_output),
            self.reference_unet.register_forward_pre_hook(self._heard_reference),
        )
        try:
            return self(
                *inputs,
                inference_steps=_steps(options),
                guidance_scale=scale,
                draws=draws,
                ref_acceleration=options.get("ref_acceleration", False),
                repaint=options.get("repaint", False),
                progress=lambda step, total, latents: self.latents.append(latents),
            )
        finally:
            for hook in hooks:
                hook.remove()

    def predict(self, *arguments: Any, **options: Any) -> Tensor:
        """As the product's, heard."""
        self.guided.append(super().predict(*arguments, **options))
        return self.guided[-1]

    def _heard_input(self, _: nn.Module, arguments: tuple[Any, ...]) -> None:
        self.inputs.append(arguments[0])
        self.timesteps.append(int(arguments[1]))

    def _heard_output(self, _: nn.Module, __: object, output: Any) -> None:
        self.outputs.append(output[0] if isinstance(output, tuple) else output.sample)

    def _heard_reference(self, _: nn.Module, arguments: tuple[Any, ...]) -> None:
        self.reference_inputs.append(arguments[0])
        self.reference_timesteps.append(int(arguments[1]))


def _steps(options: Mapping[str, Any]) -> int:
    for name in ("num_inference_steps", "steps"):
        if name in options:
            return options[name]
    raise DamagedFixture(f"{options['prefix']} does not say how many steps")


def _check_run(fixture: Fixture, pipeline: Watched, run: Mapping[str, Any]) -> Iterator[Result]:
    prefix = run["prefix"]
    output = pipeline.run(fixture, run)
    if "timesteps" in run:
        yield mismatches(f"{prefix}timesteps", pipeline.timesteps, run["timesteps"])
    if "reference_unet_timesteps" in run:
        expected = run["reference_unet_timesteps"]
        yield mismatches(f"{prefix}reference_timesteps", pipeline.reference_timesteps, expected)
    yield from _check_moments(fixture, pipeline, prefix)
    heard = {
        "unet_in.step": (pipeline.inputs, UNET_INPUT),
        "unet_out.": (pipeline.outputs, PREDICTION),
        "guided_noise.": (pipeline.guided, PREDICTION),
        "latent.": (pipeline.latents, None),
        "ref_in": (pipeline.reference_inputs, UNET_INPUT),
        "final_latent": ([output.latents], None),
    }
    for name, (got, tolerance) in heard.items():
        yield from _check_series(fixture, prefix + name, got, tolerance)
    yield from _check_pictures(fixture, pipeline, prefix, output)


def _check_series(
    fixture: Fixture, name: str, got: list[Tensor], tolerance: float | None
) -> Iterator[Result]:
    """Tensors `name` + index against what was heard at that step; tolerance None is the latents' own."""
    measured = []
    for full in fixture.names(name):
        index = full.removeprefix(name) or "0"
        if not index.isdigit():
            continue
        expected = fixture.tensor(full)
        tensor = got[int(index)] if int(index) < len(got) else torch.empty(0)
        # Without effect the unconditional half is left out (guidance scale 1): it comes first in the fixture.
        if 2 * len(tensor) == len(expected):
            expected = expected[len(tensor) :]
        allowed = LATENT_RELATIVE * float(expected.abs().max()) + LATENT_ABSOLUTE
        measured.append((distance(tensor, expected), tolerance or allowed))
    return iter(worst(name.rstrip("."), measured))


def _check_moments(fixture: Fixture, pipeline: Watched, prefix: str) -> Iterator[Result]:
    """Mean and log-variance of both pictures, as the VAE gives them."""
    person, mask = fixture.tensor(f"{prefix}in.src_image"), fixture.tensor(f"{prefix}in.mask")
    pictures = {
        "masked_moments": person * (mask < 0.5),
        "ref_moments": fixture.tensor(f"{prefix}in.ref_image"),
    }
    for name, picture in pictures.items():
        if f"{prefix}vae.{name}" in fixture.tensors:
            got = pipeline.vae.encode(picture).latent_dist.parameters
            expected = fixture.tensor(f"{prefix}vae.{name}")
            yield Result(f"{prefix}vae.{name}", distance(got, expected), UNET_INPUT)


def _check_pictures(
    fixture: Fixture, pipeline: Watched, prefix: str, output: PipelineOutput
) -> Iterator[Result]:
    decoded = pipeline.decode(output.latents)
    if f"{prefix}decoded" in fixture.tensors:
        expected = fixture.tensor(f"{prefix}decoded")
        yield Result(f"{prefix}decoded", distance(decoded, expected), DECODED)
    for name, images in (("image_before_repaint_u8", decoded), ("image_final_u8", output.images)):
        if prefix + name in fixture.tensors:
            got, expected_bytes = transform.to_bytes(images), fixture.array(prefix + name)
            yield Result(f"{prefix}{name}", distance(got, expected_bytes), LEVELS)
            fraction = np.mean(got != expected_bytes) if got.shape == expected_bytes.shape else 1.0
            yield Result(f"{prefix}{name}.fraction", float(fraction), LEVEL_FRACTION)
