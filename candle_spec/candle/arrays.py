"""Arrays as CANDLE programs prepare them: scaled, without gaps, cut into classes."""

from __future__ import annotations

from typing import Any

from candle_spec.errors import InvalidInputError


def scale_array(mat: Any, scaling: str | None = None) -> Any:
    """Return columns scaled, over the values that are there.

    Args:
        mat: ``(samples, features)``.
        scaling: ``maxabs`` (or ``minabs``) to [-1, 1], ``minmax`` to [0, 1], ``std`` to mean 0 and deviation 1,
            ``none``. A constant column becomes 0, or stays where it is scaled by its greatest absolute value.

    Raises:
        InvalidInputError: The scaling is none of them.
    """
    import numpy

    kind = str(scaling).lower()
    if kind in ("none", ""):
        return mat
    table = numpy.asarray(mat, dtype=float)
    low, high = numpy.nanmin(table, axis=0), numpy.nanmax(table, axis=0)
    if kind in ("maxabs", "minabs"):
        return table / _span(numpy.maximum(abs(low), abs(high)))
    if kind == "minmax":
        return (table - low) / _span(high - low)
    if kind == "std":
        return (table - numpy.nanmean(table, axis=0)) / _span(numpy.nanstd(table, axis=0))
    raise InvalidInputError(f"scaling is maxabs, minmax, std or none, not {scaling!r}")


def _span(widths: Any) -> Any:
    import numpy

    return numpy.where(widths == 0, 1.0, widths)


def impute_and_scale_array(mat: Any, scaling: str | None = None) -> Any:
    """Return columns scaled (:func:`scale_array`), each gap filled with the mean of its column before.

    Raises:
        InvalidInputError: A column holds nothing but gaps, or the scaling is unknown.
    """
    import numpy

    table = numpy.array(mat, dtype=float)
    gaps = numpy.isnan(table)
    if gaps.all(axis=0).any():
        raise InvalidInputError(f"column {int(gaps.all(axis=0).argmax())} holds no value")
    means = numpy.nanmean(table, axis=0)
    return scale_array(numpy.where(gaps, means, table), scaling)


def to_categorical(y: Any, num_classes: int | None = None) -> Any:
    """Return numbers of classes as one-hot rows, float32."""
    import numpy

    labels = numpy.asarray(y, dtype=int).ravel()
    return numpy.eye(num_classes or int(labels.max()) + 1, dtype=numpy.float32)[labels]


def convert_to_class(y_one_hot: Any, dtype: Any = int) -> Any:
    """Return one-hot rows as numbers of classes: where each row is greatest."""
    import numpy

    return numpy.asarray(y_one_hot).argmax(axis=1).astype(dtype)


def discretize_array(y: Any, bins: int = 5) -> Any:
    """Return for each value the number of its bin, of bins with as many values each."""
    import numpy

    return numpy.digitize(y, [numpy.percentile(y, 100 / bins * (each + 1)) for each in range(bins - 1)])
