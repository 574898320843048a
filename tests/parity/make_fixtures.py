"""Make tests/parity/fixtures anew from reference.py: `python tests/parity/make_fixtures.py`.

Networks a few channels wide with noise for weights, so that nothing is trivially 0 or 1 and a swapped layer
shows. diffusers says which weights there are; all numbers come from the reference.
"""

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import reference
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.numpy import load_file, save_file

FOLDER = Path(__file__).parent / "fixtures"
Array = np.ndarray
Arrays = dict[str, Array]

SD15 = {
    "act_fn": "silu",
    "attention_head_dim": 2,
    "block_out_channels": [4, 8],
    "cross_attention_dim": 4,
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "in_channels": 9,
    "layers_per_block": 1,
    "norm_num_groups": 2,
    "out_channels": 4,
    "sample_size": 8,
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
}
SDXL = {
    **SD15,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 2,
    "attention_head_dim": [2, 4],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
    "projection_class_embeddings_input_dim": 6,
    "transformer_layers_per_block": [1, 2],
    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
    "use_linear_projection": True,
}
VAE = {
    "act_fn": "silu",
    "block_out_channels": [4, 4, 4, 4],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "in_channels": 3,
    "latent_channels": 4,
    "layers_per_block": 1,
    "norm_num_groups": 2,
    "out_channels": 3,
    "sample_size": 64,
    "scaling_factor": 0.18215,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}
