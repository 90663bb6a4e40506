"""Noise for robustness studies: flipped labels and disturbed features, by numpy's global random numbers."""

from __future__ import annotations

from typing import Any


def label_flip(y_data: Any, y_noise_level: float) -> tuple[Any, float]:
    """Flip each one-hot label of two classes with a probability; return the labels and the share that was flipped.

    Args:
        y_data: Labels, ``(samples, 2)``; changed in place.
        y_noise_level: The probability.
    """
    import numpy

    flip = numpy.random.random(len(y_data)) < y_noise_level
    y_data[flip] = 1 - y_data[flip]
    return y_data, float(flip.mean()) if len(flip) else 0.0


def label_flip_correlated(
    y_data: Any, y_noise_level: float, x_data: Any, col_ids: Any, threshold: float
) -> tuple[Any, float]:
    """The same, only for samples whose feature is above a threshold.

    Args:
        y_data: Labels, ``(samples, 2)``; changed in place.
        y_noise_level: The probability.
        x_data: Features, ``(samples, features)``.
        col_ids: Column of the feature, or a list of columns of which any may be above.
        threshold: The threshold.
    """
    import numpy

    columns = numpy.atleast_1d(numpy.asarray(col_ids, dtype=int))
    above = (numpy.asarray(x_data)[:, columns] > threshold).any(axis=1)
    flip = above & (numpy.random.random(len(y_data)) < y_noise_level)
    y_data[flip] = 1 - y_data[flip]
    return y_data, float(flip.mean()) if len(flip) else 0.0


def add_gaussian_noise(x_data: Any, scale: float, std_dev: float) -> Any:
    """Return features with normal noise of mean ``scale`` and a deviation."""
    import numpy

    return x_data + numpy.random.normal(scale, std_dev, numpy.shape(x_data)).astype(numpy.asarray(x_data).dtype)


def add_column_noise(x_data: Any, scale: float, col_ids: Any, noise_type: str = "gaussian") -> Any:
    """Return features with noise in some columns: normal of deviation ``scale``, or uniform up to it."""
    import numpy

    noisy = numpy.array(x_data, copy=True)
    columns = numpy.atleast_1d(numpy.asarray(col_ids, dtype=int))
    shape = noisy[:, columns].shape
    uniform = noise_type == "uniform"
    noisy[:, columns] += numpy.random.uniform(0, scale, shape) if uniform else numpy.random.normal(0, scale, shape)
    return noisy
