"""Which values of a plain pickle are models: estimators, boosters, modules, dictionaries of arrays."""

from __future__ import annotations

from typing import Any

from candle_spec.conversion.meaning import TENSOR_KINDS, kind_of
from candle_spec.converters._shared.pickle.objects import as_pairs, holders
from candle_spec.converters._shared.pickle.roots import Evidence, Members
from candle_spec.converters._shared.torch.walk import module_state
from candle_spec.converters.python_pickle.array_reader import ArrayReader
from candle_spec.converters.python_pickle.boosters import handle_of
from candle_spec.converters.python_pickle.estimators import is_estimator, prepares
from candle_spec.converters.python_pickle.objects import class_of
from candle_spec.readers.torch_objects import FROM_BYTES


class PickleContent:
    """See :class:`candle_spec.converters._shared.pickle.roots.Content`.

    Args:
        root: What the file holds.
        arrays: Reads arrays out of records.
    """

    def __init__(self, root: Any, arrays: ArrayReader) -> None:
        self._arrays = arrays
        _, self._holders, self._kept = holders(root, self._counts)

    def _counts(self, node: Any) -> bool:
        return self._arrays.array(node) is not None or class_of(node) == FROM_BYTES or handle_of(node) is not None

    def members(self, node: Any) -> Members | None:
        """Return what is in a dictionary of texts; of a list, where one item alone holds something."""
        pairs = as_pairs(node)
        if pairs is not None:
            return pairs if all(isinstance(key, str) for key, _ in pairs) else None
        if isinstance(node, (list, tuple)) and sum(map(self.holds, node)) == 1:
            return [(str(index), item) for index, item in enumerate(node)]
        return None  # several estimators of a list are one model

    def holds(self, node: Any) -> bool:
        """Whether an array, a tensor of torch or a booster is in or below a record."""
        return id(node) in self._holders

    def is_array(self, node: Any) -> bool:
        """Whether a record is one array of NumPy, SciPy or torch."""
        named = class_of(node).startswith(("torch._utils.", "torch._tensor.", "scipy.sparse."))
        return named or self._arrays.array(node) is not None

    def network(self, node: Any) -> Evidence:
        """How surely a record is a model."""
        if is_estimator(node) or handle_of(node) is not None or module_state(node) is not None:
            return Evidence.SURE
        pairs = as_pairs(node)
        if pairs is None or not all(isinstance(key, str) for key, _ in pairs):
            return Evidence.NONE
        arrays = [key for key, value in pairs if self.is_array(value)]
        if not arrays or any(self.holds(value) and not self.is_array(value) for _, value in pairs):
            return Evidence.NONE
        if 2 * sum("." in key for key in arrays) >= len(arrays):
            return Evidence.SURE
        return Evidence.LIKELY if 2 * len(arrays) >= len(pairs) else Evidence.NONE

    def kind(self, key: str, node: Any) -> str:
        """Return the kind of a group: objects tell what they are; other values go by their key."""
        if prepares(node):
            return "artifact"
        if is_estimator(node) or handle_of(node) is not None:
            return "model"
        kind = kind_of(key)
        return kind if kind in TENSOR_KINDS else "other"