NOISE = {  # written for another class, as in a base model's folder
    "_class_name": "DDIMScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}
FASTER = {"ref_acceleration": True, "repaint": True}
VELOCITY = {**NOISE, "prediction_type": "v_prediction", "timestep_spacing": "trailing"}


def main() -> None:
    """Write all folders."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    make_unets("unets_sd15_like", SD15, seed=11, latent=(6, 5), garment=(6, 5), timesteps=[601, 1])
    make_unets("unets_sdxl_like", SDXL, seed=2, latent=(4, 6), garment=(4, 6), timesteps=[751])
    runs = [
        {"steps": 3, "guidance_scale": 2.5, "size": (32, 24)},
        {"steps": 4, "guidance_scale": 2.5, "size": (24, 32), "rows": 2, **FASTER},
        {"steps": 2, "guidance_scale": None, "size": (24, 16)},
        {"steps": 2, "guidance_scale": 0.0, "size": (24, 24)},
    ]
    make_pipeline("pipeline_noise", "unets_sd15_like", SD15, NOISE, zero_snr=False, runs=runs, seed=3)
    runs = [
        {"steps": 4, "guidance_scale": 1.5, "size": (24, 32)},
        {"steps": 5, "guidance_scale": 1.0, "size": (32, 24), "repaint": True},
    ]
    make_pipeline("pipeline_velocity", "unets_sdxl_like", SDXL, VELOCITY, zero_snr=True, runs=runs, seed=4)
    make_transform("transform", seed=5)


def write(name: str, facts: dict[str, Any], tensors: Arrays, weights: Arrays | None = None) -> None:
    folder = FOLDER / name
    folder.mkdir(parents=True)
    tensors = {
        key: np.ascontiguousarray(value if value.dtype == np.uint8 else value.astype(np.float32))
        for key, value in tensors.items()
    }
    facts["tensors"] = {key: [str(value.dtype), list(value.shape)] for key, value in tensors.items()}
    (folder / "fixture.json").write_text(json.dumps(facts, indent=None) + "\n")
    save_file(tensors, folder / "tensors.safetensors")
    if weights:
        save_file(weights, folder / "weights.safetensors")


def noisy_weights(network: torch.nn.Module, prefix: str, rng: np.random.Generator) -> Arrays:
    """Seeded noise for every weight: norms around 1, biases small, matrices keeping their input's scale."""
    weights = {}
    for name, value in network.state_dict().items():
        noise = rng.standard_normal(tuple(value.shape))
        if value.ndim > 1:
            noise *= (1.6 if ".attn1.to_q" in name or ".attn1.to_k" in name else 1) / np.sqrt(
                value[0].numel()
            )
        elif "norm" in name and name.endswith("weight"):
            noise = 1 + 0.2 * noise
        else:
            noise *= 0.1
        weights[prefix + name] = noise.astype(
            np.float16
        )  # half the bytes; exact in every network that loads it
    return weights


def make_unets(
    name: str,
    config: dict[str, Any],
    seed: int,
    latent: tuple[int, int],
    garment: tuple[int, int],
    timesteps: list[int],
) -> None:
    rng = np.random.default_rng(seed)
    weights: Arrays = {}
    for prefix, channels in (("unet.", 12), ("unet_encoder.", 4)):
        with torch.device("meta"):
            network = UNet2DConditionModel.from_config({**config, "in_channels": channels})
        weights |= noisy_weights(network, prefix, rng)
    tensors = {
        "latent_in": rng.standard_normal((2, 12, *latent)),
        "ref_latent": rng.standard_normal((2, 4, *garment)),
        "alt.ref_latent": rng.standard_normal((2, 4, garment[0] + 2, garment[1] - 1)),
    }
    passes = [(f"t{t}.", t, "ref_latent") for t in timesteps] + [("alt.", timesteps[0], "alt.ref_latent")]
    for prefix, t, source in passes:
        seen = reference.Garment()
        sample = reference.unet(weights, "unet_encoder.", config, tensors[source], t, seen)
        given = reference.Garment(seen.features, recording=False)
        tensors[f"{prefix}noise_pred"] = reference.unet(
            weights, "unet.", config, tensors["latent_in"], t, given
        )
        tensors |= {f"{prefix}ref_feature.{i:02d}": feature for i, feature in enumerate(seen.features)}
        if source == "ref_latent":
            tensors[f"{prefix}ref_sample"] = sample
    facts = {"kind": "unets", "unet_config": config, "timesteps": timesteps, "alt_timestep": timesteps[0]}
    unused = re.compile(r"\.attn2\.|add_embedding|^unet_encoder\.conv_(out|norm_out)")
    facts["unused_weight_keys"] = [key for key in weights if unused.search(key)]
    write(name, facts, tensors, weights)


def make_pipeline(
    name: str,
    unets: str,
    unet_config: dict[str, Any],
    scheduler: dict[str, Any],
    zero_snr: bool,
    runs: list[dict[str, Any]],
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    with torch.device("meta"):
        vae = AutoencoderKL.from_config(VAE)
    vae_weights = noisy_weights(vae, "vae.", rng)
    weights = load_file(FOLDER / unets / "weights.safetensors") | vae_weights
    beta = reference.betas(scheduler, zero_snr)
    tensors = {"scheduler.betas": beta, "scheduler.alphas_cumprod": np.cumprod(1 - beta)}
    described = []
    for index, run in enumerate(runs):
        facts, heard = pipeline_run(weights, unet_config, scheduler, np.cumprod(1 - beta), run, rng)
        prefix = f"run{index}."
        described.append({"prefix": prefix, **facts})
        tensors |= {prefix + key: value for key, value in heard.items()}
    facts = {
        "kind": "pipeline",
        "unet_config": unet_config,
        "vae_config": VAE,
        "scheduler_config_file": scheduler,
        "scheduler_effective_config": {"rescale_betas_zero_snr": zero_snr},
        "weights_unets": f"../{unets}/weights.safetensors",
        "runs": described,
    }
    write(name, facts, tensors, vae_weights)


def pipeline_run(
    weights: Arrays,
    unet_config: dict[str, Any],
    scheduler: dict[str, Any],
    alpha_bar: Array,
    run: dict[str, Any],
    rng: np.random.Generator,
) -> tuple[dict[str, Any], Arrays]:
    """(facts, tensors) of one run; single precision only at the end."""
    scale, steps, rows, size = run["guidance_scale"], run["steps"], run.get("rows", 1), run["size"]
    heard, conditions, garment = pipeline_inputs(weights, rows, size, rng)
    double = (lambda x: np.concatenate([x, x])) if scale is not None else (lambda x: x)
    if scale is not None:
        garment = np.concatenate([np.zeros_like(garment), garment])
    heard["ref_in"] = garment
    x = heard["draw.initial_noise"] = rng.standard_normal(conditions[1].shape)
    times = reference.timesteps(scheduler, steps)
    for i, t in enumerate(times):
        seen = reference.Garment()
        seen_at = times[steps // 2] if run.get("ref_acceleration") else t
        reference.unet(weights, "unet_encoder.", unet_config, garment, seen_at, seen)
        stem = double(np.concatenate([x, *conditions], axis=1))
        if i == 0:
            heard["unet_in.step0"] = stem
        given = reference.Garment(seen.features, recording=False)
        y = heard[f"unet_out.{i}"] = reference.unet(weights, "unet.", unet_config, stem, t, given)
        y = heard[f"guided_noise.{i}"] = reference.guided(*np.split(y, 2), scale) if scale is not None else y
        noise = heard[f"draw.step_noise.{i}"] = rng.standard_normal(x.shape)
        x = heard[f"latent.{i}"] = reference.ddpm_step(scheduler, alpha_bar, steps, t, x, y, noise)
    heard["final_latent"] = x
    heard["decoded"] = reference.decode(weights, VAE, x)
    heard |= pipeline_pictures(heard, bool(run.get("repaint")))
    options = {"num_inference_steps": steps, "do_classifier_free_guidance": scale is not None}
    options |= {"guidance_scale": 2.5 if scale is None else scale}
    options |= {key: bool(run.get(key)) for key in ("ref_acceleration", "repaint")}
    seen_times = [times[steps // 2]] if run.get("ref_acceleration") else times
    facts = {"call_kwargs": options, "timesteps": times, "reference_unet_timesteps": seen_times}
    return facts, heard


def pipeline_inputs(
    weights: Arrays, rows: int, size: tuple[int, int], rng: np.random.Generator
) -> tuple[Arrays, list[Array], Array]:
    """(what was drawn and encoded, [mask, masked latent, densepose] in latent size, garment latent)."""
    person, garment, densepose = rng.uniform(-1, 1, (3, rows, 3, *size))
    mask = np.zeros((rows, 1, *size))
    mask[:, :, size[0] // 4 :, size[1] // 3 : -4] = rng.uniform(0.2, 1, (rows, 1, 1, 1))
    heard = {"in.src_image": person, "in.ref_image": garment, "in.mask": mask, "in.densepose": densepose}
    heard = {key: value.astype(np.float32).astype(np.float64) for key, value in heard.items()}
    masked = heard["in.src_image"] * (heard["in.mask"] < 0.5)
    latents = []
    pictures = (masked, "masked_moments", "masked_image"), (heard["in.ref_image"], "ref_moments", "ref_image")
    for encoded, moments, draw in pictures:
        moments_of = heard[f"vae.{moments}"] = reference.encode(weights, VAE, encoded)
        noise = heard[f"draw.vae_{draw}"] = rng.standard_normal((rows, 4, *moments_of.shape[2:]))
        latents.append(reference.sample_posterior(moments_of, noise, VAE["scaling_factor"]))
    small = [reference.nearest(heard[f"in.{name}"], *latents[0].shape[2:]) for name in ("mask", "densepose")]
    return heard, [small[0], latents[0], small[1]], latents[1]


def pipeline_pictures(heard: Arrays, repaint: bool) -> Arrays:
    before = reference.to_bytes(heard["decoded"])
    after = before
    if repaint:
        people = reference.to_bytes(heard["in.src_image"] / 2 + 0.5)
        masks = reference.to_bytes(heard["in.mask"])[..., 0]
        after = np.stack([reference.repaint(*row)[1] for row in zip(people, before, masks, strict=True)])
    return {"image_before_repaint_u8": before, "image_final_u8": after}


def make_transform(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    tensors: Arrays = {}
    cases = {
        "leffa_transform": (input_case, [("virtual_tryon", 26, 17), ("pose_transfer", 26, 17)]),
        "resize_and_center": (
            resize_case,
            [((30, 17, 3), 24, 24), ((49, 24, 4), 64, 96), ((11, 40), 24, 16)],
        ),
        "preprocess_garment_image": (garment_case, [(24, 20, (4, 5, 17, 20)), (30, 12, (2, 1, 28, 11))]),
        "do_repaint": (repaint_case, [(40, 16), (250, 9)]),
        "rescale_noise_cfg": (rescale_case, [(0,), (1,), (2.5,)]),
    }
    facts: dict[str, Any] = {"kind": "transform"}
    for list_name, (make, arguments) in cases.items():
        start = make.__name__.removesuffix("_case")
        facts[list_name] = [make(tensors, rng, f"{start}{i}.", *case) for i, case in enumerate(arguments)]
    write(name, facts, tensors)


def picture(rng: np.random.Generator, *shape: int) -> Array:
    return rng.integers(0, 256, shape, dtype=np.uint8)


def input_case(
    tensors: Arrays, rng: np.random.Generator, prefix: str, dataset: str, height: int, width: int
) -> dict[str, Any]:
    for item in range(2):
        given = {name: picture(rng, 30 + item, 21, 3) for name in ("src_image", "ref_image", "densepose")}
        given["densepose"][..., 2] %= 25
        given["mask"] = picture(rng, 40, 25) if item else picture(rng, 40, 25, 3)
        tensors |= {f"{prefix}in{item}.{name}": value for name, value in given.items()}
    for name in given:
        rows = [
            reference.model_input(
                name, tensors[f"{prefix}in{item}.{name}"], height, width, dataset == "pose_transfer"
            )
            for item in range(2)
        ]
        tensors[f"{prefix}out.{name}"] = np.stack(rows)
    return {"prefix": prefix, "dataset": dataset, "height": height, "width": width, "n": 2}


def resize_case(
    tensors: Arrays, rng: np.random.Generator, prefix: str, shape: tuple[int, ...], height: int, width: int
) -> dict[str, Any]:
    given = tensors[f"{prefix}in"] = picture(rng, *shape)
    tensors[f"{prefix}out"] = reference.fit(given, height, width)
    return {"prefix": prefix, "target_height": height, "target_width": width}


def garment_case(
    tensors: Arrays, rng: np.random.Generator, prefix: str, height: int, width: int, box: tuple[int, ...]
) -> dict[str, Any]:
    cutout = picture(rng, height, width, 4)
    inside = np.zeros((height, width), bool)
    inside[box[0] : box[2], box[1] : box[3]] = True
    cutout[..., 3] = np.where(inside, np.maximum(cutout[..., 3], 1), 0)
    canvas = reference.garment_canvas(cutout)
    tensors[f"{prefix}in"] = cutout
    tensors[f"{prefix}out_stride32"] = canvas[::32, ::32]
    tensors[f"{prefix}then_resize_and_center_24x32"] = reference.fit(canvas, 32, 24)
    return {"prefix": prefix, "sha256_rgba_bytes": hashlib.sha256(canvas.tobytes()).hexdigest()}


def repaint_case(
    tensors: Arrays, rng: np.random.Generator, prefix: str, height: int, width: int
) -> dict[str, Any]:
    person, result = picture(rng, 2, height, width, 3)
    mask = np.zeros((height, width), np.uint8)
    mask[height // 3 :, 2:-2] = 200
    blurred, out = reference.repaint(person, result, mask)
    given = {"person": person, "result": result, "mask_L": mask, "mask_blurred": blurred, "out": out}
    tensors |= {prefix + key: value for key, value in given.items()}
    return {"prefix": prefix}


def rescale_case(tensors: Arrays, rng: np.random.Generator, prefix: str, phi: float) -> dict[str, Any]:
    y, conditional = rng.standard_normal((2, 2, 4, 3, 5)) * [[[[[3]]]], [[[[1]]]]]
    given = {"noise_cfg": y, "noise_pred_text": conditional, "out": reference.rescaled(y, conditional, phi)}
    tensors |= {prefix + key: value for key, value in given.items()}
    return {"prefix": prefix, "guidance_rescale": phi}


if __name__ == "__main__":
    main()
