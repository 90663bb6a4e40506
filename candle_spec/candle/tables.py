"""Tables of data as CANDLE programs load them: CSV files to arrays, scaled, split, labels one-hot.

What they return, and from which end the rows of validation are taken, is as in
https://github.com/ECP-CANDLE/candle_lib (``data_utils.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from candle_spec import optional
from candle_spec.candle.arrays import scale_array

Columns = Sequence[str] | Sequence[int] | str | int | None
"""Columns by name or by number."""


def _pandas() -> Any:
    return optional.require("pandas", extra="candle", purpose="read tables of data")


def _named(header: Any, columns: Columns) -> list[str]:
    """Return the names of columns that are given by name or by number."""
    given = [columns] if isinstance(columns, (str, int)) else list(columns or ())
    return [each if isinstance(each, str) else header[each] for each in given]


def load_csv_data(
    train_path: str,
    test_path: str | None = None,
    sep: str = ",",
    nrows: int | None = None,
    x_cols: Columns = None,
    y_cols: Columns = None,
    drop_cols: Columns = None,
    onehot_cols: Columns = None,
    n_cols: int | None = None,
    random_cols: bool = False,
    shuffle: bool = False,
    scaling: str | None = None,
    dtype: Any = None,
    validation_split: float | None = None,
    return_dataframe: bool = True,
    return_header: bool = False,
    seed: float = 7102,
) -> Any:
    """Return the tables of CSV files: those of ``x_train, y_train, x_val, y_val, x_test, y_test`` that there are.

    Args:
        train_path: Training data, with a header.
        test_path: Test data; without it, there are no test tables.
        sep: Separator.
        nrows: Rows to read.
        x_cols: Columns of features; all others than ``y_cols`` and ``drop_cols`` by default.
        y_cols: Columns of targets; without them, there are no y tables.
        drop_cols: Columns that are no features.
        onehot_cols: Columns to turn into one column for each value, ``column:value``.
        n_cols: Number of feature columns; 0 or ``None``: all.
        random_cols: Draw them rather than take the first.
        shuffle: Shuffle the rows.
        scaling: See :func:`scale_array`; train and test together.
        dtype: Type of the features.
        validation_split: Share of the training rows for validation, from the end; without it, there are no val tables.
        return_dataframe: Return tables rather than arrays.
        return_header: Return the names of the columns of x and y too.
        seed: Seed of what is random.
    """
    pandas = _pandas()
    header = list(pandas.read_csv(train_path, sep=sep, nrows=0).columns)
    targets = _named(header, y_cols)
    features = _features(header, x_cols, {*targets, *_named(header, drop_cols)}, n_cols, int(seed), random=random_cols)
    paths = [train_path, *([test_path] if test_path else [])]
    tables = [pandas.read_csv(path, sep=sep, nrows=nrows)[[*targets, *features]] for path in paths]
    if shuffle:
        tables = [table.sample(frac=1, random_state=int(seed)) for table in tables]
    both = pandas.concat(tables)
    one_hot = _named(header, onehot_cols)
    y = _one_hot(both[targets], one_hot)
    x = _scaled(_one_hot(both[features], one_hot), scaling, dtype)
    total = len(tables[0])
    held = int(total * validation_split) if validation_split and 0 < validation_split < 1 else 0
    ends = [(0, total - held), *([(total - held, total)] if held else []), *([(total, len(both))] if test_path else [])]
    parts = [part.iloc[a:b] for a, b in ends for part in ((x, y) if targets else (x,))]
    found = parts if return_dataframe else [part.to_numpy() for part in parts]
    found += [x.columns.tolist(), y.columns.tolist()] if return_header else []
    return tuple(found) if len(found) > 1 else found


def _scaled(table: Any, scaling: str | None, dtype: Any) -> Any:
    if scaling is None and dtype is None:
        return table
    values = scale_array(table.to_numpy(), scaling)
    return _pandas().DataFrame(values, index=table.index, columns=table.columns).astype(dtype or values.dtype)


def _features(
    header: list[str], x_cols: Columns, others: set[str], n_cols: int | None, seed: int, *, random: bool
) -> list[str]:
    import numpy

    names = _named(header, x_cols) if x_cols is not None else [name for name in header if name not in others]
    if not n_cols or n_cols >= len(names):
        return names
    order = numpy.random.default_rng(seed).permutation(len(names)) if random else range(len(names))
    return [names[index] for index in sorted(order[:n_cols])]


def _one_hot(table: Any, columns: Sequence[str]) -> Any:
    pandas = _pandas()
    for column in columns:
        if column in table.columns:
            made = pandas.get_dummies(table[column], prefix=column, prefix_sep=":", dtype=int)
            table = pandas.concat([made, table.drop(columns=column)], axis=1)
    return table


def load_Xy_one_hot_data2(
    train_file: str,
    test_file: str,
    class_col: Columns = None,
    drop_cols: Columns = None,
    n_cols: int | None = None,
    shuffle: bool = False,
    scaling: str | None = None,
    validation_split: float = 0.1,
    dtype: Any = None,
    seed: float = 7102,
) -> tuple[tuple[Any, Any], tuple[Any, Any], tuple[Any, Any]]:
    """Return (x, one-hot y) of training, validation and test, of CSV files with a column of classes.

    Args:
        train_file: Training data, with a header; the rows of validation are its first.
        test_file: Test data.
        class_col: The column of classes.
        drop_cols: Columns that are no features.
        n_cols: Number of feature columns; 0 or ``None``: all.
        shuffle: Shuffle the rows.
        scaling: See :func:`scale_array`; train and test together.
        validation_split: Share of the training rows for validation.
        dtype: Type of the features.
        seed: Seed of the shuffling.
    """
    import numpy

    x_train, y_train, x_test, y_test = load_csv_data(
        train_file, test_file, y_cols=class_col, drop_cols=drop_cols, onehot_cols=class_col, n_cols=n_cols,
        shuffle=shuffle, scaling=scaling, dtype=dtype or numpy.float32, return_dataframe=False, seed=seed,
    )  # fmt: skip
    held = int(len(x_train) * validation_split)
    return (x_train[held:], y_train[held:]), (x_train[:held], y_train[:held]), (x_test, y_test)


def load_Xy_data2(
    train_file: str, test_file: str, class_col: Columns = None, *args: Any, **keywords: Any
) -> tuple[tuple[Any, Any], tuple[Any, Any], tuple[Any, Any]]:
    """Return the same as :func:`load_Xy_one_hot_data2`, with the number of the class for y."""
    found = load_Xy_one_hot_data2(train_file, test_file, class_col, *args, **keywords)
    parts = [(x, y.argmax(axis=1)) for x, y in found]
    return parts[0], parts[1], parts[2]


def load_Xy_data_noheader(
    train_file: str, test_file: str, classes: int, usecols: Any = None, scaling: str | None = None, dtype: Any = None
) -> tuple[Any, Any, Any, Any]:
    """Return ``x_train, y_train, x_test, y_test`` of CSV files without header; the first column is the class."""
    import numpy

    tables = [_pandas().read_csv(f, header=None, usecols=usecols).to_numpy() for f in (train_file, test_file)]
    labels = [numpy.eye(classes)[table[:, 0].astype(int)] for table in tables]
    both = scale_array(numpy.concatenate([table[:, 1:] for table in tables]), scaling).astype(dtype or numpy.float32)
    cut = len(tables[0])
    return both[:cut], labels[0], both[cut:], labels[1]
