"""How good a model is: its pictures against true ones, beside two baselines."""

from leffa.evaluation.report import Report, evaluate

__all__ = ["Report", "evaluate"]
