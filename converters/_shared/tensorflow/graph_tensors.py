"""Constants of a graph as tensors, and the graph without them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from candle_spec import limits
from candle_spec.conversion.contract import Group, NativeFile, Part, SideFile
from candle_spec.converters._shared.names import free_name
from candle_spec.converters._shared.protobuf_skeleton import skeleton
from candle_spec.converters._shared.tensorflow.constants import Constants, Value
from candle_spec.converters._shared.tensorflow.graph import Graph
from candle_spec.errors import LimitExceededError
from candle_spec.paths import portable_name
from candle_spec.readers import protobuf
from candle_spec.readers.protobuf import Window
from candle_spec.weights.sources import FileBytes, TensorSource, total_size

GROUP: Final = "other.constants"
_LARGE: Final = 1024
"""Bytes from which a constant beside variables is stored as a tensor."""

_MEDIA: Final = "application/x-protobuf"
_REPEATED_SHARE: Final = 10
"""A graph is kept whole beside the weights where its large constants are a smaller part of it than one in this."""


@dataclass(slots=True)
class GraphTensors:
    """Constants that are stored as tensors."""

    tensors: list[TensorSource] = field(default_factory=list)
    verbatim: list[protobuf.Field] = field(default_factory=list)
    left: int = 0
    """Constants that no tensor holds."""
    made: int = 0
    """Bytes that do not stand in the file as they are."""
    _names: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, group: str, wanted: str, value: Value) -> None:
        """Add a constant under its name, or one that no other has."""
        name = free_name(wanted, self._names[group])
        self._names[group].add(name)
        about = dict(value.attributes)
        self.tensors.append(
            TensorSource(group, name, value.dtype, value.shape, value.parts, value.encoding, attributes=about)
        )
        self.made += value.made
        if value.verbatim is not None and value.size >= _LARGE:
            self.verbatim.append(value.verbatim)

    @property
    def groups(self) -> list[Group]:
        """Their groups."""
        used = {tensor.group for tensor in self.tensors}
        return [Group(name, name.partition(".")[0]) for name in ("model", GROUP) if name in used]

    def size(self, group: str = "") -> int:
        """Bytes of the tensors of a group, or of all."""
        own = [tensor for tensor in self.tensors if group in ("", tensor.group)]
        return total_size(own)

    def parts(self) -> list[Part]:
        """Lines of the certificate."""
        rows = [
            Part(
                group.id if group.kind == "model" else "constants",
                "kept",
                count=sum(tensor.group == group.id for tensor in self.tensors),
                size=self.size(group.id),
            )
            for group in self.groups
        ]
        if self.left:
            rows.append(Part("objects", "residue", "constants of a kind that no tensor holds", count=self.left))
        return rows


def graph_tensors(
    graphs: Iterable[tuple[str, Graph]], file: NativeFile, choose: Callable[[Graph, str, str, Value], str]
) -> GraphTensors:
    """Return constants as tensors; the file's message is open.

    Args:
        graphs: Graphs of the file, each with what its constants' names begin with.
        file: The file.
        choose: Gives the group for a constant of a graph, by function, name and value; ``""`` for none.

    Raises:
        LimitExceededError: The chosen constants are far larger than the file.
    """
    found = GraphTensors()
    reader = Constants(file.path)
    for prefix, graph in graphs:
        for function, name, window in graph.constants:
            value = reader.read(window)
            if value is None:
                found.left += 1
                continue
            group = choose(graph, function, name, value)
            if group:
                found.add(group, prefix + (f"{function}:{name}" if function else name), value)
            if found.made > limits.GRAPH_CONSTANTS:
                text = f"constants of more than {limits.GRAPH_CONSTANTS} bytes are made from less"
                raise LimitExceededError(text, location=file.name)
    return found


def large_constants(graph: Graph, function: str, name: str, value: Value) -> str:
    """Choose the constants of a graph whose weights are variables: large ones that are written out.

    What the saver holds is not among them: the names of the variables, and the object graph, a single string.
    """
    names = value.dtype == "BYTES" and (value.shape == () or name.endswith("/tensor_names"))
    repeated = value.dtype != "BYTES" and value.verbatim is None
    return "" if value.size < _LARGE or names or repeated else GROUP


@dataclass(frozen=True, slots=True)
class Topology:
    """A graph as a file beside the weights, and whether it is whole."""

    file: SideFile
    whole: bool

    def part(self, without: str = "its large constants are stored as tensors") -> Part:
        """Return the line of the certificate; ``without`` says what a graph that is not whole lacks."""
        status: Literal["kept", "transformed"] = "kept" if self.whole else "transformed"
        return Part("topology", status, "" if self.whole else without, size=self.file.size)


def topology_of(file: NativeFile, message: Window, found: GraphTensors) -> Topology:
    """Return the graph as a file beside the weights.

    Constants that are stored as tensors are not stored a second time, unless they are a small part of it.
    """
    name = portable_name(file.name.rpartition("/")[2])
    taken = sum(item.window.size for item in found.verbatim)
    if taken * _REPEATED_SHARE <= file.size:
        data = FileBytes(file.path, 0, file.size)
        return Topology(SideFile(f"topology/{name}", data, _MEDIA, "topology"), whole=True)
    rest = skeleton(file.path, message, found.verbatim)
    return Topology(SideFile(f"topology/without-constants-{name}", rest, _MEDIA, "topology"), whole=False)
