"""The diffusion core: tensors in, tensors out; knows nothing of people, files or HTTP."""
