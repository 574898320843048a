"""The embedded demonstration model: small networks, their weights, and the read-out of a sharp picture."""

DEFAULT_STEPS = 8
DEFAULT_GUIDANCE = 1.0
