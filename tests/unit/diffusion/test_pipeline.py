"""Whole small try-ons: who decides what, and when it stops."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor

from leffa.diffusion.attention import attention_layers
from leffa.diffusion.pipeline import LeffaPipeline
from leffa.errors import Cancelled


def inputs(rows: int = 1, seed: int = 0) -> list[Tensor]:
    """person, garment, mask, densepose; 32 x 24."""
    generator = torch.Generator().manual_seed(seed)
    person, garment, densepose = (torch.rand(3, rows, 3, 32, 24, generator=generator) * 2 - 1).unbind()
    mask = torch.zeros(rows, 1, 32, 24)
    mask[:, :, 8:24, 6:18] = 1
    return [person, garment, mask, densepose]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def run(pipeline: LeffaPipeline, *pictures: Tensor, **options: Any) -> Tensor:
    options = {"inference_steps": 2, "guidance_scale": 2.0, "generator": seeded(7), **options}
    return pipeline(*pictures, **options).images


def test_the_same_generator_gives_the_same_picture_and_another_does_not(pipeline: LeffaPipeline) -> None:
    first, again = (run(pipeline, *inputs()) for _ in range(2))
    assert first.shape == (1, 3, 32, 24) and first.min() >= 0 and first.max() <= 1
    assert torch.equal(first, again)
    assert not torch.equal(first, run(pipeline, *inputs(), generator=seeded(8)))


def test_the_global_generator_is_neither_used_nor_moved(pipeline: LeffaPipeline) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = run(pipeline, *inputs())
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(run(pipeline, *inputs()), first)


def test_a_row_of_a_batch_is_the_same_as_alone(pipeline: LeffaPipeline) -> None:
    pictures = inputs(rows=3)
    together = run(pipeline, *pictures, generator=[seeded(s) for s in (1, 2, 3)])
    for row in range(3):
        alone = run(pipeline, *(x[row : row + 1] for x in pictures), generator=seeded(row + 1))
        assert torch.allclose(together[row], alone[0], atol=1e-4)


def test_a_request_in_the_midst_of_another_changes_neither(pipeline: LeffaPipeline) -> None:
    outer_inputs, inner_inputs = inputs(seed=1), inputs(seed=2)
    alone = [run(pipeline, *pictures, ref_acceleration=True) for pictures in (outer_inputs, inner_inputs)]
    inner: list[Tensor] = []

    def another(step: int, total: int, latents: Tensor) -> None:
        inner.append(run(pipeline, *inner_inputs, ref_acceleration=True))

    outer = run(pipeline, *outer_inputs, ref_acceleration=True, progress=another)
    assert torch.equal(outer, alone[0])
    assert all(torch.equal(image, alone[1]) for image in inner) and len(inner) == 2


def test_requests_on_several_threads_get_their_own_pictures(pipeline: LeffaPipeline) -> None:
    alone = [run(pipeline, *inputs(seed=s), generator=seeded(s)) for s in range(4)]
    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(run, pipeline, *inputs(seed=s), generator=seeded(s)) for s in range(4)]
        together = [future.result() for future in work]
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(alone, together, strict=True))


def test_progress_counts_every_step(pipeline: LeffaPipeline) -> None:
    seen: list[tuple[int, int, tuple[int, ...]]] = []
    run(pipeline, *inputs(), inference_steps=3, progress=lambda i, n, x: seen.append((i, n, tuple(x.shape))))
    assert seen == [(i, 3, (1, 4, 4, 3)) for i in (1, 2, 3)]


@pytest.mark.parametrize("stop_after", [0, 1, 2, 3])
def test_cancelling_stops_at_the_next_step(pipeline: LeffaPipeline, stop_after: int) -> None:
    done: list[int] = []
    with pytest.raises(Cancelled):
        run(
            pipeline,
            *inputs(),
            inference_steps=3,
            progress=lambda step, total, latents: done.append(step),
            cancelled=lambda: len(done) >= stop_after,
        )
    assert len(done) == stop_after


@pytest.mark.parametrize(("fast", "expected"), [(False, 4), (True, 1)])
def test_acceleration_asks_the_reference_once(pipeline: LeffaPipeline, fast: bool, expected: int) -> None:
    times: list[int] = []
    hook = pipeline.reference_unet.register_forward_pre_hook(lambda _, inputs: times.append(int(inputs[1])))
    run(pipeline, *inputs(), inference_steps=4, ref_acceleration=fast)
    hook.remove()
    assert len(times) == expected
    assert times == ([499] if fast else [999, 749, 499, 249])


def test_scale_one_equals_no_guidance(pipeline: LeffaPipeline) -> None:
    at_one, without = (run(pipeline, *inputs(), guidance_scale=scale) for scale in (1.0, None))
    assert torch.equal(at_one, without)


def test_repaint_keeps_the_person_far_from_the_mask(pipeline: LeffaPipeline) -> None:
    pictures = inputs()
    images = run(pipeline, *pictures, repaint=True)
    person = (((pictures[0] / 2 + 0.5) * 255).round() / 255)[..., :3]
    assert torch.allclose(images[..., :3], person, atol=1e-6)
    assert not torch.allclose(images[..., 12], pictures[0][..., 12] / 2 + 0.5, atol=0.05)


@pytest.mark.parametrize("scale", [None, 2.0])
def test_the_tap_of_the_last_step_has_conditional_rows_only(
    pipeline: LeffaPipeline, scale: float | None
) -> None:
    layer = attention_layers(pipeline.unet)[-1]
    output = pipeline(
        *inputs(rows=2), inference_steps=2, guidance_scale=scale, generator=seeded(1), flow_layer=layer
    )
    assert output.tap is not None and output.tap.query is not None and output.tap.hidden_states is not None
    assert output.tap.query.shape[:3] == (2, 2, 12)
    assert output.tap.hidden_states.shape == (2, 12, 8)


def test_an_unknown_layer_is_refused_before_the_work(pipeline: LeffaPipeline) -> None:
    with pytest.raises(ValueError, match="no self-attention layer"):
        run(pipeline, *inputs(), flow_layer="up_blocks.7", progress=lambda *_: pytest.fail("it ran"))


def test_draws_can_be_replayed(pipeline: LeffaPipeline) -> None:
    generator, shape = seeded(7), (1, 4, 4, 3)
    names = ["vae_masked_image", "vae_ref_image", "initial_noise", "step_noise.0", "step_noise.1"]
    draws = {name: torch.randn(shape[1:], generator=generator)[None] for name in names}
    assert torch.equal(run(pipeline, *inputs(), generator=None, draws=draws), run(pipeline, *inputs()))
    del draws["step_noise.1"]
    with pytest.raises(ValueError, match=r"step_noise\.1"):
        run(pipeline, *inputs(), generator=None, draws=draws)


@pytest.mark.parametrize(
    "options", [{"generator": None}, {"draws": {}}, {"generator": [seeded(1), seeded(2)]}]
)
def test_randomness_comes_from_one_place_and_fits(pipeline: LeffaPipeline, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="generator"):
        run(pipeline, *inputs(), **options)
