"""The published Leffa models behind the same three verbs as every model: preprocess, generate, restore."""

from leffa.official.options import OfficialOptions
from leffa.weights.catalogue import SPECS

__all__ = ["SPECS", "OfficialOptions"]
