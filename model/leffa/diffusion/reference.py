"""Running the two UNets: features of the garment out of one, a prediction out of the other."""

from contextlib import suppress

from diffusers import UNet2DConditionModel
from torch import Tensor

from leffa.diffusion.attention import AttentionTap, FeaturesComplete, Recorder, Reference


def reference_features(
    reference_unet: UNet2DConditionModel, latent: Tensor, timestep: Tensor | int
) -> list[Tensor]:
    """What every self-attention of the reference UNet takes in, in execution order, each [B, tokens, C].

    latent [B, 4, h, w] is the garment's, timestep a scalar or [B]. The pass ends at the last self-attention:
    nothing behind it can reach the generative UNet. Gradients flow.
    """
    recorder = Recorder()
    with suppress(FeaturesComplete):
        reference_unet(latent, timestep, None, cross_attention_kwargs={"recorder": recorder})
    return recorder.features


def denoise(
    unet: UNet2DConditionModel,
    latent_in: Tensor,
    timestep: Tensor | int,
    features: list[Tensor],
    tap: AttentionTap | None = None,
) -> Tensor:
    """The generative UNet's prediction [B, 4, h, w] (noise or velocity, as it was trained).

    latent_in [B, 12, h, w] (see unets.CONDITION_CHANNELS), features from `reference_features` with the same
    B, timestep a scalar or [B]. A tap is filled with the attention of its layer; ValueError if there is no
    such layer. Gradients flow.
    """
    reference = Reference(features, tap)
    if tap is not None:
        tap.query = None
    prediction = unet(latent_in, timestep, None, cross_attention_kwargs={"reference": reference}).sample
    if tap is not None and tap.query is None:
        raise ValueError(f"no self-attention layer {tap.layer!r} to tap; see attention_layers()")
    return prediction
