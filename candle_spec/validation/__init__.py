"""Validation: the levels L0 to L5 over one checkpoint, findings as data, reporters that make words of them."""

from candle_spec.validation.run import checkpoint_root, find_checkpoints, validate
from candle_spec.validation.verdict import verdict

__all__ = ["checkpoint_root", "find_checkpoints", "validate", "verdict"]
