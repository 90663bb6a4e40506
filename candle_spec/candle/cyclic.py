"""A learning rate that goes up and down: Smith, https://arxiv.org/abs/1506.01186, as CANDLE programs ask for it."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, MutableMapping
from functools import cache
from types import ModuleType
from typing import Any, Final

from candle_spec.candle.keras_in_use import keras_module
from candle_spec.errors import InvalidInputError

_KEYS: Final = {"clr_mode": "mode", "clr_base_lr": "base_lr", "clr_max_lr": "max_lr", "clr_gamma": "gamma"}
_MODES: Final = {"trng1": "triangular", "trng2": "triangular2", "exp": "exp_range"}


def clr_check_args(args: Mapping[str, Any]) -> bool:
    """Whether the hyperparameters describe such a rate: ``clr_mode clr_base_lr clr_max_lr clr_gamma`` are all there."""
    return _KEYS.keys() <= args.keys()


def clr_set_args(args: MutableMapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of :func:`clr_callback`; their ``mode`` is ``None`` where none is asked for.

    Args:
        args: The hyperparameters; ``warmup_lr`` and ``reduce_lr``, which exclude such a rate, are turned off in them.
    """
    if not clr_check_args(args) or args["clr_mode"] is None:
        sys.stdout.write("no cyclic learning rate: it needs clr_mode, clr_base_lr, clr_max_lr and clr_gamma\n")
        return {"mode": None, "base_lr": 0.1, "max_lr": 0.1, "gamma": 0.1}
    for other in ("warmup_lr", "reduce_lr"):
        if args.get(other):
            sys.stdout.write(f"{other} is turned off: the learning rate is cyclic\n")
            args[other] = False
    return {name: args[key] for key, name in _KEYS.items()}


def clr_callback(mode: str | None = None, base_lr: float = 1e-4, max_lr: float = 1e-3, gamma: float = 0.999994) -> Any:
    """Return the callback for Keras; see :func:`rate`.

    Args:
        mode: ``trng1``: a triangle; ``trng2``: half as high in each cycle; ``exp``: lower with each batch.
        base_lr: The lowest rate.
        max_lr: The highest.
        gamma: Of ``exp``: what the height is multiplied by in each batch.

    Raises:
        InvalidInputError: The mode is none of them.
    """
    return cyclic_class()(base_lr=base_lr, max_lr=max_lr, mode=_MODES.get(str(mode), mode), gamma=gamma)


def rate(
    batch: float,
    base_lr: float,
    max_lr: float,
    step_size: float,
    scale: Callable[[float], float],
    scale_mode: str = "cycle",
) -> float:
    """Return the learning rate after so many batches.

    Args:
        batch: Number of batches.
        base_lr: The lowest rate.
        max_lr: The highest.
        step_size: Batches from the lowest to the highest.
        scale: Height of the triangle, 0 to 1, by the number of the cycle (from 1) or of the batch.
        scale_mode: ``cycle`` or ``iterations``.
    """
    cycle = math.floor(1 + batch / (2 * step_size))
    height = max(0.0, 1 - abs(batch / step_size - 2 * cycle + 1))
    return base_lr + (max_lr - base_lr) * height * scale(cycle if scale_mode == "cycle" else batch)


def _scales(mode: str, gamma: float) -> tuple[Callable[[float], float], str]:
    if mode == "triangular":
        return (lambda cycle: 1.0), "cycle"
    if mode == "triangular2":
        return (lambda cycle: 0.5 ** (cycle - 1)), "cycle"
    if mode == "exp_range":
        return (lambda batch: gamma**batch), "iterations"
    raise InvalidInputError(f"no cyclic learning rate is called {mode!r}", hint=f"there are {', '.join(_MODES)}")


def cyclic_class() -> Any:
    """Return the class ``CyclicLR`` of the Keras in use."""
    return _cyclic(keras_module())


@cache
def _cyclic(keras: ModuleType) -> type:
    base: Any = keras.callbacks.Callback

    class CyclicLR(base):  # type: ignore[misc]
        """Sets the learning rate after each batch; ``history`` has the rates.

        Args:
            base_lr: The lowest rate.
            max_lr: The highest.
            step_size: Batches from the lowest to the highest.
            mode: ``triangular``, ``triangular2`` or ``exp_range``.
            gamma: Of ``exp_range``.
            scale_fn: Height of the triangle in place of the mode's.
            scale_mode: Whether that is by ``cycle`` or by ``iterations``.
        """

        def __init__(
            self,
            base_lr: float = 0.001,
            max_lr: float = 0.006,
            step_size: float = 2000.0,
            mode: str = "triangular",
            gamma: float = 1.0,
            scale_fn: Callable[[float], float] | None = None,
            scale_mode: str = "cycle",
        ) -> None:
            super().__init__()
            own = (scale_fn, scale_mode) if scale_fn is not None else _scales(mode, gamma)
            self.scale_fn, self.scale_mode = own
            self.base_lr, self.max_lr, self.step_size = base_lr, max_lr, step_size
            self.clr_iterations = 0
            self.history: dict[str, list[float]] = {}

        def clr(self) -> float:
            """Return the rate now."""
            here = (self.clr_iterations, self.base_lr, self.max_lr, self.step_size)
            return rate(*here, self.scale_fn, self.scale_mode)

        def on_train_begin(self, logs: Any = None) -> None:
            """Begin with the rate of so many batches: a restarted optimizer has counted them."""
            self.clr_iterations = int(self.model.optimizer.iterations)
            self._set(self.clr())

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            """Go on."""
            self.clr_iterations += 1
            self._set(self.clr())
            self.history.setdefault("lr", []).append(self.clr())

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            """Let the history of the training have the rate."""
            if logs is not None:
                logs["lr"] = self.clr()

        def _set(self, value: float) -> None:
            self.model.optimizer.learning_rate.assign(value)

    return CyclicLR
