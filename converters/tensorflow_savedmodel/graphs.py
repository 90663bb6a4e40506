"""The graphs of a ``saved_model.pb``, and what each says of itself as plain values.

Layout: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/protobuf/saved_model.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from candle_spec.converters._shared.tensorflow.graph import operations_tree
from candle_spec.converters._shared.tensorflow.meta_graph import MetaGraph, TensorInfo
from candle_spec.readers import protobuf
from candle_spec.readers.protobuf import Window
from candle_spec.weights import state_tree

_META_GRAPH: Final = 2


def meta_graphs(message: Window) -> Iterator[Window]:
    """Yield the graphs of a ``SavedModel``."""
    return (item.window for item in protobuf.fields(message) if item.number == _META_GRAPH)


def tree_of(found: MetaGraph) -> Any:
    """Return what a graph says of itself, for the state tree."""
    text = state_tree.encode_scalar

    def ends(rows: tuple[TensorInfo, ...]) -> Any:
        return state_tree.mapping([(text(row[0]), text(row[1])) for row in rows])

    signatures = [
        (
            text(each.name),
            state_tree.mapping(
                [("method", text(each.method)), ("inputs", ends(each.inputs)), ("outputs", ends(each.outputs))]
            ),
        )
        for each in found.signatures.values()
    ]
    return state_tree.mapping(
        [
            ("tags", [text(tag) for tag in found.tags]),
            ("tensorflow_version", text(found.version)),
            ("graph_version", found.graph.producer),
            ("signatures", state_tree.mapping(signatures)),
            ("assets", [text(name) for name in found.assets]),
            ("nodes", found.graph.nodes),
            ("functions", len(found.graph.functions)),
            ("operations", operations_tree(found.graph)),
        ]
    )
