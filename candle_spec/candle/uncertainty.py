"""Losses and metrics of regressions that say how sure they are: heteroscedastic and quantile regression.

Names, calls and the order of the outputs are those of https://github.com/ECP-CANDLE/candle_lib
(``uq_keras_utils.py``). Only what Keras 3 and tf_keras both have is used.
"""

from __future__ import annotations

from typing import Any

from candle_spec.candle.keras import r2
from candle_spec.candle.keras_in_use import Function, called, keras_module, keras_operations
from candle_spec.errors import InvalidInputError


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

    return called("heteroscedastic_loss", loss)


def mae_heteroscedastic_metric(nout: int) -> Function:
    """Return the mean absolute error of the means."""
    return _of_means("mae_heteroscedastic", lambda y, found: keras_module().losses.mean_absolute_error(y, found))


def mse_heteroscedastic_metric(nout: int) -> Function:
    """Return the mean squared error of the means."""
    return _of_means("mse_heteroscedastic", lambda y, found: keras_module().losses.mean_squared_error(y, found))


def r2_heteroscedastic_metric(nout: int) -> Function:
    """Return the coefficient of determination of the means."""
    return _of_means("r2_heteroscedastic", r2)


def meanS_heteroscedastic_metric(nout: int) -> Function:
    """Return the mean logarithm of the variances."""
    return called("meanS_heteroscedastic", lambda y_true, y_pred: keras_operations().mean(y_pred[:, 1::2]))


def _of_means(name: str, metric: Function) -> Function:
    return called(name, lambda y_true, y_pred: metric(y_true, _column(y_true, y_pred, 0, 2)))


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

    return called("triple_quantile_loss", loss)


def quantile_metric(nout: int, index: int, quantile: float) -> Function:
    """Return the loss of one quantile; ``index`` is its place: 0 the median, 1 low, 2 high."""

    def metric(y_true: Any, y_pred: Any) -> Any:
        return quantile_loss(quantile, y_true, _column(y_true, y_pred, index, 3))

    return called(f"quantile_{quantile}", metric)
