"""One batch of try-ons in latent space: encode, denoise, decode."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional as F

from leffa.diffusion import transform
from leffa.diffusion.attention import AttentionTap, attention_layers
from leffa.diffusion.draws import Draw, replayed, seeded
from leffa.diffusion.guidance import guide, needs_unconditional
from leffa.diffusion.preview import colour_card, draw_latents, fit_colours
from leffa.diffusion.quirks import MASK_THRESHOLD, reference_step
from leffa.diffusion.reference import denoise, reference_features
from leffa.diffusion.sampler import advance, schedule
from leffa.errors import Cancelled

Progress = Callable[[int, int, Tensor], None]


@dataclass(frozen=True)
class Conditions:
    """What the UNets are told besides noise, in latent space.

    mask [B, 1, h, w], masked_latent [B, 4, h, w], densepose [B, 3, h, w], garment_latent [B, 4, h', w'].
    """

    mask: Tensor
    masked_latent: Tensor
    densepose: Tensor
    garment_latent: Tensor


@dataclass(frozen=True)
class PipelineOutput:
    """images [B, 3, H, W] float32 RGB 0..1; latents [B, 4, h, w] float32, the denoised ones.

    tap: attention of the asked layer in the last step, conditional rows only, else None.
    """

    images: Tensor
    latents: Tensor
    tap: AttentionTap | None


class LeffaPipeline:
    """VAE, the pair of UNets and a DDPM scheduler, joined. Holds no state of a request: threads can share it.

    The networks decide device and dtype; latents between the steps are float32. With `visit` the networks
    live where they are (in main memory) and each goes to that device only while it works, for GPUs that
    cannot hold them all; then one thread at a time may call it.
    """

    def __init__(
        self,
        vae: AutoencoderKL,
        reference_unet: UNet2DConditionModel,
        unet: UNet2DConditionModel,
        scheduler: DDPMScheduler,
        visit: torch.device | None = None,
    ) -> None:
        self.vae = vae
        self.reference_unet = reference_unet
        self.unet = unet
        self.scheduler = scheduler
        self.visit = visit
        self._colours: Tensor | None = None

    @torch.no_grad()
    def __call__(
        self,
        person: Tensor,
        garment: Tensor,
        mask: Tensor,
        densepose: Tensor,
        *,
        inference_steps: int,
        guidance_scale: float | None,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        draws: Mapping[str, Tensor] | None = None,
        ref_acceleration: bool = False,
        repaint: bool = False,
        flow_layer: str | None = None,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> PipelineOutput:
        """Dress each person [B, 3, H, W] in its garment [B, 3, H', W'], float RGB -1..1.

        mask [B, 1, H, W] is 0..1, 1 where to repaint; densepose [B, 3, H, W] -1..1. guidance_scale None runs
        without guidance. ref_acceleration runs the reference UNet once instead of at every step; repaint puts
        the person's own pixels back outside the (softened) mask. Randomness comes from `generator`, one or
        one a row (see draws.py), or from `draws` made before. progress(steps done, steps, latents [B, 4, h,
        w]) is called after every step; cancelled() before every step and before decoding: Cancelled is raised
        then. ValueError for sizes, steps or draws that do not fit.
        """
        draw = _draw(generator, draws)
        steps = schedule(self.scheduler, inference_steps)
        tap = self._tap(flow_layer)
        conditions = self.encode(person, garment, mask, densepose, draw)
        noise = draw("initial_noise", conditions.masked_latent.shape).to(conditions.masked_latent)
        latents = noise * self.scheduler.init_noise_sigma
        features: list[Tensor] = []
        for index, step in enumerate(steps):
            _check(cancelled)
            if not (ref_acceleration and features):
                seen_at = steps[reference_step(len(steps))] if ref_acceleration else step
                features = self.features(conditions, seen_at.t, guidance_scale)
            asked = tap if index == len(steps) - 1 else None
            prediction = self.predict(conditions, latents, step.t, features, guidance_scale, asked)
            if step.draws_noise:
                noise = draw(f"step_noise.{index}", latents.shape).to(latents)
            latents = advance(self.scheduler, step, latents, prediction, noise)
            if progress is not None:
                progress(index + 1, len(steps), latents)
        _check(cancelled)
        images = self.decode(latents)
        return PipelineOutput(_repaint(person, images, mask) if repaint else images, latents, tap)

    def encode(
        self, person: Tensor, garment: Tensor, mask: Tensor, densepose: Tensor, draw: Draw
    ) -> Conditions:
        """Pictures to latent space; takes the draws of the two posterior samples, masked person first."""
        masked_person = person * (mask < MASK_THRESHOLD)
        masked_latent = self.latent_of(masked_person, draw, "vae_masked_image")
        garment_latent = self.latent_of(garment, draw, "vae_ref_image")
        size = masked_latent.shape[-2:]
        mask, densepose = (
            F.interpolate(x.to(masked_latent), size, mode="nearest") for x in (mask, densepose)
        )
        return Conditions(mask, masked_latent, densepose, garment_latent)

    def decode(self, latents: Tensor) -> Tensor:
        """latents [B, 4, h, w] to pictures [B, 3, H, W], float32 0..1."""
        with self._at_work(self.vae):
            scaled = latents.to(self.vae.device) / self.vae.config.scaling_factor
            pictures = self.vae.decode(scaled.to(self.vae.dtype)).sample
        return (pictures.float() / 2 + 0.5).clamp(0, 1)

    def warm_up(self, height: int, width: int) -> None:
        """One guided step on grey pictures of this size, so that a first request finds kernels and memory."""
        grey = torch.zeros(1, 3, height, width, device=self.vae.device)
        everywhere = torch.ones_like(grey[:, :1])
        self(
            grey,
            grey,
            everywhere,
            grey,
            inference_steps=1,
            guidance_scale=2.5,
            generator=torch.Generator().manual_seed(0),
        )

    @torch.no_grad()
    def preview(self, latents: Tensor) -> Tensor:
        """latents [B, 4, h, w] as rough pictures, uint8 [B, h, w, 3], at next to no cost."""
        if self._colours is None:
            card = colour_card(2 ** (len(self.vae.config.block_out_channels) - 1))
            with self._at_work(self.vae):
                encoded = self.vae.encode(card.to(self.vae.device, self.vae.dtype)).latent_dist.mean
            self._colours = fit_colours(encoded * self.vae.config.scaling_factor, card)
        return draw_latents(latents, self._colours)

    def predict(
        self,
        conditions: Conditions,
        latents: Tensor,
        timestep: int,
        features: list[Tensor],
        guidance_scale: float | None,
        tap: AttentionTap | None = None,
    ) -> Tensor:
        """The guided prediction [B, 4, h, w] float32 for latents [B, 4, h, w] at a timestep."""
        parts = (latents, conditions.mask, conditions.masked_latent, conditions.densepose)
        latent_in = torch.cat([part.to(self.unet.dtype) for part in parts], dim=1)  # [B, 12, h, w]
        guided = guidance_scale is not None and needs_unconditional(guidance_scale)
        with self._at_work(self.unet):
            rows = torch.cat([latent_in] * 2) if guided else latent_in
            predicted = denoise(self.unet, rows, timestep, features, tap).float()
        if guidance_scale is None or not guided:
            return predicted
        if tap is not None:
            _keep_conditional(tap)
        unconditional, conditional = predicted.chunk(2)
        return guide(unconditional, conditional, guidance_scale)

    def features(self, conditions: Conditions, timestep: int, guidance_scale: float | None) -> list[Tensor]:
        """Reference features of the garments; with guidance the rows of the zero latent come first."""
        garment = conditions.garment_latent.to(self.reference_unet.dtype)
        if needs_unconditional(guidance_scale):
            garment = torch.cat([torch.zeros_like(garment), garment])
        with self._at_work(self.reference_unet):
            return reference_features(self.reference_unet, garment, timestep)

    @contextmanager
    def _at_work(self, network: nn.Module) -> Iterator[None]:
        """While inside, the network's weights are on the device of `visit`; main memory keeps them too."""
        if self.visit is None:
            yield
            return
        home = {name: parameter.data for name, parameter in network.named_parameters()}
        try:
            for parameter in network.parameters():
                parameter.data = parameter.data.to(self.visit)
            yield
        finally:
            for name, parameter in network.named_parameters():
                parameter.data = home[name]

    def _tap(self, layer: str | None) -> AttentionTap | None:
        if layer is not None and layer not in attention_layers(self.unet):
            raise ValueError(f"the UNet has no self-attention layer {layer!r}")
        return AttentionTap(layer) if layer is not None else None

    def latent_of(self, picture: Tensor, draw: Draw, name: str) -> Tensor:
        """A sample of the posterior, scaled, float32 [B, 4, h, w]."""
        with self._at_work(self.vae):
            posterior = self.vae.encode(picture.to(self.vae.device, self.vae.dtype)).latent_dist
        mean, std = posterior.mean.float(), posterior.std.float()
        return (mean + std * draw(name, mean.shape).to(mean.device)) * self.vae.config.scaling_factor


def _draw(
    generator: torch.Generator | Sequence[torch.Generator] | None, draws: Mapping[str, Tensor] | None
) -> Draw:
    if generator is not None and draws is None:
        return seeded(generator)
    if draws is not None and generator is None:
        return replayed(draws)
    raise ValueError("give either generator or draws")


def _check(cancelled: Callable[[], bool] | None) -> None:
    if cancelled is not None and cancelled():
        raise Cancelled()


def _keep_conditional(tap: AttentionTap) -> None:
    tap.query, tap.reference_key, tap.hidden_states = (
        None if x is None else x.chunk(2)[1] for x in (tap.query, tap.reference_key, tap.hidden_states)
    )


def _repaint(person: Tensor, images: Tensor, mask: Tensor) -> Tensor:
    """The repaint of every row, through 8 bits as upstream does it: images [B, 3, H, W] 0..1 again."""
    pictures = (transform.to_bytes(x) for x in (person / 2 + 0.5, images, mask))
    rows = [torch.from_numpy(transform.repaint(*row)) for row in zip(*pictures, strict=True)]
    return torch.stack(rows).permute(0, 3, 1, 2).to(images.device).float() / 255
