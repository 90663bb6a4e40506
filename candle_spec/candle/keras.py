"""Builders of Keras parts by CANDLE's names, and its callbacks: for Keras 3 with any back end, and for tf_keras."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from candle_spec.atomic import replace_file
from candle_spec.candle.helpers import chosen
from candle_spec.candle.keras_in_use import keras_module, keras_operations


def build_keras_optimizer(optimizer: str, lr: float | None, kerasDefaults: Mapping[str, Any]) -> Any:
    """Return an optimizer by its name in CANDLE, with the settings that CANDLE uses in all frameworks.

    Args:
        optimizer: ``sgd``, ``rmsprop``, ``adagrad``, ``adadelta`` or ``adam``.
        lr: Learning rate; ``None``: the optimizer's own default.
        kerasDefaults: Settings (:func:`keras_default_config`).

    Raises:
        InvalidInputError: There is none of that name.
    """
    optimizers, about = keras_module().optimizers, kerasDefaults
    table = {
        "sgd": (optimizers.SGD, {"momentum": about["momentum_sgd"], "nesterov": about["nesterov_sgd"]}),
        "rmsprop": (optimizers.RMSprop, {"rho": about["rho"], "epsilon": about["epsilon"]}),
        "adagrad": (optimizers.Adagrad, {"epsilon": about["epsilon"]}),
        "adadelta": (optimizers.Adadelta, {"rho": about["rho"], "epsilon": about["epsilon"]}),
        "adam": (
            optimizers.Adam,
            {"beta_1": about["beta_1"], "beta_2": about["beta_2"], "epsilon": about["epsilon"]},
        ),
    }
    make, settings = chosen("optimizer", optimizer, table)
    if lr is None:
        return make(**settings)
    decay = about.get("decay_lr", 0.0)
    rate = optimizers.schedules.InverseTimeDecay(lr, 1, decay) if decay else lr
    return make(learning_rate=rate, **settings)


def build_initializer(
    initializer: str, kerasDefaults: Mapping[str, Any], seed: float | None = None, constant: float = 0.0
) -> Any:
    """Return an initializer by its name in CANDLE.

    Raises:
        InvalidInputError: There is none of that name.
    """
    initializers, about = keras_module().initializers, kerasDefaults
    number = None if seed is None else int(seed)
    table: dict[str, Callable[[], Any]] = {
        "constant": lambda: initializers.Constant(value=constant),
        "uniform": lambda: initializers.RandomUniform(about["minval_uniform"], about["maxval_uniform"], seed=number),
        "normal": lambda: initializers.RandomNormal(about["mean_normal"], about["stddev_normal"], seed=number),
        "glorot_normal": lambda: initializers.GlorotNormal(seed=number),
        "glorot_uniform": lambda: initializers.GlorotUniform(seed=number),
        "lecun_uniform": lambda: initializers.LecunUniform(seed=number),
        "he_normal": lambda: initializers.HeNormal(seed=number),
    }
    return chosen("initializer", initializer, table)()


def compute_trainable_params(model: Any) -> dict[str, int]:
    """Return how many values a model has: trained, frozen, together."""
    counts = [
        sum(_size(w.shape) for w in weights) for weights in (model.trainable_weights, model.non_trainable_weights)
    ]
    return {"trainable_params": counts[0], "non_trainable_params": counts[1], "total_params": sum(counts)}


def _size(shape: Any) -> int:
    size = 1
    for length in shape:
        size *= int(length)
    return size


def mse(y_true: Any, y_pred: Any) -> Any:
    """Return the mean squared error of each sample."""
    return keras_module().losses.mean_squared_error(y_true, y_pred)


def mae(y_true: Any, y_pred: Any) -> Any:
    """Return the mean absolute error of each sample."""
    return keras_module().losses.mean_absolute_error(y_true, y_pred)


def r2(y_true: Any, y_pred: Any) -> Any:
    """Return the coefficient of determination of a batch."""
    ops = keras_operations()
    rest = ops.sum(ops.square(y_true - y_pred))
    total = ops.sum(ops.square(y_true - ops.mean(y_true)))
    return 1 - rest / (total + 1e-7)


def corr(y_true: Any, y_pred: Any) -> Any:
    """Return Pearson's correlation of a batch."""
    ops = keras_operations()
    left, right = y_true - ops.mean(y_true), y_pred - ops.mean(y_pred)
    return ops.mean(left * right) / (ops.sqrt(ops.mean(left * left) * ops.mean(right * right)) + 1e-7)


