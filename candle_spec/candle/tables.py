"""Tables of data as CANDLE programs load them: CSV files to arrays, scaled, split, labels one-hot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from candle_spec import optional
from candle_spec.errors import InvalidInputError


def scale(values: Any, scaling: str | None) -> Any:
    """Return columns scaled: ``minabs`` to [-1, 1], ``minmax`` to [0, 1], ``std`` to mean 0 and deviation 1, ``none``.

    A constant column becomes 0, or stays where it is scaled by its greatest absolute value.

    Raises:
        InvalidInputError: The scaling is none of them.
    """
    import numpy

    if scaling in (None, "none", ""):
        return values
    table = numpy.asarray(values, dtype=float)
    low, high = numpy.nanmin(table, axis=0), numpy.nanmax(table, axis=0)
    if scaling in ("maxabs", "minabs"):
        return table / _span(numpy.maximum(abs(low), abs(high)))
    if scaling == "minmax":
        return (table - low) / _span(high - low)
    if scaling == "std":
        return (table - numpy.nanmean(table, axis=0)) / _span(numpy.nanstd(table, axis=0))
    raise InvalidInputError(f"scaling is minabs, minmax, std or none, not {scaling!r}")


def _span(widths: Any) -> Any:
    import numpy

    return numpy.where(widths == 0, 1.0, widths)


def _pandas() -> Any:
    return optional.require("pandas", extra="test", purpose="read tables of data")


def load_csv_data(
    train_path: str,
    test_path: str | None = None,
    sep: str = ",",
    nrows: int | None = None,
    x_cols: Sequence[str] | None = None,
    y_cols: Sequence[str] | None = None,
    drop_cols: Sequence[str] | None = None,
    onehot_cols: Sequence[str] | None = None,
    n_cols: int | None = None,
    random_cols: bool = False,
    shuffle: bool = False,
    scaling: str | None = None,
    dtype: Any = None,
    validation_split: float | None = None,
    return_dataframe: bool = True,
    return_header: bool = False,
    seed: int = 7102,
) -> Any:
    """Return ``x_train, y_train, x_val, y_val, x_test, y_test`` (and the headers of x and y) of CSV files.

    Args:
        train_path: Training data, with a header.
        test_path: Test data.
        sep: Separator.
        nrows: Rows to read.
        x_cols: Columns of features; all others than ``y_cols`` by default.
        y_cols: Columns of targets.
        drop_cols: Columns to leave out.
        onehot_cols: Columns to turn into one column for each value.
        n_cols: Number of feature columns; 0 or ``None``: all.
        random_cols: Draw them rather than take the first.
        shuffle: Shuffle the training rows.
        scaling: See :func:`scale`; train and test together.
        dtype: Type of the features.
        validation_split: Share of the training rows for validation, from the end.
        return_dataframe: Return tables rather than arrays.
        return_header: Return the headers too.
        seed: Seed of what is random.
    """
    import numpy

    pandas, random = _pandas(), numpy.random.default_rng(int(seed))
    train = pandas.read_csv(train_path, sep=sep, nrows=nrows)
    test = pandas.read_csv(test_path, sep=sep, nrows=nrows) if test_path else train.iloc[:0]
    if shuffle:
        train = train.iloc[random.permutation(len(train))]
    table = pandas.concat([train, test], ignore_index=True).drop(columns=list(drop_cols or ()), errors="ignore")
    targets = list(y_cols or ())
    y = table[targets]
    one_hot = [column for column in onehot_cols or () if column in targets]
    y = pandas.get_dummies(y, columns=one_hot, dtype=int) if one_hot else y
    x = table[list(x_cols)] if x_cols is not None else table.drop(columns=targets)
    if n_cols:
        chosen = sorted(random.permutation(x.shape[1])[:n_cols]) if random_cols else range(min(n_cols, x.shape[1]))
        x = x.iloc[:, list(chosen)]
    x = pandas.DataFrame(scale(x.to_numpy(), scaling), columns=x.columns).astype(dtype or numpy.float32)
    ends = [int(len(train) * (1 - (validation_split or 0))), len(train), len(table)]
    parts = [part.iloc[a:b] for a, b in zip([0, *ends], ends, strict=False) for part in (x, y)]
    found = parts if return_dataframe else [part.to_numpy() for part in parts]
    return (*found, x.columns.tolist(), y.columns.tolist()) if return_header else tuple(found)


def load_Xy_one_hot_data2(
    train_file: str,
    test_file: str,
    class_col: int,
    drop_cols: Sequence[int] | None = None,
    n_cols: int | None = None,
    shuffle: bool = False,
    scaling: str | None = None,
    validation_split: float = 0.1,
    dtype: Any = None,
    seed: int = 7102,
) -> tuple[tuple[Any, Any], tuple[Any, Any], tuple[Any, Any]]:
    """Return (x, one-hot y) of training, validation and test, of CSV files whose column ``class_col`` is the class."""
    header = _pandas().read_csv(train_file, nrows=0).columns
    dropped = [header[index] for index in drop_cols or ()]
    target = [header[class_col]]
    found = load_csv_data(
        train_file, test_file, y_cols=target, drop_cols=dropped, onehot_cols=target, n_cols=n_cols, shuffle=shuffle,
        scaling=scaling, dtype=dtype, validation_split=validation_split, return_dataframe=False, seed=seed,
    )  # fmt: skip
    return (found[0], found[1]), (found[2], found[3]), (found[4], found[5])


def load_Xy_data_noheader(
    train_file: str, test_file: str, classes: int, usecols: Any = None, scaling: str | None = None, dtype: Any = None
) -> tuple[Any, Any, Any, Any]:
    """Return ``x_train, y_train, x_test, y_test`` of CSV files without header; the first column is the class."""
    import numpy

    tables = [_pandas().read_csv(f, header=None, usecols=usecols).to_numpy() for f in (train_file, test_file)]
    labels = [numpy.eye(classes)[table[:, 0].astype(int)] for table in tables]
    both = scale(numpy.concatenate([table[:, 1:] for table in tables]), scaling).astype(dtype or numpy.float32)
    cut = len(tables[0])
    return both[:cut], labels[0], both[cut:], labels[1]
