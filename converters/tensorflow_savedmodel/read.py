"""A SavedModel as a checkpoint: variables and large constants become tensors, signatures inputs and outputs."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any, Final

from candle_spec.conversion.contract import Field, Native, NativeFormat, Part, SideFile, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._shared.keras.architecture import needed_code
from candle_spec.converters._shared.tensorflow.fields import training_state_fields, version_fields
from candle_spec.converters._shared.tensorflow.graph import VARIABLE_OPS
from candle_spec.converters._shared.tensorflow.graph_tensors import (
    GraphTensors,
    graph_tensors,
    large_constants,
    topology_of,
)
from candle_spec.converters._shared.tensorflow.meta_graph import note_risks, read_meta_graph
from candle_spec.converters._shared.tensorflow.objects import VALUE, Node
from candle_spec.converters._shared.tensorflow.variables import Variables, read_variables
from candle_spec.converters.tensorflow_savedmodel import MODEL, TITLE
from candle_spec.converters.tensorflow_savedmodel.detect import base_of, is_model
from candle_spec.converters.tensorflow_savedmodel.fields import KERAS_METADATA, keras_metadata, signature_fields
from candle_spec.converters.tensorflow_savedmodel.graphs import meta_graphs, tree_of
from candle_spec.errors import CorruptFileError, MissingPartError, UnsupportedFormatError
from candle_spec.paths import portable_name
from candle_spec.readers import protobuf
from candle_spec.readers.protobuf import Window, open_message
from candle_spec.weights import state_tree
from candle_spec.weights.sources import FileBytes

_INDEX: Final = "variables/variables.index"
_FINGERPRINT: Final = "fingerprint.pb"
_FINGERPRINTS: Final = {
    1: "saved_model_checksum",
    2: "graph_def_program_hash",
    3: "signature_def_hash",
    4: "saved_object_graph_hash",
    5: "checkpoint_hash",
}


def read(source: Source) -> Native:
    """Read the structure; see :class:`candle_spec.conversion.contract.Converter`."""
    base, form = base_of(source)
    if len(source.files) == 1 and is_model(source.files[0]):
        base, form = posixpath.dirname(source.files[0].name), source.files[0].name
    elif base is None or form != MODEL:
        hint = "save it again with tf.saved_model.save"
        raise UnsupportedFormatError(f"no {MODEL} is here", location=str(source.path), hint=hint)
    return _Reading(source, base, form).native()


class _Reading:
    """One SavedModel while it is being read."""

    def __init__(self, source: Source, base: str, form: str) -> None:
        self._source = source
        self._base = base
        self._files = {file.name.removeprefix(base): file for file in source.files}
        self._file = self._files[form.removeprefix(base)]
        self._used = {self._file.name}
        with open_message(self._file.path) as message:
            self._read_graphs(message)
        self._variables = self._read_variables()

    def _read_graphs(self, message: Window) -> None:
        self._graphs = [read_meta_graph(graph) for graph in meta_graphs(message)]
        if not self._graphs:
            raise CorruptFileError("the SavedModel holds no graph", location=self._file.name)
        several = len(self._graphs) > 1
        rows = [(f"{','.join(g.tags) or number}/" if several else "", g.graph) for number, g in enumerate(self._graphs)]
        self._constants: GraphTensors = graph_tensors(rows, self._file, large_constants)
        self._topology = topology_of(self._file, message, self._constants)

    def _read_variables(self) -> Variables | None:
        index = self._files.get(_INDEX)
        if index is not None:
            own = {name: file for name, file in self._files.items() if name.startswith("variables/variables.")}
            self._used |= {file.name for file in own.values()}
            return read_variables(index, {file.name: file for file in own.values()}, self._roles)
        if any(op in graph.graph.ops for graph in self._graphs for op in VARIABLE_OPS):
            hint = "name the folder that holds saved_model.pb and variables/"
            raise MissingPartError(f"{_INDEX} is not there", location=str(self._source.path), hint=hint)
        return None

    def _roles(self, nodes: list[Node]) -> Mapping[str, str]:
        """Trained or not, where the graph's objects are those of the checkpoint: same number, same full name."""
        known = self._graphs[0].variables
        roles: dict[str, str] = {}
        for number, node in enumerate(nodes):
            name, trained = known.get(number, ("", False))
            for attribute, label, key in node.attributes:
                if attribute == VALUE and name and name == label:
                    roles[key] = "parameter" if trained else "buffer"
        for graph in self._graphs:
            roles |= dict.fromkeys(graph.trainable, "parameter")
        return roles

    def native(self) -> Native:
        """Return everything that was found."""
        native = Native(self._format(), self._source, weights_metadata={"format": "tf"})
        if self._variables is not None:
            native.tensors += self._variables.tensors
            native.groups += self._variables.groups
            native.parts += self._variables.parts
            native.checks += self._variables.checks
        native.tensors += self._constants.tensors
        native.groups += self._constants.groups
        native.parts += self._constants.parts()
        native.state = self._state()
        native.side_files.append(self._topology.file)
        native.parts.append(self._topology.part())
        native.fields = self._fields()
        self._add_keras(native)
        self._add_assets(native)
        note_risks(native, self._graphs, self._topology.file.path)
        self._add_rest(native)
        return native

    def _format(self) -> NativeFormat:
        first = self._graphs[0]
        variant = "constants" if self._variables is None else "objects" if self._variables.object_based else "names"
        keras = KERAS_METADATA in self._files
        evidence = [f"{MODEL} holds {len(self._graphs)} graph(s), tags {', '.join(first.tags)}"[:500]]
        if first.version:
            evidence.append(f"{MODEL} states TensorFlow {first.version}"[:500])
        title = f"{TITLE} of Keras 2" if keras else TITLE
        version = first.version if len(first.version) <= 100 and first.version.isprintable() else ""
        return NativeFormat("tensorflow_savedmodel", variant, title, "tensorflow", version, evidence=tuple(evidence))

    def _fields(self) -> list[Field]:
        first, name = self._graphs[0], self._file.name
        topology = {"kind": "saved-model" if self._topology.whole else "other", "path": self._topology.file.path}
        fields = [infer_name(self._source), Field("/model/topology", [topology], "file", name)]
        fields += signature_fields(first, name)
        fields += version_fields(first.version, name)
        if self._variables is not None:
            tensors, objects = self._variables.tensors, self._variables.object_based
            fields += training_state_fields(tensors, _INDEX, object_based=objects)
        return fields

    def _state(self) -> Any:
        rows: list[tuple[Any, Any]] = [("graphs", [tree_of(graph) for graph in self._graphs])]
        file = self._files.get(_FINGERPRINT)
        if file is not None:
            self._used.add(file.name)
            with open_message(file.path) as message:
                numbers = {item.number: item.value for item in protobuf.fields(message)}
            known = [(name, state_tree.encode_scalar(numbers.get(n, 0))) for n, name in _FINGERPRINTS.items()]
            rows.append(("fingerprint", state_tree.mapping(known)))
        if self._variables is not None:
            rows.append(("variables", self._variables.state))
        return state_tree.mapping(rows)

    def _add_keras(self, native: Native) -> None:
        """The architecture that Keras 2 adds, as JSON."""
        file = self._files.get(KERAS_METADATA)
        if file is None:
            return
        self._used.add(file.name)
        sides, fields, document = keras_metadata(file)
        native.side_files += sides
        taken = {found.pointer for found in native.fields}
        native.fields += [found for found in fields if found.pointer not in taken]
        native.embedded_code += needed_code(document, sides[0].path if sides else "") if document else []
        native.parts.append(Part("Keras metadata", "transformed" if sides else "residue", "architecture as JSON"))
        for side in sides:
            topologies = next(found for found in native.fields if found.pointer == "/model/topology")
            topologies.value.append({"kind": "keras-config", "path": side.path})

    def _add_assets(self, native: Native) -> None:
        """Files that the graph reads (vocabularies), and those that the authors added."""
        own = {n: file for n, file in self._files.items() if n.startswith(("assets/", "assets.extra/"))}
        for name, file in own.items():
            self._used.add(file.name)
            path = "artifacts/" + "/".join(portable_name(part) for part in name.split("/"))
            if file.size:
                data = FileBytes(file.path, 0, file.size)
                native.side_files.append(SideFile(path, data, "application/octet-stream", "artifact"))
        if own:
            native.parts.append(Part("assets", "kept", count=len(own), size=sum(file.size for file in own.values())))
        missing = sorted({name for graph in self._graphs for name in graph.assets if f"assets/{name}" not in own})
        if missing:
            reason = f"the graph reads them, and they are not here: {', '.join(missing[:5])}"
            native.parts.append(Part("missing assets", "absent", reason[:500], len(missing)))

    def _add_rest(self, native: Native) -> None:
        others = [file for file in self._source.files if file.name not in self._used]
        if others:
            names = ", ".join(file.name for file in others[:3])
            native.parts.append(Part("other files", "residue", names[:500], len(others), sum(f.size for f in others)))
