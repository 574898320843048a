"""Classifier-free guidance and its rescale."""

from torch import Tensor


def guide(unconditional: Tensor, conditional: Tensor, scale: float) -> Tensor:
    """Guided prediction from the two halves [B, 4, h, w]: u + s (c - u), then rescaled where s > 0.

    The rescale's strength is s itself (quirks.GUIDANCE_RESCALE_EQUALS_SCALE).
    """
    guided = unconditional + scale * (conditional - unconditional)
    return rescale(guided, conditional, phi=scale) if scale > 0 else guided


def needs_unconditional(scale: float | None) -> bool:
    """Whether the unconditional half can change the result: without guidance (None) and at scale 1 it cannot.

    At scale 1 the guided prediction is the conditional one, and so has its spread already.
    """
    return scale is not None and scale != 1.0


def rescale(guided: Tensor, conditional: Tensor, phi: float) -> Tensor:
    """Bring `guided` to the deviation of `conditional`, by strength phi (arXiv 2305.08891, eq. 15-16).

    Both [B, …]; deviations are per sample over all other axes, unbiased. phi 0 changes nothing, 1 matches the
    deviation, above 1 goes beyond it.
    """
    axes = tuple(range(1, guided.ndim))
    sigma_pos, sigma_cfg = (x.std(dim=axes, keepdim=True) for x in (conditional, guided))
    rescaled = guided * (sigma_pos / sigma_cfg)
    return phi * rescaled + (1 - phi) * guided
