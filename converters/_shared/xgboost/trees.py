"""The trees of an XGBoost model as arrays, one after the other.

Every node of a tree has one element in each array; a leaf's left child is -1, and its split condition is its value
(of trees with several outputs the values are ``leaf_weights``, and a leaf's right child is its position there).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from candle_spec import limits
from candle_spec.converters._shared.boosters import Columns, finite
from candle_spec.converters._shared.xgboost.document import array, integer, member
from candle_spec.errors import CorruptFileError, LimitExceededError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_NODES: Final = {
    "left_children": "int32",
    "right_children": "int32",
    "parents": "int32",
    "split_indices": "int32",
    "split_conditions": "float32",
    "default_left": "uint8",
    "split_type": "uint8",
    "loss_changes": "float32",
    "sum_hessian": "float32",
    "leaf_child_counts": "int32",
}
_NEEDED: Final = ("left_children", "right_children", "parents", "split_indices", "split_conditions", "default_left")
_OWN: Final = {
    "base_weights": "float32",
    "leaf_weights": "float32",
    "categories": "int32",
    "categories_nodes": "int32",
    "categories_segments": "int64",
    "categories_sizes": "int64",
}
"""Arrays of another length than the number of nodes, with the positions at which each tree's part begins."""

ARRAYS: Final[Mapping[str, tuple[str, str, str]]] = {
    "base_score": ("F32", "outputs, or 1", "what every prediction starts from, as the objective takes it"),
    "tree_offsets": ("I64", "trees + 1", "first node of each tree in the arrays of nodes"),
    "tree_info": ("I32", "trees", "the output that a tree adds to"),
    "iteration_indptr": ("I32", "rounds + 1", "first tree of each round (since 2.0)"),
    "left_children": ("I32", "nodes", "left child, counted within the tree; -1: a leaf"),
    "right_children": ("I32", "nodes", "right child; of a leaf with several values its position in `leaf_weights`"),
    "parents": ("I32", "nodes", "parent, counted within the tree"),
    "split_indices": ("I32", "nodes", "feature that is compared"),
    "split_conditions": ("F32", "nodes", "threshold: left if the value is less; of a leaf its value"),
    "default_left": ("U8", "nodes", "1: a missing value goes left"),
    "split_type": ("U8", "nodes", "0 a number, 1 categories"),
    "loss_changes": ("F32", "nodes", "gain of the split"),
    "sum_hessian": ("F32", "nodes", "sum of the hessians, the cover"),
    "leaf_child_counts": ("I32", "nodes", "number of leaves below"),
    "base_weights": ("F32", "nodes · outputs", "value that a node would have as a leaf, before the learning rate"),
    "leaf_weights": ("F32", "leaves · outputs", "values of leaves with several"),
    "categories": ("I32", "own", "categories that go right, node after node"),
    "categories_nodes": ("I32", "own", "nodes that split by categories"),
    "categories_segments": ("I64", "own", "where a node's categories begin within the tree's"),
    "categories_sizes": ("I64", "own", "how many they are"),
    "weight_drop": ("F32", "trees", "weight of a tree (dart)"),
    "weights": ("F32", "features + 1, outputs", "coefficients and, in the last row, the bias (gblinear)"),
}
"""Every array by name: dtype, length, meaning; ``<name>_offsets``: where each tree begins in those of own length."""


def read_forest(model: Mapping[str, Any], features: int, columns: Columns, location: str) -> list[str]:
    """Add the arrays of ``gradient_booster.model`` of trees to ``columns``.

    Returns:
        Names of members that are not understood; they stand in the payload only.

    Raises:
        CorruptFileError: An array has not the length that the model states, or refers to what there is not.
    """
    trees = model.get("trees")
    if not isinstance(trees, list) or any(not isinstance(tree, dict) for tree in trees):
        raise CorruptFileError("the model has no list of trees", location=location)
    if len(trees) > limits.BOOSTER_TREES:
        raise LimitExceededError(f"{len(trees)} trees", location=location)
    stated = integer(member(model, "gbtree_model_param", location).get("num_trees"), "num_trees", location)
    if stated != len(trees):
        raise CorruptFileError(f"{len(trees)} trees, num_trees says {stated}", location=location)
    unknown: set[str] = set()
    kept = {name for name in (*_NODES, *_OWN) if any(_filled(tree.get(name)) for tree in trees)}
    kept |= set(_NEEDED)
    for index, tree in enumerate(trees):
        where = f"{location}: tree {index}"
        if integer(tree.get("id", index), "id", where) != index:
            raise CorruptFileError("the trees are not in their order", location=where)
        _Tree(tree, where, features).add_to(columns, kept)
        unknown |= {str(name) for name in tree.keys() - {*_NODES, *_OWN, "id", "tree_param"}}
    _add_rounds(model, len(trees), columns, location)
    if trees:
        _add_offsets(columns)
    return sorted(unknown)


def _filled(value: Any) -> bool:
    return hasattr(value, "__len__") and len(value) > 0