@cache
def _class(name: str, keras: ModuleType) -> type:
    """Make a class of the Keras in use: none is imported before a program asks for it."""
    return {
        "TerminateOnTimeOut": _terminate_on_timeout,
        "LoggingCallback": _logging_callback,
        "CandleRemoteMonitor": _remote_monitor,
        "PermanentDropout": _permanent_dropout,
    }[name](keras)


def keras_class(name: str) -> type:
    """Return one of CANDLE's Keras classes by name."""
    return _class(name, keras_module())


def _terminate_on_timeout(keras: Any) -> type:
    class TerminateOnTimeOut(keras.callbacks.Callback):  # type: ignore[misc]
        """Stops a training at the end of the epoch in which the time is up; -1 for no limit."""

        def __init__(self, timeout_in_sec: float = 10) -> None:
            super().__init__()
            self.timeout_in_sec = float(timeout_in_sec)
            self.started = time.monotonic()

        def on_train_begin(self, logs: Any = None) -> None:
            """Start the clock."""
            self.started = time.monotonic()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            """Look at the clock."""
            spent = time.monotonic() - self.started
            if self.timeout_in_sec != -1 and spent >= self.timeout_in_sec:
                sys.stdout.write(f"Timeout==>Runtime: {spent:2.3f}s, Maxtime: {self.timeout_in_sec:2.3f}s\n")
                self.model.stop_training = True

    return TerminateOnTimeOut


def _logging_callback(keras: Any) -> type:
    class LoggingCallback(keras.callbacks.Callback):  # type: ignore[misc]
        """Says the values of each epoch through a function."""

        def __init__(self, print_fcn: Callable[[str], Any] = print) -> None:
            super().__init__()
            self.print_fcn = print_fcn

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            """Say them."""
            values = ", ".join(f"{name}: {value:f}" for name, value in sorted((logs or {}).items()))
            self.print_fcn(f"[Epoch: {epoch}] {values}")

    return LoggingCallback


def _remote_monitor(keras: Any) -> type:
    class CandleRemoteMonitor(keras.callbacks.Callback):  # type: ignore[misc]
        """Writes the values of all epochs to ``run.<run_id>.json`` in the output directory; sends nothing anywhere."""

        def __init__(self, params: Mapping[str, Any] | None = None) -> None:
            super().__init__()
            self.global_params = dict(params or {})
            self.epochs: list[dict[str, Any]] = []

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            """Note the values."""
            self.epochs.append({"epoch": epoch, **{name: float(value) for name, value in (logs or {}).items()}})

        def on_train_end(self, logs: Any = None) -> None:
            """Write the file."""
            folder = Path(str(self.global_params.get("output_dir") or "."))
            name = f"run.{self.global_params.get('run_id', 'RUN000')}.json"
            replace_file(folder / name, json.dumps(self.epochs, indent=2).encode())

    return CandleRemoteMonitor


def _permanent_dropout(keras: Any) -> type:
    class PermanentDropout(keras.layers.Dropout):  # type: ignore[misc]
        """Dropout in predictions too, for the uncertainty of a model."""

        def call(self, inputs: Any, training: Any = None) -> Any:
            """Drop, whether in training or not."""
            return super().call(inputs, training=True)

    return PermanentDropout


def register_permanent_dropout() -> None:
    """Let stored models find :class:`PermanentDropout` by its name."""
    keras = keras_module()
    objects = getattr(keras, "saving", keras.utils).get_custom_objects()
    objects["PermanentDropout"] = keras_class("PermanentDropout")
