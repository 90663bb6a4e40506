"""Noise for robustness studies: flipped labels and disturbed features.

Labels and rows are drawn by Python's global random numbers, values by NumPy's, in the order in which candle_lib draws
them (https://github.com/ECP-CANDLE/candle_lib, ``noise_utils.py``): the same seeds give the same noise.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from candle_spec.errors import InvalidInputError


def label_flip(y_data: Any, y_noise_level: float) -> tuple[Any, float]:
    """Flip each one-hot label with a probability; return the labels and the share that was flipped.

    Args:
        y_data: Labels, ``(samples, classes)``, 0 or 1; changed in place: each 0 becomes 1 and each 1 becomes 0.
        y_noise_level: The probability.
    """
    return y_data, _flip(y_data, range(len(y_data)), y_noise_level)


def label_flip_correlated(
    y_data: Any, y_noise_level: float, x_data: Any, col_ids: Any, threshold: float
) -> tuple[Any, float]:
    """The same, only for samples whose feature is above a threshold.

    Args:
        y_data: Labels, ``(samples, classes)``; changed in place.
        y_noise_level: The probability.
        x_data: Features, ``(samples, features)``.
        col_ids: Column of the feature, or a list of columns: one is done after the other.
        threshold: The threshold.

    Returns:
        The labels, and the share of them that was flipped for the last column.
    """
    import numpy

    share = 0.0
    for column in numpy.atleast_1d(numpy.asarray(col_ids, dtype=int)):
        above = numpy.flatnonzero(numpy.asarray(x_data)[:, column] > threshold)
        share = _flip(y_data, above, y_noise_level)
    return y_data, share


def _flip(labels: Any, rows: Any, level: float) -> float:
    chosen = [row for row in rows if random.random() < level]  # noqa: S311 - noise, not a secret
    labels[chosen] = labels[chosen] == 0
    return len(chosen) / len(labels) if len(labels) else 0.0


def add_gaussian_noise(x_data: Any, loc: float = 0.0, scale: float = 0.5) -> Any:
    """Return features with normal noise of a mean and a deviation, in the type that they had."""
    import numpy

    return x_data + numpy.random.normal(loc, scale, numpy.shape(x_data)).astype(numpy.asarray(x_data).dtype)


def add_column_noise(
    x_data: Any, loc: float = 0.0, scale: float = 0.5, col_ids: Sequence[int] = (0,), noise_type: str = "gaussian"
) -> Any:
    """Return features with noise in some columns.

    Args:
        x_data: Features, ``(samples, features)``; changed in place.
        loc: Mean of normal noise.
        scale: Its deviation, or the greatest value of uniform noise, which is as often negative.
        col_ids: The columns.
        noise_type: ``gaussian`` or ``uniform``.

    Raises:
        InvalidInputError: The type is neither of them.
    """
    for column in col_ids:
        x_data[:, column] += _drawn(noise_type, loc, scale, len(x_data))
    return x_data


def add_cluster_noise(
    x_data: Any,
    loc: float = 0.0,
    scale: float = 0.5,
    col_ids: Sequence[int] = (0,),
    noise_type: str = "gaussian",
    row_ids: Sequence[int] = (0,),
    y_noise_level: float = 0.0,
) -> Any:
    """Return features with noise in some columns of some rows, each row with a probability of ``y_noise_level``.

    The other arguments are those of :func:`add_column_noise`; the features are changed in place.
    """
    for row in row_ids:
        if random.random() < y_noise_level:  # noqa: S311 - noise, not a secret
            for column in col_ids:
                x_data[row, column] += _drawn(noise_type, loc, scale, None)
    return x_data


def _drawn(noise_type: str, loc: float, scale: float, size: int | None) -> Any:
    import numpy

    if noise_type == "gaussian":
        return numpy.random.normal(loc, scale, size)
    if noise_type == "uniform":
        return numpy.random.uniform(-scale, scale, size)
    raise InvalidInputError(f"noise_type is gaussian or uniform, not {noise_type!r}")


def add_noise(data: Any, labels: Any, params: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return features and labels with the noise that the hyperparameters ask for: one kind, the first that is set.

    Args:
        data: Features.
        labels: One-hot labels.
        params: ``add_noise`` turns it on. Then ``label_noise`` (with ``noise_correlated``: ``feature_col``,
            ``feature_threshold``), ``noise_gaussian`` (``std_dev``), ``noise_cluster`` (``std_dev feature_col
            noise_type sample_ids``), ``noise_column`` (``std_dev feature_col noise_type``). What is not set is off.
    """
    if not params.get("add_noise"):
        return data, labels
    kind = params.get("noise_type", "gaussian")
    if params.get("label_noise"):
        level = params["label_noise"]
        if params.get("noise_correlated"):
            columns, threshold = params["feature_col"], params["feature_threshold"]
            labels, _ = label_flip_correlated(labels, level, data, columns, threshold)
        else:
            labels, _ = label_flip(labels, level)
    elif params.get("noise_gaussian"):
        data = add_gaussian_noise(data, 0.0, params["std_dev"])
    elif params.get("noise_cluster"):
        rows, level = params["sample_ids"], params.get("label_noise") or 0.0
        data = add_cluster_noise(data, 0.0, params["std_dev"], params["feature_col"], kind, rows, level)
    elif params.get("noise_column"):
        data = add_column_noise(data, 0.0, params["std_dev"], params["feature_col"], kind)
    return data, labels
