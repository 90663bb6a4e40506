"""The trees of a Core ML model as arrays: one element for each node, in the order of the file."""

from __future__ import annotations

import struct
from array import array
from typing import TYPE_CHECKING, Any, Final

from candle_spec import limits
from candle_spec.errors import CorruptFileError, LimitExceededError
from candle_spec.readers import protobuf
from candle_spec.readers.protobuf import Window

if TYPE_CHECKING:
    import numpy.typing as npt

_INTEGERS: Final = {
    1: "treeId",
    2: "nodeId",
    3: "nodeBehavior",
    10: "branchFeatureIndex",
    12: "trueChildNodeId",
    13: "falseChildNodeId",
    14: "missingValueTracksTrueChild",
}
_REALS: Final = {11: "branchFeatureValue", 30: "relativeHitRate"}
_VALUES: Final = 20
_DOUBLE: Final = struct.Struct("<d")


class _Trees:
    """Columns that grow with each node."""

    def __init__(self) -> None:
        self.integers = {number: array("q") for number in _INTEGERS}
        self.reals = {number: array("d") for number in _REALS}
        self.base = array("d")
        self.owners, self.indices, self.values = array("q"), array("q"), array("d")

    def node(self, window: Window) -> None:
        """Add a node; a member that it does not state is zero."""
        found: dict[int, Any] = {}
        for item in protobuf.fields(window):
            if item.number == _VALUES and item.wire == protobuf.BYTES:
                self._value(item.window)
            elif item.number in _INTEGERS and item.wire == protobuf.VARINT:
                found[item.number] = item.signed
            elif item.number in _REALS and item.wire == protobuf.FIXED64:
                found[item.number] = _double(item.value)
        for number, column in self.integers.items():
            column.append(found.get(number, 0))
        for number, real in self.reals.items():
            real.append(found.get(number, 0.0))

    def _value(self, window: Window) -> None:
        """Add what a leaf adds to an output."""
        index, value = 0, 0.0
        for item in protobuf.fields(window):
            if item.number == 1 and item.wire == protobuf.VARINT:
                index = item.signed
            elif item.number == 2 and item.wire == protobuf.FIXED64:
                value = _double(item.value)
        self.owners.append(len(self.integers[1]))
        self.indices.append(index)
        self.values.append(value)


def _double(bits: int) -> float:
    return float(_DOUBLE.unpack(bits.to_bytes(8, "little"))[0])


def read_trees(window: Window) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a ``TreeEnsembleRegressor`` or ``TreeEnsembleClassifier``.

    ``nodes.*`` has an element for each node; ``evaluationInfo.node`` says to which one each value of a leaf belongs.

    Raises:
        CorruptFileError: It breaks its layout.
        LimitExceededError: It has far too many nodes.
    """
    import numpy as np

    trees = _Trees()
    inner = [item.window for item in protobuf.fields(window) if item.number == 1 and item.wire == protobuf.BYTES]
    for item in (item for each in inner for item in protobuf.fields(each)):
        if item.number == 1 and item.wire == protobuf.BYTES:
            if len(trees.integers[1]) >= limits.GRAPH_NODES:
                raise LimitExceededError(f"more than {limits.GRAPH_NODES} nodes", location=window.location)
            trees.node(item.window)
        elif item.number == 3 and item.wire in (protobuf.BYTES, protobuf.FIXED64):
            if item.window.size % 8:
                raise CorruptFileError("a list of numbers ends inside one", location=window.location)
            trees.base.frombytes(np.frombuffer(item.window.bytes(), "<f8").astype("=f8").tobytes())
    found = {f"nodes.{_INTEGERS[number]}": np.array(column, np.int64) for number, column in trees.integers.items()}
    found |= {f"nodes.{_REALS[number]}": np.array(column, np.float64) for number, column in trees.reals.items()}
    found["basePredictionValue"] = np.array(trees.base, np.float64)
    found["evaluationInfo.node"] = np.array(trees.owners, np.int64)
    found["evaluationInfo.evaluationIndex"] = np.array(trees.indices, np.int64)
    found["evaluationInfo.evaluationValue"] = np.array(trees.values, np.float64)
    return found