def _add_offsets(columns: Columns) -> None:
    nodes = columns.lengths("left_children")
    columns.offsets("tree_offsets", nodes)
    for name in _OWN:
        if name in columns and columns.lengths(name) != nodes:
            columns.offsets(f"{name}_offsets", columns.lengths(name))


def _add_rounds(model: Mapping[str, Any], trees: int, columns: Columns, location: str) -> None:
    """Add which output each tree adds to, and at which tree each round begins."""
    import numpy as np

    info = array(model.get("tree_info"), "int32", "tree_info", location)
    if len(info) != trees:
        raise CorruptFileError(f"tree_info has {len(info)} numbers for {trees} trees", location=location)
    columns.add("tree_info", info)
    if "iteration_indptr" not in model:  # since XGBoost 2.0
        return
    starts = array(model["iteration_indptr"], "int32", "iteration_indptr", location)
    if not len(starts) or starts[0] != 0 or starts[-1] != trees or (np.diff(starts) < 0).any():
        raise CorruptFileError("iteration_indptr does not divide the trees into rounds", location=location)
    columns.add("iteration_indptr", starts)


class _Tree:
    """One tree while it is being read."""

    def __init__(self, tree: Mapping[str, Any], where: str, features: int) -> None:
        self._tree = tree
        self._where = where
        self._features = features
        params = member(tree, "tree_param", where)
        self._nodes = integer(params.get("num_nodes"), "num_nodes", where)
        self._outputs = max(1, integer(params.get("size_leaf_vector", "1"), "size_leaf_vector", where))

    def add_to(self, columns: Columns, kept: set[str]) -> None:
        """Add those of the tree's arrays that any tree has."""
        for name, dtype in _NODES.items():
            if name in kept:
                columns.add(name, self._of_nodes(name, dtype))
        for name, dtype in _OWN.items():
            if name in kept:
                columns.add(name, array(self._tree.get(name, []), dtype, name, self._where))
        self._check(columns)
        self._check_categories(columns, kept)

    def _of_nodes(self, name: str, dtype: str) -> npt.NDArray[Any]:
        found = array(self._tree.get(name), dtype, name, self._where)
        if len(found) != self._nodes:
            message = f"{name} has {len(found)} numbers for {self._nodes} nodes"
            raise CorruptFileError(message, location=self._where)
        return found

    def _check(self, columns: Columns) -> None:
        """Compare what the nodes refer to with what there is."""
        left, right = columns.last("left_children"), columns.last("right_children")
        inner = left != -1
        if ((left < -1) | (left >= self._nodes)).any() or ((right < 0) | (right >= self._nodes))[inner].any():
            raise CorruptFileError("a child is a node that the tree has not", location=self._where)
        splits = columns.last("split_indices")[inner]
        if splits.size and (splits.min() < 0 or splits.max() >= self._features):
            raise CorruptFileError("a split is on a feature that the model has not", location=self._where)
        if columns.last("default_left").size and columns.last("default_left").max() > 1:
            raise CorruptFileError("default_left holds neither 0 nor 1", location=self._where)
        weights = self._tree.get("base_weights")
        if _filled(weights) and len(weights) % max(1, self._nodes):  # type: ignore[arg-type]
            raise CorruptFileError("base_weights are no whole number for each node", location=self._where)
        conditions = columns.last("split_conditions")
        # The conditions of leaves with several values are filled with anything.
        finite(conditions if self._outputs == 1 else conditions[inner], "split_conditions", self._where)
        if self._outputs > 1:
            self._check_values(columns)

    def _check_values(self, columns: Columns) -> None:
        """Leaves with several values have them in ``leaf_weights``, before XGBoost 3.1 in ``base_weights``."""
        name = "leaf_weights" if _filled(self._tree.get("leaf_weights")) else "base_weights"
        values = columns.last(name) if name in columns else None
        if values is None or len(values) % self._outputs:
            raise CorruptFileError(f"{name} are not {self._outputs} for each leaf", location=self._where)
        finite(values, name, self._where)

    def _check_categories(self, columns: Columns, kept: set[str]) -> None:
        """Each node that splits by categories has a stretch of them."""
        if "categories_nodes" not in kept:
            return
        nodes, starts, sizes, values = (
            columns.last(name) if name in kept else array([], "int64", name, self._where)
            for name in ("categories_nodes", "categories_segments", "categories_sizes", "categories")
        )
        if not len(nodes) == len(starts) == len(sizes):
            raise CorruptFileError("the nodes' categories are not as many as the nodes", location=self._where)
        if nodes.size and (nodes.min() < 0 or nodes.max() >= self._nodes):
            raise CorruptFileError("categories belong to a node that the tree has not", location=self._where)
        if _outside(starts, sizes, len(values)):
            raise CorruptFileError("a node's categories are not in the list", location=self._where)


def _outside(starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64], count: int) -> bool:
    return bool(((starts < 0) | (sizes < 0) | (starts > count) | (sizes > count - starts)).any())
