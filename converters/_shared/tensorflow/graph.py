"""A TensorFlow graph on the wire: its nodes, the functions of its library, its constants, the operations it uses.

Layout: https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/framework (``graph.proto``,
``node_def.proto``, ``function.proto``, ``attr_value.proto``). Nothing of it is run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from candle_spec import limits
from candle_spec.errors import LimitExceededError
from candle_spec.readers import protobuf
from candle_spec.readers.protobuf import Window
from candle_spec.weights import state_tree

_NODE, _LIBRARY, _VERSIONS = 1, 2, 4
_FUNCTION, _FUNCTION_NODE = 1, 3
_ATTRIBUTE_TENSOR, _ATTRIBUTE_FUNCTION, _ATTRIBUTE_LIST, _LIST_FUNCTION = 8, 10, 1, 9

FILE_OPS: Final = frozenset(
    """ReadFile WriteFile MatchingFiles DeleteFile RenameFile Save SaveSlices SaveV2 Restore RestoreSlice RestoreV2
    MergeV2Checkpoints LoadAndRemapMatrix InitializeTableFromTextFile InitializeTableFromTextFileV2 WholeFileReader
    WholeFileReaderV2 TextLineReader TextLineReaderV2 FixedLengthRecordReader FixedLengthRecordReaderV2 TFRecordReader
    TFRecordReaderV2 LMDBReader TextLineDataset FixedLengthRecordDataset FixedLengthRecordDatasetV2 TFRecordDataset
    TFRecordDatasetV2 SnapshotDataset SnapshotDatasetV2 SaveDataset SaveDatasetV2 LoadDataset CacheDataset
    CacheDatasetV2 SqlDataset PrintV2 DebugIdentity DebugIdentityV2 DebugIdentityV3 SummaryWriter
    CreateSummaryFileWriter CreateSummaryDbWriter ImmutableConst CheckpointExists""".split()
)
"""Operations that read or write files whose names a graph may choose."""

CODE_OPS: Final = frozenset(
    """PyFunc PyFuncStateless EagerPyFunc GeneratorDataset RemoteCall RemoteFusedGraphExecute CustomCall XlaCustomCall
    XlaCustomCallV2 XlaHostCompute XlaLaunch CompositeTensorVariantFromComponents RpcCall Rpc TryRpc
    DataServiceDataset DataServiceDatasetV2 DataServiceDatasetV3 DataServiceDatasetV4""".split()
)
"""Operations that call Python, libraries outside of TensorFlow, or other machines."""

VARIABLE_OPS: Final = frozenset({"VarHandleOp", "VariableV2", "Variable", "VarHandle"})


@dataclass(slots=True)
class GraphNode:
    """One node.

    Attributes:
        name: Its name.
        op: Its operation.
        inputs: Names of what it takes, with output numbers and ``^`` for an order only.
        functions: Functions that it calls.
        tensor: The value of a constant.
        placeholder: The attributes ``dtype`` and ``shape``, which say what is fed to a placeholder.
    """

    name: str = ""
    op: str = ""
    inputs: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    tensor: Window | None = None
    placeholder: dict[str, protobuf.Field] = field(default_factory=dict)


@dataclass(slots=True)
class Graph:
    """What one walk over a graph finds.

    Attributes:
        producer: Version of the graph's format.
        nodes: Number of nodes, with those of functions.
        functions: Names of the functions, in their order.
        ops: How often each operation is used.
        constants: Function (``""`` for the graph itself), name and value of each constant.
        risky: Function, name and operation of each node that touches files or runs other code.
        callers: For each function, the nodes that call it: function and name.
        readers: For each node of the graph itself, the nodes that take it: name and operation.
        placeholders: Where the graph itself is fed.
        own: Name and operation of the nodes of the graph itself.
    """

    producer: int = 0
    nodes: int = 0
    functions: list[str] = field(default_factory=list)
    ops: Counter[str] = field(default_factory=Counter)
    constants: list[tuple[str, str, Window]] = field(default_factory=list)
    risky: list[tuple[str, str, str]] = field(default_factory=list)
    callers: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    readers: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    placeholders: list[GraphNode] = field(default_factory=list)
    own: list[tuple[str, str]] = field(default_factory=list)

    def add(self, message: Window) -> None:
        """Walk over a ``GraphDef``.

        Raises:
            CorruptFileError: It is no graph.
            LimitExceededError: It has too many nodes.
        """
        for item in protobuf.fields(message):
            if item.number == _NODE:
                self._node("", item.window)
            elif item.number == _LIBRARY:
                for inner in protobuf.fields(item.window):
                    if inner.number == _FUNCTION:
                        self._function(inner.window)
            elif item.number == _VERSIONS:
                self.producer = next((v.signed for v in protobuf.fields(item.window) if v.number == 1), 0)

    def _function(self, message: Window) -> None:
        name = ""
        for item in protobuf.fields(message):
            if item.number == 1:
                name = next((part.window.text() for part in protobuf.fields(item.window) if part.number == 1), "")
                self.functions.append(name)
            elif item.number == _FUNCTION_NODE:
                self._node(name, item.window)

    def _node(self, function: str, message: Window) -> None:
        node = read_node(message)
        self.nodes += 1
        if self.nodes > limits.GRAPH_NODES:
            raise LimitExceededError(f"a graph of more than {limits.GRAPH_NODES} nodes", location=message.location)
        self.ops[node.op] += 1
        if node.tensor is not None:
            self.constants.append((function, node.name, node.tensor))
        if node.op in FILE_OPS or node.op in CODE_OPS:
            self.risky.append((function, node.name, node.op))
        for called in node.functions:
            self.callers.setdefault(called, set()).add((function, node.name))
        if not function:
            self.own.append((node.name, node.op))
            for name in node.inputs:
                self.readers.setdefault(base_name(name), []).append((node.name, node.op))
            if node.op == "Placeholder":
                self.placeholders.append(node)


def operations_tree(graph: Graph) -> Any:
    """Return how often each operation is used, for the state tree."""
    return state_tree.mapping([(state_tree.encode_scalar(op), count) for op, count in sorted(graph.ops.items())])


def base_name(name: str) -> str:
    """Return the node that an input names: without ``^`` and the number of the output."""
    return name.removeprefix("^").partition(":")[0]


def read_node(message: Window) -> GraphNode:
    """Return a ``NodeDef``; of its attributes only what it calls and, of a constant, its value."""
    node = GraphNode()
    for item in protobuf.fields(message):
        if item.number == 1:
            node.name = item.window.text()
        elif item.number == 2:
            node.op = item.window.text()
        elif item.number == 3:
            node.inputs.append(item.window.text())
        elif item.number == 5:
            _attribute(node, item.window)
    if node.op not in ("Const", "HostConst"):
        node.tensor = None
    return node


def _attribute(node: GraphNode, message: Window) -> None:
    key, value = "", None
    for item in protobuf.fields(message):
        if item.number == 1:
            key = item.window.text()
        elif item.number == 2:
            value = item.window
    if value is None:
        return
    for item in protobuf.fields(value):
        if item.number == _ATTRIBUTE_TENSOR and key == "value":
            node.tensor = item.window
        elif key in ("dtype", "shape"):
            node.placeholder[key] = item
        elif item.number == _ATTRIBUTE_FUNCTION:
            node.functions += _named(item.window)
        elif item.number == _ATTRIBUTE_LIST:
            for inner in protobuf.fields(item.window):
                if inner.number == _LIST_FUNCTION:
                    node.functions += _named(inner.window)


def _named(message: Window) -> Iterator[str]:
    return (item.window.text() for item in protobuf.fields(message) if item.number == 1)
