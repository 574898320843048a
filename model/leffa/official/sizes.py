"""What an official model takes on its device beside its networks."""

from leffa.official.options import OfficialOptions
from leffa.weights.catalogue import CHECKPOINTS, ModelSpec, files_of


def preprocessor_bytes(spec: ModelSpec, options: OfficialOptions) -> dict[str, int]:
    """The files of the networks that look at photos for a model, with their sizes: float32 everywhere."""
    files = files_of(spec, options.parser, options.keypoints)
    return {file.path: file.size for file in files if file != CHECKPOINTS[spec.id] and not file.optional}
