"""``PREFIX.meta``: the graph that TensorFlow 1 writes beside a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from candle_spec.conversion.contract import Field, Native, NativeFile, Part
from candle_spec.converters._shared.tensorflow.graph_tensors import (
    GraphTensors,
    Topology,
    graph_tensors,
    large_constants,
    topology_of,
)
from candle_spec.converters._shared.tensorflow.meta_graph import MetaGraph, note_risks, read_meta_graph
from candle_spec.readers.protobuf import open_message


@dataclass(slots=True)
class MetaFile:
    """The graph, where the file is there.

    Attributes:
        found: What it holds.
        constants: Its large constants.
        topology: The file to put beside the weights.
    """

    found: MetaGraph = field(default_factory=MetaGraph)
    constants: GraphTensors = field(default_factory=GraphTensors)
    topology: Topology | None = None

    @classmethod
    def read(cls, file: NativeFile | None) -> MetaFile:
        """Read it.

        Raises:
            CorruptFileError: It is damaged.
        """
        if file is None:
            return cls()
        with open_message(file.path) as message:
            found = read_meta_graph(message)
            constants = graph_tensors([("", found.graph)], file, large_constants)
            topology = topology_of(file, message, constants)
        return cls(found, constants, topology)

    @property
    def roles(self) -> Mapping[str, str]:
        """Roles of variables by name."""
        return _Roles(self.found.roles)

    def add(self, native: Native) -> None:
        """Put the graph and its constants beside the weights, and say what became of it."""
        native.tensors += self.constants.tensors
        native.groups += self.constants.groups
        native.parts += self.constants.parts()
        if self.topology is None:
            native.parts.append(Part("topology", "absent", "the code that makes the objects is not in the checkpoint"))
            return
        path = self.topology.file.path
        native.side_files.append(self.topology.file)
        topologies = [{"kind": "other", "path": path}]
        native.fields.append(Field("/model/topology", topologies, "file", path.rpartition("/")[2]))
        native.parts.append(self.topology.part())
        note_risks(native, [self.found], path)


class _Roles(dict[str, str]):
    """Roles that are found when they are asked for."""

    def __init__(self, of: Callable[[str], str]) -> None:
        super().__init__()
        self._of = of

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
        return self._of(key) or default
