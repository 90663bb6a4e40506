"""Which values of a torch pickle are networks: modules, state dicts, averages of them."""

from __future__ import annotations

from typing import Any, Final

from candle_spec.checkpoint.wrappers import averaging
from candle_spec.conversion.meaning import TENSOR_KINDS, kind_of
from candle_spec.converters._shared.pickle.objects import as_pairs, holders
from candle_spec.converters._shared.pickle.roots import Evidence, Members
from candle_spec.converters._shared.torch.walk import GRAPH_MODULE, key_text, module_state
from candle_spec.readers import numpy_objects
from candle_spec.readers.inert_pickle import Call, Mapping
from candle_spec.readers.torch_objects import TorchObjects

_METADATA: Final = "_metadata"
"""Attribute in which torch keeps the versions of a state dict's modules; no other dictionary has it."""


class TorchContent:
    """See :class:`candle_spec.converters._shared.pickle.roots.Content`.

    Args:
        root: What the file holds.
        objects: Reads tensors out of records.
    """

    def __init__(self, root: Any, objects: TorchObjects) -> None:
        self._objects = objects
        self._arrays, self._holders, self._kept = holders(root, self._is_array)

    def _is_array(self, node: Any) -> bool:
        whole = self._objects.tensor(node) is not None or numpy_objects.array_of(node) is not None
        return whole or self._objects.composed(node) is not None

    def members(self, node: Any) -> Members | None:
        """Return what is in a dictionary, a list, or an object by its attributes."""
        pairs = as_pairs(node)
        if pairs is None and isinstance(node, Call) and not self.is_array(node) and not _is_module(node):
            pairs = node.state.unique() if len(node.states) == 1 and isinstance(node.state, Mapping) else None
        if pairs is not None:
            return [(key_text(key, index), value) for index, (key, value) in enumerate(pairs)]
        return [(str(index), item) for index, item in enumerate(node)] if isinstance(node, (list, tuple)) else None

    def holds(self, node: Any) -> bool:
        """Whether any tensor is in or below a record."""
        return id(node) in self._holders

    def is_array(self, node: Any) -> bool:
        """Whether a record is a tensor of torch or an array of NumPy."""
        return id(node) in self._arrays

    def network(self, node: Any) -> Evidence:
        """How surely a record is a network: a module, or a dictionary as ``state_dict()`` makes it."""
        if _is_module(node):
            return Evidence.SURE
        pairs = as_pairs(node)
        if pairs is None or not all(isinstance(key, str) for key, _ in pairs):
            return Evidence.NONE
        arrays = [key for key, value in pairs if self.is_array(value)]
        below = [key for key, value in pairs if as_pairs(value) is not None and self.holds(value)]
        if not arrays:
            return Evidence.NONE
        if _has_metadata(node) or (_dotted([*arrays, *below]) and _dotted(below) and len(arrays) >= len(below)):
            return Evidence.SURE
        return Evidence.LIKELY if not below and 2 * len(arrays) >= len(pairs) else Evidence.NONE

    def kind(self, key: str, node: Any) -> str:
        """Return the kind of a group: averages and states of optimizers are known by what they hold, too."""
        kind = kind_of(key)
        if kind == "scaler":
            return "artifact"  # that of mixed precision keeps numbers alone; one with tensors scales the data
        if kind in ("model", "other"):
            names = {name for name, _ in as_pairs(node) or [] if isinstance(name, str)}
            if averaging(names):
                return "ema"
            if names == {"state", "param_groups"}:
                return "optimizer"
        return kind if kind in TENSOR_KINDS else "other"

    def is_state_dict(self, node: Any) -> bool:
        """Whether the root of a file is a state dict: it holds tensors itself, and no dictionaries of tensors."""
        pairs = as_pairs(node) or []
        direct = any(self._objects.tensor(value) is not None for _, value in pairs)
        below = (value for _, value in pairs if as_pairs(value) is not None)
        return self.network(node) == Evidence.SURE or (direct and not any(map(self.holds, below)))


def _is_module(node: Any) -> bool:
    return module_state(node) is not None or (isinstance(node, Call) and node.path == GRAPH_MODULE)


def _has_metadata(node: Any) -> bool:
    state = node.state if isinstance(node, Call) else None
    return isinstance(state, Mapping) and any(key == _METADATA for key, _ in state.pairs)


def _dotted(names: list[str]) -> bool:
    """Whether names are mostly paths of modules: ``encoder.0.weight``."""
    return 2 * sum("." in name for name in names) >= len(names)
