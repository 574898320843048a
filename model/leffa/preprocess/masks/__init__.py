"""The official models' mask rules, and a policy that fits any mask to the garment to come.

| rule | reads | garment |
|---|---|---|
| `hd_mask` | human parsing, keypoints | `upper_body`, `lower_body`, `dresses` |
| `dress_code_mask` | human parsing, keypoints | the same |
| `parts_mask` | DensePose, LIP and ATR labels | `upper`, `lower`, `overall`, `inner`, `outer` |

With `exact=True` they give upstream's masks pixel for pixel; by default without its faults, which each
rule's module lists. The embedded model has a rule of its own, `leffa.preprocess.agnostic_mask`.
"""

from leffa.preprocess.masks.dress_code import dress_code_mask
from leffa.preprocess.masks.hd import hd_mask
from leffa.preprocess.masks.layers import MaskLayers, mask_layers
from leffa.preprocess.masks.parts import parts_mask
from leffa.preprocess.masks.policy import PROTECTABLE, REACHES, MaskPolicy, apply_policy

__all__ = [
    "PROTECTABLE",
    "REACHES",
    "MaskLayers",
    "MaskPolicy",
    "apply_policy",
    "dress_code_mask",
    "hd_mask",
    "mask_layers",
    "parts_mask",
]
