"""The trees of a LightGBM model as arrays, one after the other.

A tree of ``n`` leaves has ``n - 1`` splits. A child that is not negative is a split of the same tree, any other is
the leaf ``-child - 1``. Every number is read as the decimal that it is, correctly rounded to a double; the library
reads thresholds and leaf values so, and all others to within their last digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from candle_spec.converters._shared.boosters import Columns, finite
from candle_spec.converters._shared.lightgbm.text import Text, whole
from candle_spec.errors import CorruptFileError, UnsupportedFormatError

if TYPE_CHECKING:
    import numpy.typing as npt

_SPLITS: Final = {
    "split_feature": "int32",
    "split_gain": "float64",
    "threshold": "float64",
    "decision_type": "int8",
    "left_child": "int32",
    "right_child": "int32",
    "internal_value": "float64",
    "internal_weight": "float64",
    "internal_count": "int32",
}
_LEAVES: Final = {"leaf_value": "float64", "leaf_weight": "float64", "leaf_count": "int32"}
_NEEDED: Final = frozenset({"split_feature", "threshold", "left_child", "right_child", "leaf_value"})
"""Without these the library does not load a tree; all others are zeros to it where they are not stated."""

_CATEGORIES: Final = ("cat_boundaries", "cat_threshold")
_LINEAR: Final = ("leaf_const", "num_features", "leaf_features", "leaf_coeff")
_KNOWN: Final = frozenset(
    {*_SPLITS, *_LEAVES, *_CATEGORIES, *_LINEAR, "num_leaves", "num_cat", "is_linear", "shrinkage"}
)

ARRAYS: Final[Mapping[str, tuple[str, str, str]]] = {
    "tree_offsets": ("I64", "trees + 1", "first split of each tree in the arrays of splits"),
    "leaf_offsets": ("I64", "trees + 1", "first leaf of each tree in the arrays of leaves"),
    "num_leaves": ("I32", "trees", "number of leaves"),
    "shrinkage": ("F64", "trees", "learning rate, which the leaf values contain already"),
    "split_feature": ("I32", "splits", "feature that is compared"),
    "threshold": ("F64", "splits", "left if the value is at most this; of categories the number of their set"),
    "decision_type": (
        "I8",
        "splits",
        "bit 0: categories, bit 1: missing goes left, bits 2-3: missing is nothing, 0, NaN",
    ),
    "left_child": ("I32", "splits", "left child within the tree: a split, or -n - 1 for leaf n"),
    "right_child": ("I32", "splits", "right child"),
    "split_gain": ("F64", "splits", "gain of the split"),
    "internal_value": ("F64", "splits", "value that the node would have as a leaf"),
    "internal_weight": ("F64", "splits", "sum of the hessians"),
    "internal_count": ("I32", "splits", "samples that came by"),
    "leaf_value": ("F64", "leaves", "value that is added"),
    "leaf_weight": ("F64", "leaves", "sum of the hessians"),
    "leaf_count": ("I32", "leaves", "samples that ended there"),
    "num_cat": ("I32", "trees", "number of splits by categories"),
    "cat_boundaries": ("I32", "own", "where each set of categories begins in the tree's words, and the end"),
    "cat_threshold": ("U32", "own", "sets of categories that go left, a bit each"),
    "is_linear": ("I8", "trees", "1: leaves have linear models"),
    "leaf_const": ("F64", "leaves", "constant of a leaf's linear model"),
    "num_features": ("I32", "leaves", "features of a leaf's linear model"),
    "leaf_features": ("I32", "own", "these features, leaf after leaf"),
    "leaf_coeff": ("F64", "own", "their coefficients"),
}
"""Every array by name: dtype, length, meaning; ``<name>_offsets``: where each tree begins in those of own length."""


def read_trees(text: Text, features: int, columns: Columns) -> list[str]:
    """Add the arrays of all trees to ``columns``.

    Args:
        text: The model.
        features: Number of its features.
        columns: Where the arrays go.

    Returns:
        Keys of lines that are not understood; they stand in the payload only.

    Raises:
        CorruptFileError: An array has not the length that the tree states, a word is no number, or a child or a
            feature does not exist.
    """
    unknown: set[str] = set()
    linear = any(b"\nis_linear=1\n" in text.raw(index) for index in range(len(text.trees)))
    for index in range(len(text.trees)):
        lines = text.lines(index)
        _Tree(lines, f"{text.window.location}: tree {index}", features).add_to(columns, linear=linear)
        unknown |= lines.keys() - _KNOWN
    if text.trees:
        _offsets(columns, linear=linear)
    return sorted(unknown)


def _offsets(columns: Columns, *, linear: bool) -> None:
    columns.offsets("tree_offsets", columns.lengths("split_feature"))
    columns.offsets("leaf_offsets", columns.lengths("leaf_value"))
    if any(columns.lengths("cat_threshold")):
        for name in _CATEGORIES:
            columns.offsets(f"{name}_offsets", columns.lengths(name))
    else:
        columns.drop(*_CATEGORIES, "num_cat")
    if linear:
        columns.offsets("leaf_coeff_offsets", columns.lengths("leaf_coeff"))


class _Tree:
    """One tree while it is being read."""

    def __init__(self, lines: Mapping[str, bytes], where: str, features: int) -> None:
        self._lines = lines
        self._where = where
        self._features = features
        self._leaves = self._count("num_leaves", None)
        if self._leaves < 1:
            raise CorruptFileError("a tree without leaves", location=where)

    def add_to(self, columns: Columns, *, linear: bool) -> None:
        """Add the tree's arrays."""
        import numpy as np

        for name, dtype in _SPLITS.items():
            columns.add(name, self._array(name, dtype, self._leaves - 1))
        for name, dtype in _LEAVES.items():
            columns.add(name, self._array(name, dtype, self._leaves))
        self._check(columns)
        self._categories(columns)
        if linear:
            self._linear(columns)
        columns.add("num_leaves", np.array([self._leaves], np.int32))
        columns.add("shrinkage", self._array("shrinkage", "float64", 1))

    def _count(self, name: str, default: int | None) -> int:
        if name not in self._lines and default is not None:
            return default
        if name not in self._lines:
            raise CorruptFileError(f"the tree lacks {name}", location=self._where)
        return whole(self._lines[name], name, self._where)

    def _array(self, name: str, dtype: str, count: int) -> npt.NDArray[Any]:
        """Return an array of stated length; zeros, as in the library, where one that is not needed is left out."""
        import numpy as np

        words = self._lines.get(name, b"").split()
        if not words and name not in _NEEDED:
            return np.ones(count) if name == "shrinkage" else np.zeros(count, dtype)
        if len(words) != count:
            raise CorruptFileError(f"{name} has {len(words)} numbers, not {count}", location=self._where)
        return self._numbers(name, words, dtype)

    def _numbers(self, name: str, words: list[bytes], dtype: str) -> npt.NDArray[Any]:
        import numpy as np

        try:
            if any(b"_" in word for word in words):  # Python's literals may have some, LightGBM's numbers not
                raise ValueError("an underscore")
            if dtype.startswith("float"):
                return np.array([float(word) for word in words], np.float64)
            exact = np.array([int(word) for word in words], np.int64)
        except (ValueError, OverflowError) as error:
            raise CorruptFileError(f"{name} holds what is no number: {error}", location=self._where) from error
        bounds = np.iinfo(dtype)
        if exact.size and (exact.min() < bounds.min or exact.max() > bounds.max):
            raise CorruptFileError(f"{name} holds a number that is out of range", location=self._where)
        return exact.astype(dtype)

    def _check(self, columns: Columns) -> None:
        """Compare what the tree refers to with what there is."""
        last = {name: columns.last(name) for name in ("split_feature", "left_child", "right_child")}
        if not last["split_feature"].size:
            finite(columns.last("leaf_value"), "leaf_value", self._where)
            return
        if last["split_feature"].min() < 0 or last["split_feature"].max() >= self._features:
            raise CorruptFileError("a split is on a feature that the model has not", location=self._where)
        for name in ("left_child", "right_child"):
            if last[name].min() < -self._leaves or last[name].max() >= self._leaves - 1:
                raise CorruptFileError(f"{name} leads to a node that the tree has not", location=self._where)
        for name in ("leaf_value", "threshold"):
            finite(columns.last(name), name, self._where)

    def _categories(self, columns: Columns) -> None:
        import numpy as np

        count = self._count("num_cat", 0)
        words = self._lines.get("cat_boundaries", b"").split()
        bounds = self._numbers("cat_boundaries", words, "int32")
        if len(bounds) != (count + 1 if count else len(bounds)) or (not count and len(bounds) > 1):
            raise CorruptFileError(f"cat_boundaries has {len(bounds)} numbers for {count} splits", location=self._where)
        masks = self._numbers("cat_threshold", self._lines.get("cat_threshold", b"").split(), "uint32")
        if count and (bounds[0] != 0 or (np.diff(bounds) < 0).any() or bounds[-1] != len(masks)):
            raise CorruptFileError("cat_threshold is not as long as cat_boundaries say", location=self._where)
        columns.add("cat_boundaries", bounds)
        columns.add("cat_threshold", masks)
        columns.add("num_cat", np.array([count], np.int32))

    def _linear(self, columns: Columns) -> None:
        """Add the leaves' linear models; a tree without any has none in its leaves."""
        import numpy as np

        is_linear = self._count("is_linear", 0)
        if is_linear > 1:
            raise UnsupportedFormatError(f"is_linear is {is_linear}", location=self._where)
        columns.add("is_linear", np.array([is_linear], np.int8))
        columns.add("leaf_const", self._array("leaf_const", "float64", self._leaves))
        counts = self._array("num_features", "int32", self._leaves)
        total = int(counts.sum(dtype=np.int64))
        if counts.size and counts.min() < 0:
            raise CorruptFileError("num_features holds a negative number", location=self._where)
        columns.add("num_features", counts)
        for name, dtype in (("leaf_features", "int32"), ("leaf_coeff", "float64")):
            words = self._lines.get(name, b"").split()
            if len(words) != total:
                message = f"{name} has {len(words)} numbers, num_features say {total}"
                raise CorruptFileError(message, location=self._where)
            columns.add(name, self._numbers(name, words, dtype))
        used = columns.last("leaf_features")
        if used.size and (used.min() < 0 or used.max() >= self._features):
            raise CorruptFileError("a leaf uses a feature that the model has not", location=self._where)
        for name in ("leaf_const", "leaf_coeff"):
            finite(columns.last(name), name, self._where)
