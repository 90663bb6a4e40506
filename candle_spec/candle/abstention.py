"""Losses and metrics of models that may give no answer: abstention is one class more, the last.

Names and calls are those of https://github.com/ECP-CANDLE/candle_lib (``uq_keras_utils.py``). Only what Keras 3 and
tf_keras both have is used.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any, Final

from candle_spec.candle.arrays import to_categorical
from candle_spec.candle.keras_in_use import Function, called, keras_module, keras_operations
from candle_spec.errors import InvalidInputError

_SMALL: Final = 1e-7


def modify_labels(numclasses_out: int, ytrain: Any, ytest: Any, yval: Any = None) -> tuple[Any, ...]:
    """Return labels as one-hot rows with room for the class of abstention, which is the last.

    Args:
        numclasses_out: Number of classes, that of abstention included.
        ytrain: Numbers of classes.
        ytest: The same.
        yval: The same; ``None``: none.

    Raises:
        InvalidInputError: A label is that of abstention, or beyond.
    """
    found = [to_categorical(each, None) for each in (ytrain, ytest, yval) if each is not None]
    if max(each.shape[1] for each in found) >= numclasses_out:
        raise InvalidInputError(f"the labels leave no room for abstention among {numclasses_out} classes")
    return tuple(to_categorical(each.argmax(axis=1), numclasses_out) for each in found)


def abstention_loss(alpha: Any, mask: Any) -> Function:
    """Return the cross-entropy of the samples that are answered, and the cost of abstention.

    Args:
        alpha: Weight of the cost, a variable of Keras.
        mask: 1 for the class of abstention, else 0, ``(classes,)``.
    """

    def loss(y_true: Any, y_pred: Any) -> Any:
        ops = keras_operations()
        cover = ops.cast(mask, "float32")
        entropy = keras_module().losses.categorical_crossentropy(y_true, (1 - cover) * y_pred + _SMALL)
        silent = ops.clip(ops.sum(cover * y_pred, axis=-1), _SMALL, 1 - _SMALL)
        return (1 - silent) * entropy - alpha * ops.log(1 - silent)

    return called("abs_crossentropy", loss)


def abstention_acc_metric(nb_classes: int) -> Function:
    """Return the accuracy over the samples that are answered; 1 where none is. ``nb_classes`` is that of abstention."""

    def metric(y_true: Any, y_pred: Any) -> Any:
        return _share(_agree(y_true, y_pred), 1 - _is(y_pred, nb_classes), empty=1.0)

    return called("abstention_acc", metric)


def abstention_metric(nb_classes: int) -> Function:
    """Return the share of the samples that are not answered."""
    return called("abstention", lambda y_true, y_pred: keras_operations().mean(_is(y_pred, nb_classes)))


def acc_class_i_metric(class_i: int) -> Function:
    """Return the share of the samples of a class that are found, abstention not counted; 0 where there is none."""

    def metric(y_true: Any, y_pred: Any) -> Any:
        return _share(_is(y_pred[:, :-1], class_i), _is(y_true, class_i))

    return called(f"acc_class_{class_i}", metric)


def abstention_acc_class_i_metric(nb_classes: int, class_i: int) -> Function:
    """Return the share of the samples of a class that are found, of those that are answered."""

    def metric(y_true: Any, y_pred: Any) -> Any:
        return _share(_agree(y_true, y_pred), _is(y_true, class_i) * (1 - _is(y_pred, nb_classes)))

    return called(f"abstention_acc_class_{class_i}", metric)


def abstention_class_i_metric(nb_classes: int, class_i: int) -> Function:
    """Return the share of the samples of a class that are not answered."""

    def metric(y_true: Any, y_pred: Any) -> Any:
        return _share(_is(y_pred, nb_classes), _is(y_true, class_i))

    return called(f"abstention_class_{class_i}", metric)


def _is(rows: Any, number: int) -> Any:
    ops = keras_operations()
    return ops.cast(ops.equal(ops.cast(ops.argmax(rows, axis=-1), "int64"), number), "float32")


def _agree(left: Any, right: Any) -> Any:
    ops = keras_operations()
    return ops.cast(ops.equal(ops.argmax(left, axis=-1), ops.argmax(right, axis=-1)), "float32")


def _share(found: Any, among: Any, empty: float = 0.0) -> Any:
    ops = keras_operations()
    count = ops.sum(among)
    none = ops.cast(ops.equal(count, 0), "float32")
    return (ops.sum(found * among) + empty * none) / (count + none)


def abstention_class() -> Any:
    """Return the class ``AbstentionAdapt_Callback`` of the Keras in use."""
    return _abstention(keras_module())


@cache
def _abstention(keras: ModuleType) -> type:
    base: Any = keras.callbacks.Callback
    variable = getattr(keras, "Variable", None) or keras.backend.variable

    class AbstentionAdapt_Callback(base):  # type: ignore[misc]
        """Adapts the cost of abstention: less where the answers are not accurate enough, more where too few are given.

        Args:
            acc_monitor: Name of the accuracy.
            abs_monitor: Name of the share that is not answered.
            alpha0: Cost at the beginning; ``alpha`` is the variable for :func:`abstention_loss`.
            init_abs_epoch: The last epoch, from 0, that changes nothing.
            alpha_scale_factor: The least factor of a change; one over it is the greatest.
            min_abs_acc: Accuracy to be reached.
            max_abs_frac: Greatest share without an answer.
            acc_gain: How much a lack of accuracy counts.
            abs_gain: How much too many silent samples count.
        """

        def __init__(
            self,
            acc_monitor: str,
            abs_monitor: str,
            alpha0: float,
            init_abs_epoch: int = 4,
            alpha_scale_factor: float = 0.8,
            min_abs_acc: float = 0.9,
            max_abs_frac: float = 0.4,
            acc_gain: float = 5.0,
            abs_gain: float = 1.0,
        ) -> None:
            super().__init__()
            self.acc_monitor, self.abs_monitor, self.init_abs_epoch = acc_monitor, abs_monitor, init_abs_epoch
            self.alpha = variable(float(alpha0), dtype="float32")
            self.least, self.min_abs_acc, self.max_abs_frac = alpha_scale_factor, min_abs_acc, max_abs_frac
            self.acc_gain, self.abs_gain = acc_gain, abs_gain
            self.alphavalues: list[float] = []

        def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            """Adapt the cost."""
            value = float(self.alpha.numpy())
            if epoch > self.init_abs_epoch:
                factor = self.factor(logs or {})
                value *= factor
                self.alpha.assign(value)
                sys.stdout.write(f"the cost of abstention is {value:g}, {factor:g} times the last\n")
            self.alphavalues.append(value)

        def factor(self, logs: Mapping[str, Any]) -> float:
            """Return what the cost is multiplied by.

            Raises:
                InvalidInputError: A metric that it follows is not measured.
            """
            missing = [name for name in (self.acc_monitor, self.abs_monitor) if name not in logs]
            if missing:
                measured = ", ".join(logs) or "nothing"
                raise InvalidInputError(f"{' and '.join(missing)} is not measured ({measured})")
            lack = min(float(logs[self.acc_monitor]) - self.min_abs_acc, 0.0)
            silent = max(float(logs[self.abs_monitor]) - self.max_abs_frac, 0.0)
            wanted = 1 + self.acc_gain * lack + self.abs_gain * silent
            return max(min(wanted, 1 / self.least), self.least)

    return AbstentionAdapt_Callback
