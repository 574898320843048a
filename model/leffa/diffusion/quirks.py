"""Every oddity inherited from upstream Leffa, named, with its address: trained weights expect them.

An address is a file of upstream (commit 7848bed) and what is in it. "Here" says where this package obeys, or
reads the value. Each is held by a fixture of kind unets, pipeline or transform (tests/parity).
"""

# Cross-attention is removed by a processor that returns its input, so a block still adds norm2(h) to h;
# attn2's projections stay in the checkpoint, unused.  leffa/model.py: SkipAttnProcessor. Here:
# attention.SkipAttention
SKIPPED_ATTENTION_ADDS_ITS_NORM = True

# SDXL's text-and-size embedding is in the checkpoint and switched off.  leffa/model.py: build_models. Here:
# unets
ADDED_EMBEDDING_TYPE = None

# Unconditional means a garment latent of zeros, sent through the reference UNet like any other: its features
# are not zero.  leffa/pipeline.py: LeffaPipeline.__call__. Here: pipeline.features
UNCONDITIONAL_LATENT = 0.0

# The strength of the guidance rescale is the guidance scale itself, so above 1 it extrapolates: at 2.5 it
# makes 2.5 * rescaled - 1.5 * guided.  leffa/pipeline.py: LeffaPipeline.__call__. Here: guidance.guide
GUIDANCE_RESCALE_EQUALS_SCALE = True

# The masked person is mid grey (0) where the mask reaches this, but the mask channel and repaint keep its
# greys. leffa/pipeline.py: LeffaPipeline.__call__; leffa/transform.py. Here: pipeline.encode,
# transform.model_inputs
MASK_THRESHOLD = 0.5


def reference_step(steps: int) -> int:
    """Index of the step whose timestep the reference UNet sees when it runs once: the middle, not the first.

    leffa/pipeline.py: LeffaPipeline.__call__ (ref_acceleration). Here: pipeline.__call__
    """
    return steps // 2


# The base model's scheduler settings are read into DDPM whatever class they were written for. With this
# spacing the timestep before t is t - 1000 // steps.  leffa/model.py: build_models, diffusers 0.31. Here:
# sampler.schedule
SPACING_WITH_PREVIOUS_BY_DIVISION = "leading"

# That spacing ends at t = 1, so that even the last step draws noise, weighted with the root of this variance.
# diffusers: DDPMScheduler. Here: sampler.advance
VARIANCE_FLOOR = 1e-20

# All base models but SD 1.5 inpainting get betas of zero terminal SNR although they predict noise.
# leffa/model.py: build_models, by the folder's name. Here: the zero_snr argument of sampler.build_scheduler
ZERO_SNR_UNLESS_FOLDER_IS = "stable-diffusion-inpainting"

# Repaint blurs its mask by a hundredth of the height, made odd, and cuts to bytes instead of rounding.
# leffa/pipeline.py: repaint. Here: transform.repaint
REPAINT_HEIGHT_PER_RADIUS = 100
