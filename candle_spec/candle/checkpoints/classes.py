"""The classes and functions of CANDLE's checkpoint module, by their names: a program changes its import line.

Sources of names, calls and lines: https://github.com/ECP-CANDLE/candle_lib (``ckpt_utils.py`` and its siblings).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from candle_spec.candle.checkpoints.base import CandleCkpt
from candle_spec.candle.checkpoints.hyperparameters import ParamRequired, ParamType
from candle_spec.candle.checkpoints.keras import keras_class
from candle_spec.candle.checkpoints.pytorch import CandleCkptPyTorch

__all__ = ["CandleCkpt", "CandleCkptPyTorch", "ParamRequired", "ParamType", "restart"]


def restart(gParameters: Mapping[str, Any], model: Any, verbose: bool = True) -> dict[str, Any] | None:
    """Restore a training as CANDLE did until 2022, before the callback is made; see :meth:`CandleCkpt.restart`.

    Args:
        gParameters: All hyperparameters.
        model: A Keras model; a torch module, or a dictionary of it and its optimizer.
        verbose: Whether details are said.
    """
    torch_like = isinstance(model, Mapping) or hasattr(model, "state_dict")
    kind = CandleCkptPyTorch if torch_like else keras_class("CandleCkptKeras")
    ckpt = kind(gParameters, verbose=verbose)
    ckpt.set_model(model)
    found: dict[str, Any] | None = ckpt.restart(model)
    ckpt.close()
    return found


def __getattr__(name: str) -> Any:
    """Make the classes of Keras when a program asks for one."""
    if name in ("CandleCkptKeras", "CandleCheckpointCallback", "MultiGPUCheckpoint"):
        return keras_class(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
