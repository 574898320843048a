"""The schedule, its step and guidance, against diffusers and against their definitions."""

import pytest
import torch
from diffusers import DDPMScheduler
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leffa.diffusion.guidance import guide, needs_unconditional, rescale
from leffa.diffusion.sampler import advance, build_scheduler, clean_latent, schedule

NOISE = {"beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": False}
SPACINGS = ({"timestep_spacing": "leading", "steps_offset": 1}, {"timestep_spacing": "trailing"})


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(SPACINGS),
    st.sampled_from([1, 2, 4, 5, 8, 10, 20]),
    st.sampled_from(["epsilon", "v_prediction", "sample"]),
    st.booleans(),
    st.integers(0, 999),
)
def test_a_step_is_the_one_of_diffusers(
    spacing: dict[str, object], steps: int, prediction_type: str, clip: bool, seed: int
) -> None:
    config = {**NOISE, **spacing, "prediction_type": prediction_type, "clip_sample": clip}
    scheduler = build_scheduler(config)
    theirs = DDPMScheduler(**config)
    theirs.set_timesteps(steps)
    step = schedule(scheduler, steps)[seed % steps]
    x_t, output = torch.randn(2, 1, 4, 3, 3, generator=torch.Generator().manual_seed(seed))
    expected = theirs.step(output, step.t, x_t, generator=torch.Generator().manual_seed(seed)).prev_sample
    noise = torch.randn(x_t.shape, generator=torch.Generator().manual_seed(seed))
    assert torch.allclose(advance(scheduler, step, x_t, output, noise), expected, atol=2e-5, rtol=1e-4)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(SPACINGS), st.integers(1, 999))
@example(SPACINGS[1], 61)  # diffusers rounds to 62 timesteps
def test_timesteps_fall_and_the_last_step_ends_clean(spacing: dict[str, object], steps: int) -> None:
    plan = schedule(build_scheduler({**NOISE, **spacing}), steps)
    times = [step.t for step in plan]
    assert times == sorted(times, reverse=True) and len(set(times)) == steps
    assert all(step.alpha_bar_previous >= step.alpha_bar for step in plan)
    if spacing["timestep_spacing"] == "trailing" or steps <= 500:
        assert plan[-1].previous < 0 and plan[-1].alpha_bar_previous == 1


def test_zero_terminal_snr_starts_from_pure_noise() -> None:
    scheduler = build_scheduler({**NOISE, **SPACINGS[1], "prediction_type": "v_prediction"}, zero_snr=True)
    first = schedule(scheduler, 8)[0]
    assert (first.t, first.alpha_bar) == (999, pytest.approx(0, abs=1e-8))
    velocity = torch.randn(1, 4, 2, 2)
    assert torch.allclose(
        clean_latent(scheduler, first, torch.randn(1, 4, 2, 2), velocity), -velocity, atol=1e-3
    )


def test_planning_leaves_the_shared_scheduler_alone() -> None:
    scheduler = build_scheduler(NOISE)
    before = scheduler.timesteps.clone()
    schedule(scheduler, 3)
    assert torch.equal(scheduler.timesteps, before) and scheduler.num_inference_steps is None


@pytest.mark.parametrize("steps", [0, -1, 1000, 1001])
def test_steps_that_the_schedule_does_not_have(steps: int) -> None:
    with pytest.raises(ValueError, match="steps"):
        schedule(build_scheduler({**NOISE, **SPACINGS[0]}), steps)


@pytest.mark.parametrize("setting", [{"thresholding": True}, {"variance_type": "learned"}])
def test_settings_without_meaning_here_are_refused(setting: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="supported"):
        build_scheduler({**NOISE, **setting})


def test_rescale_matches_the_spread_at_one_and_goes_beyond_above() -> None:
    guided, conditional = torch.randn(2, 3, 4, 5, 6) * torch.tensor([3.0, 1.0]).view(2, 1, 1, 1, 1)
    spread = conditional.std(dim=(1, 2, 3))
    assert torch.allclose(rescale(guided, conditional, 1.0).std(dim=(1, 2, 3)), spread, rtol=1e-4)
    assert torch.equal(rescale(guided, conditional, 0.0), guided)
    assert (rescale(guided, conditional, 1.2).std(dim=(1, 2, 3)) < spread).all()


def test_at_scale_one_the_unconditional_half_has_no_say() -> None:
    u, c = torch.randn(2, 2, 4, 5, 6)
    assert torch.allclose(guide(u, c, 1.0), c, atol=1e-5)
    assert torch.equal(guide(u, c, 0.0), u)
    assert [needs_unconditional(scale) for scale in (None, 1.0, 0.0, 2.5)] == [False, False, True, True]
