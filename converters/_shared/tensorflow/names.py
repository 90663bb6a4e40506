"""What the names of a TensorFlow 1 checkpoint mean: it holds nothing but names, and optimizers follow customs.

A slot of an optimizer is named after the variable it belongs to (``dense/kernel/Adam``), sometimes below a scope of
the optimizer's own (``train/dense/kernel/Adam``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_SLOTS: Final = frozenset(
    """Adam Adam_1 AdaMax AdaMax_1 Nadam Nadam_1 LazyAdam LazyAdam_1 AdamW AdamW_1 adam_m adam_v Momentum RMSProp
    RMSProp_1 RMSProp_2 Adagrad AdagradDA AdagradDA_1 Adadelta Adadelta_1 Ftrl Ftrl_1 LARSOptimizer LAMB LAMB_1
    LambOptimizer LambOptimizer_1 lamb_m lamb_v Yogi Yogi_1 slot_v slot_vr slot_vc slot_m vr vc accum accumulator
    linear momentum""".split()
)
_POWERS: Final = re.compile(r"(^|/)beta\d_power(_\d+)?\Z")
_STEPS: Final = re.compile(r"(^|/)(global_step|global_epoch|epoch)\Z")
_AVERAGE: Final = "ExponentialMovingAverage"
_OF_AVERAGES: Final = frozenset({"biased", "local_step"})


def step_name(name: str) -> bool:
    """Whether a name is that of the counter of training steps."""
    return bool(re.search(r"(^|/)global_step\Z", name))


def kinds_of(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    """Return the kind of every tensor by its name, from the shapes of all."""
    return {name: _kind(name, shapes) for name in shapes}


def _kind(name: str, shapes: Mapping[str, tuple[int, ...]]) -> str:
    base, _, last = name.rpartition("/")
    if last == _AVERAGE:
        return "ema"
    if _POWERS.search(name):
        return "optimizer"
    if _STEPS.search(name):
        return "other"
    owner = _owner_of(name, shapes)
    if not owner or last in _OF_AVERAGES:
        return "model"
    return "optimizer" if last in _SLOTS or (owner == base and shapes[owner] == shapes[name]) else "model"


def _owner_of(name: str, shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Return the variable after which a name is formed, with or without a scope before it, or ``""``."""
    base = name.rpartition("/")[0]
    while base:
        if base in shapes:
            return base
        base = base.partition("/")[2]
    return ""
