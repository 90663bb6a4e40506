"""Losses and metrics of models that know what they do not know: abstention, heteroscedastic and quantile regression.

Names, calls and the order of the outputs are those of https://github.com/ECP-CANDLE/candle_lib
(``uq_keras_utils.py``). Only what Keras 3 and tf_keras both have is used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cache
from types import ModuleType
from typing import Any

from candle_spec.callbacks._states.keras_module import keras_module
from candle_spec.candle.arrays import to_categorical
from candle_spec.candle.keras import keras_operations
from candle_spec.errors import InvalidInputError

Function = Callable[[Any, Any], Any]
_SMALL = 1e-7


def _called(name: str, function: Function) -> Function:
    """Keras names a metric after its function."""
    function.__name__ = name
    return function


# Abstention: one class more, "no answer"


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

    return _called("abs_crossentropy", loss)


def abstention_acc_metric(nb_classes: int) -> Function:
    """Return the accuracy over the samples that are answered; 1 where none is. ``nb_classes`` is that of abstention."""

    def metric(y_true: Any, y_pred: Any) -> Any:
        return _share(_agree(y_true, y_pred), 1 - _is(y_pred, nb_classes), empty=1.0)

    return _called("abstention_acc", metric)


def abstention_metric(nb_classes: int) -> Function:
    """Return the share of the samples that are not answered."""
    return _called("abstention", lambda y_true, y_pred: keras_operations().mean(_is(y_pred, nb_classes)))


def acc_class_i_metric(class_i: int) -> Function:
    """Return the share of the samples of a class that are found, abstention not counted; 0 where there is none."""

    def metric(y_true: Any, y_pred: Any) -> Any:
        return _share(_is(y_pred[:, :-1], class_i), _is(y_true, class_i))

    return _called(f"acc_class_{class_i}", metric)


def abstention_acc_class_i_metric(nb_classes: int, class_i: int) -> Function:
    """Return the share of the samples of a class that are found, of those that are answered."""

    def metric(y_true: Any, y_pred: Any) -> Any:
        return _share(_agree(y_true, y_pred), _is(y_true, class_i) * (1 - _is(y_pred, nb_classes)))

    return _called(f"abstention_acc_class_{class_i}", metric)


def abstention_class_i_metric(nb_classes: int, class_i: int) -> Function:
    """Return the share of the samples of a class that are not answered."""

    def metric(y_true: Any, y_pred: Any) -> Any:
        return _share(_is(y_pred, nb_classes), _is(y_true, class_i))

    return _called(f"abstention_class_{class_i}", metric)


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


# More outputs


def add_model_output(
    modelIn: Any, mode: str | None = None, num_add: int | None = None, activation: str | None = None
) -> Any:
    """Return a model whose last dense layer has more outputs, with new weights; what is behind it is made anew.

    Args:
        modelIn: The model.
        mode: ``abstain``: ``num_add`` more; ``het``: twice as many (mean and logarithm of the variance of each);
            ``qtl``: three times as many (median, low and high quantile of each); ``None``: the model as it is.
        num_add: See ``mode``.
        activation: Another activation of that layer.

    Raises:
        InvalidInputError: The mode is none of them, or there is no dense layer.
    """
    if mode is None:
        return modelIn
    keras = keras_module()
    places = [place for place, layer in enumerate(modelIn.layers) if isinstance(layer, keras.layers.Dense)]
    if not places:
        raise InvalidInputError("the model has no dense layer")
    last = modelIn.layers[places[-1]]
    sizes = {"abstain": last.units + (num_add or 0), "het": 2 * last.units, "qtl": 3 * last.units}
    if mode not in sizes or (mode == "abstain" and num_add is None):
        raise InvalidInputError(f"mode is abstain (with num_add), het or qtl, not {mode!r}")
    about = {**last.get_config(), "units": sizes[mode]}
    about |= {"activation": activation} if activation is not None else {}
    about |= {"bias_initializer": "ones"} if mode != "abstain" else {}
    output = keras.layers.Dense.from_config(about)(last.input)
    for layer in modelIn.layers[places[-1] + 1 :]:
        output = type(layer).from_config(layer.get_config())(output)
    return keras.Model(modelIn.inputs, output)


# Heteroscedastic regression: outputs (mean, logarithm of the variance) by turns


def heteroscedastic_loss(nout: int) -> Function:
    """Return the negative logarithm of a normal likelihood, but for constants."""

    def loss(y_true: Any, y_pred: Any) -> Any:
        ops = keras_operations()
        log_variance = _column(y_true, y_pred, 1, 2)
        squares = ops.square(_column(y_true, y_pred, 0, 2) - y_true)
        return ops.mean(ops.exp(-log_variance) * squares + log_variance)

    return _called("heteroscedastic_loss", loss)


def mae_heteroscedastic_metric(nout: int) -> Function:
    """Return the mean absolute error of the means."""
    return _of_means("mae_heteroscedastic", lambda y, found: keras_module().losses.mean_absolute_error(y, found))


def mse_heteroscedastic_metric(nout: int) -> Function:
    """Return the mean squared error of the means."""
    return _of_means("mse_heteroscedastic", lambda y, found: keras_module().losses.mean_squared_error(y, found))


def r2_heteroscedastic_metric(nout: int) -> Function:
    """Return the coefficient of determination of the means."""
    from candle_spec.candle.keras import r2

    return _of_means("r2_heteroscedastic", r2)


def meanS_heteroscedastic_metric(nout: int) -> Function:
    """Return the mean logarithm of the variances."""
    return _called("meanS_heteroscedastic", lambda y_true, y_pred: keras_operations().mean(y_pred[:, 1::2]))


def _of_means(name: str, metric: Function) -> Function:
    return _called(name, lambda y_true, y_pred: metric(y_true, _column(y_true, y_pred, 0, 2)))


def _column(y_true: Any, y_pred: Any, first: int, step: int) -> Any:
    ops = keras_operations()
    shape = ops.shape(y_true)
    return ops.reshape(y_pred[:, first::step], shape)


# Quantile regression: outputs (median, low, high) by turns


def quantile_loss(quantile: float, y_true: Any, y_pred: Any) -> Any:
    """Return the loss whose minimum is a quantile."""
    ops = keras_operations()
    error = y_true - y_pred
    return ops.mean(ops.maximum(quantile * error, (quantile - 1) * error))


def triple_quantile_loss(nout: int, lowquantile: float, highquantile: float) -> Function:
    """Return the loss of low and high quantile and, twice, the median."""

    def loss(y_true: Any, y_pred: Any) -> Any:
        parts = ((2.0, 0.5), (1.0, lowquantile), (1.0, highquantile))
        rows = enumerate(parts)
        return sum(w * quantile_loss(q, y_true, _column(y_true, y_pred, place, 3)) for place, (w, q) in rows)

    return _called("triple_quantile_loss", loss)


def quantile_metric(nout: int, index: int, quantile: float) -> Function:
    """Return the loss of one quantile; ``index`` is its place: 0 the median, 1 low, 2 high."""

    def metric(y_true: Any, y_pred: Any) -> Any:
        return quantile_loss(quantile, y_true, _column(y_true, y_pred, index, 3))

    return _called(f"quantile_{quantile}", metric)
