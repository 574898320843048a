"""The denoising schedule and its step, stateless (arXiv 2006.11239, with that paper's letters).

diffusers' DDPMScheduler keeps the settings and computes betas and timesteps; it is never changed by a
request.
"""

import copy
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

from diffusers import DDPMScheduler
from torch import Tensor

from leffa.diffusion.quirks import SPACING_WITH_PREVIOUS_BY_DIVISION, VARIANCE_FLOOR


def build_scheduler(config: Mapping[str, Any], zero_snr: bool | None = None) -> DDPMScheduler:
    """A DDPMScheduler from a base model's `scheduler_config.json`, whatever class that was written for.

    `zero_snr` overrules the file's `rescale_betas_zero_snr` (see quirks.ZERO_SNR_UNLESS_FOLDER_IS).
    ValueError for settings that the step below does not know.
    """
    known = inspect.signature(DDPMScheduler.__init__).parameters
    settings = {key: value for key, value in config.items() if key in known}
    if zero_snr is not None:
        settings["rescale_betas_zero_snr"] = zero_snr
    scheduler = DDPMScheduler(**settings)
    if scheduler.config.thresholding or scheduler.config.variance_type != "fixed_small":
        raise ValueError("only schedulers of fixed_small variance and without thresholding are supported")
    return scheduler


@dataclass(frozen=True)
class Step:
    """One step of the schedule: from timestep t to `previous` (negative: to the clean latent)."""

    t: int
    previous: int
    alpha_bar: float
    alpha_bar_previous: float

    @property
    def draws_noise(self) -> bool:
        """Whether the step takes a draw, which it does even where its weight is next to nothing."""
        return self.t > 0


def schedule(scheduler: DDPMScheduler, steps: int) -> list[Step]:
    """The steps of one request, noisiest first. ValueError where the spacing has no such timesteps."""
    total = scheduler.config.num_train_timesteps
    if not 1 <= steps <= total:
        raise ValueError(f"steps must be 1 to {total}, not {steps}")
    own = copy.copy(scheduler)  # set_timesteps writes to its object, which requests share
    own.set_timesteps(steps)
    timesteps = own.timesteps.tolist()[:steps]  # trailing spacing may round to one more, at t = -1
    if timesteps[0] >= total:
        raise ValueError(
            f"{steps} steps would start at t = {timesteps[0]}, but training ended at {total - 1}"
        )
    following = [*timesteps[1:], -1]
    if scheduler.config.timestep_spacing == SPACING_WITH_PREVIOUS_BY_DIVISION:
        following = [t - total // steps for t in timesteps]
    alpha_bar = scheduler.alphas_cumprod.tolist() + [1.0]  # index -1: the clean latent
    return [
        Step(t, previous, alpha_bar[t], alpha_bar[max(previous, -1)])
        for t, previous in zip(timesteps, following, strict=True)
    ]


def clean_latent(scheduler: DDPMScheduler, step: Step, x_t: Tensor, prediction: Tensor) -> Tensor:
    """x_0 as the network sees it, by its kind of prediction: noise, velocity (arXiv 2202.00512), x_0."""
    alpha, sigma = sqrt(step.alpha_bar), sqrt(1 - step.alpha_bar)
    match scheduler.config.prediction_type:
        case "epsilon":
            x_0 = (x_t - sigma * prediction) / alpha
        case "v_prediction":
            x_0 = alpha * x_t - sigma * prediction
        case _:
            x_0 = prediction
    if scheduler.config.clip_sample:
        x_0 = x_0.clamp(-scheduler.config.clip_sample_range, scheduler.config.clip_sample_range)
    return x_0


def advance(scheduler: DDPMScheduler, step: Step, x_t: Tensor, prediction: Tensor, noise: Tensor) -> Tensor:
    """x at the previous timestep: the posterior's mean (eq. 7) plus `noise` times its deviation.

    All tensors [B, 4, h, w] of one dtype; noise is standard normal; a step that draws none ignores it.
    """
    x_0 = clean_latent(scheduler, step, x_t, prediction)
    alpha_bar, alpha_bar_prev = step.alpha_bar, step.alpha_bar_previous
    alpha = alpha_bar / alpha_bar_prev
    beta = 1 - alpha
    mu = (sqrt(alpha_bar_prev) * beta * x_0 + sqrt(alpha) * (1 - alpha_bar_prev) * x_t) / (1 - alpha_bar)
    if not step.draws_noise:
        return mu
    variance = max((1 - alpha_bar_prev) / (1 - alpha_bar) * beta, VARIANCE_FLOOR)
    return mu + sqrt(variance) * noise
