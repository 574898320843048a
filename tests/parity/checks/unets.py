"""Kind `unets`: reference features, and the generative UNet's prediction with them."""

import re
from collections.abc import Callable, Iterator

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from checks.fixture import Fixture, Result, distance, mismatches, worst
from leffa.diffusion.attention import attention_layers
from leffa.diffusion.reference import denoise, reference_features
from leffa.diffusion.unets import PREFIXES, build_unets, load_part

PREDICTION, FEATURE = 1e-4, 2e-4
SHIFT = 0.5  # what is added to weights that must not matter


def check(fixture: Fixture) -> Iterator[Result]:
    """Everything at each timestep, another size of garment, and the weights that must not matter."""
    state = fixture.weights("weights.safetensors")
    reference_unet, unet = load_unets(fixture, state)
    if "feature_order" in fixture.facts:
        yield mismatches("feature_order", attention_layers(unet), fixture.fact("feature_order"))
    for timestep in fixture.fact("timesteps"):
        at = f"t{timestep}."
        yield from _check_pass(fixture, reference_unet, unet, at, "ref_latent", timestep)
        yield from _check_inside(fixture, reference_unet, unet, at, timestep)
    if "alt.ref_latent" in fixture.tensors:
        timestep = fixture.fact("alt_timestep")
        yield from _check_pass(fixture, reference_unet, unet, "alt.", "alt.ref_latent", timestep)
    if "unused_weight_keys" in fixture.facts:
        yield _check_unused(fixture, state)


def load_unets(
    fixture: Fixture, state: dict[str, Tensor]
) -> tuple[UNet2DConditionModel, UNet2DConditionModel]:
    """(reference, generative) as the fixture's config and the flat state dict have them."""
    reference_unet, unet = build_unets(fixture.fact("unet_config"))
    load_part(reference_unet, state, "reference_unet")
    load_part(unet, state, "unet")
    return reference_unet, unet


def _check_pass(
    fixture: Fixture,
    reference_unet: UNet2DConditionModel,
    unet: UNet2DConditionModel,
    prefix: str,
    latent: str,
    timestep: int,
) -> Iterator[Result]:
    features = reference_features(reference_unet, fixture.tensor(latent), timestep)
    expected = sorted(fixture.names(f"{prefix}ref_feature."), key=lambda name: int(name.rpartition(".")[2]))
    yield Result(f"{prefix}feature_count", abs(len(features) - len(expected)), 0)
    pairs = zip(features, expected, strict=False)
    yield from worst(
        f"{prefix}ref_feature", ((distance(got, fixture.tensor(name)), FEATURE) for got, name in pairs)
    )
    prediction = denoise(unet, fixture.tensor("latent_in"), timestep, features)
    expected_prediction = fixture.tensor(f"{prefix}noise_pred")
    yield Result(f"{prefix}noise_pred", distance(prediction, expected_prediction), PREDICTION)


def _check_inside(
    fixture: Fixture,
    reference_unet: UNet2DConditionModel,
    unet: UNet2DConditionModel,
    prefix: str,
    timestep: int,
) -> Iterator[Result]:
    """Blocks and the reference UNet's own output; the latter needs a pass that does not end early."""
    latent = fixture.tensor("ref_latent")
    features = reference_features(reference_unet, latent, timestep)
    with Outputs(reference_unet) as inside_reference:
        reference_unet(latent, timestep, None)
    with Outputs(unet) as inside_unet:
        denoise(unet, fixture.tensor("latent_in"), timestep, features)
    if f"{prefix}ref_sample" in fixture.tensors:
        got = inside_reference[f"up_blocks.{len(reference_unet.up_blocks) - 1}"]
        yield Result(f"{prefix}ref_sample", distance(got, fixture.tensor(f"{prefix}ref_sample")), PREDICTION)
    for side, outputs in (("ref", inside_reference), ("gen", inside_unet)):
        start = f"{prefix}dbg.{side}."
        pairs = [(outputs[name.removeprefix(start)], fixture.tensor(name)) for name in fixture.names(start)]
        # Upstream attends for the reference tokens too and drops those rows later; here they never exist.
        cut = [(got, expected[:, : got.shape[1]] if got.ndim == 3 else expected) for got, expected in pairs]
        yield from worst(f"{prefix}dbg.{side}", ((distance(*pair), PREDICTION) for pair in cut))


def _check_unused(fixture: Fixture, state: dict[str, Tensor]) -> Result:
    """Change of the prediction when all weights that are listed as unused are moved: exactly none."""
    unused = set(fixture.fact("unused_weight_keys"))
    moved = {key: value + SHIFT if key in unused else value for key, value in state.items()}
    predictions = []
    for weights in (state, moved):
        reference_unet, unet = load_unets(fixture, weights)
        timestep = fixture.fact("timesteps")[0]
        features = reference_features(reference_unet, fixture.tensor("ref_latent"), timestep)
        predictions.append(denoise(unet, fixture.tensor("latent_in"), timestep, features))
    missing = sum(not key.startswith(tuple(PREFIXES.values())) or key not in state for key in unused)
    return Result("unused_weights", distance(*predictions) + missing, 0)


class Outputs:
    """Listens to a UNet: `outputs["down_blocks.1"]` is what that submodule returned in the last pass."""

    def __init__(self, unet: nn.Module) -> None:
        self.unet = unet
        self.layer = attention_layers(unet)[0]
        self.seen: dict[str, Tensor] = {}
        self.hooks: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> "Outputs":
        for name, module in self.unet.named_modules():
            self.hooks.append(module.register_forward_hook(self._keep(name)))
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self.hooks:
            hook.remove()

    def __getitem__(self, name: str) -> Tensor:
        special = {
            "first_attn1_out": self.layer,
            "first_transformer_block_out": re.sub(r"\.attn1$", "", self.layer),
        }
        return self.seen[special.get(name, name)]

    def _keep(self, name: str) -> Callable[[nn.Module, object, object], None]:
        def keep(_: nn.Module, __: object, output: object) -> None:
            first = output[0] if isinstance(output, tuple) else output
            if isinstance(first, Tensor):
                self.seen[name] = first

        return keep
