"""A Keras checkpoint: datasets become tensors, groups and attributes the state tree, the architecture fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from candle_spec.conversion.contract import Field, Group, Native, NativeFormat, Part, SideFile, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._shared.documents import mapping
from candle_spec.converters._shared.keras.architecture import needed_code, parse_json
from candle_spec.converters._shared.keras.fields import architecture_fields, training_fields
from candle_spec.converters.keras import TITLES
from candle_spec.converters.keras.files import CKPT_INFO, METADATA, Architecture, KerasFiles, architecture_in, find
from candle_spec.converters.keras.hdf5_state import group_tree
from candle_spec.converters.keras.hdf5_tensors import tensor_of
from candle_spec.converters.keras.layout import Layout, contradiction, layout_of
from candle_spec.errors import InvalidInputError, UnsupportedFormatError
from candle_spec.problems import Location, Problem, Severity
from candle_spec.readers.hdf5 import Group as Hdf5Group
from candle_spec.readers.hdf5 import read_tree
from candle_spec.weights.sources import TensorSource, total_size

_NO_TOPOLOGY: Final = "a weights-only file; name the architecture with --topology"


def read(source: Source) -> Native:
    """Read the structure; no tensor's bytes are touched.

    Raises:
        CorruptFileError: The file is damaged or contradicts itself.
        UnsafeContentError: It leads out of itself, or states sizes that it does not hold.
        UnsupportedFormatError: It is of no dialect that is read.
    """
    found = find(source)
    if found is None:
        raise UnsupportedFormatError("this is not a Keras checkpoint", location=str(source.path))
    return _Reading(source, found).native()


class _Reading:
    """One Keras checkpoint while it is being read."""

    def __init__(self, source: Source, found: KerasFiles) -> None:
        self._source = source
        self._found = found
        found.check()
        self._root = read_tree(found.window)
        location = found.window.location
        inside = architecture_in(self._root, location)
        if inside is not None and source.topology is not None:
            raise InvalidInputError(
                "the file holds its own architecture", location=location, hint="leave --topology out"
            )
        self._architecture: Architecture | None = inside or found.architecture
        document = self._architecture.document if self._architecture else None
        fault = contradiction(self._root, found.dialect, document) if self._architecture and not inside else ""
        if fault and not self._own_architecture():
            raise InvalidInputError(f"the architecture is that of another model: {fault}", location=location)
        self._layout: Layout = layout_of(self._root, found.dialect, document, location)
        self._tensors: dict[str, TensorSource] = {}
        self._unread: list[str] = []

    def native(self) -> Native:
        """Return everything that was found."""
        self._read_tensors()
        native = Native(self._format(), self._source, weights_metadata={"format": "tf"})
        native.groups = [Group(name, name.partition(".")[0], root) for name, root in self._layout.roots.items()]
        native.tensors = list(self._tensors.values())
        files: dict[tuple[str, str], str] = {}
        architecture = self._architecture
        if architecture is not None:
            native.side_files.append(
                SideFile(architecture.path, architecture.data, architecture.media_type, "topology")
            )
            native.embedded_code = needed_code(architecture.document, architecture.path)
            if architecture.origin.startswith("attribute"):
                files["", "model_config"] = architecture.path
        native.side_files += self._found.side_files
        native.state = group_tree(self._root, self._tensors, files)
        native.fields = list(self._fields())
        native.parts = self._parts()
        native.problems = self._problems()
        return native

    def _read_tensors(self) -> None:
        first: dict[str, tuple[str, str]] = {}
        for dataset, place in self._layout.places:
            alias = first.get(dataset.same_as) if dataset.same_as else None
            if dataset.same_as and alias is None:
                # The second name comes first in the order of loading: it is the one that is stored.
                first[dataset.same_as] = (place.group, place.name)
            elif not dataset.same_as and dataset.path in first:
                alias = first[dataset.path]
            tensor = tensor_of(dataset, place, alias)
            if tensor is not None:
                self._tensors[dataset.path] = tensor
                first.setdefault(dataset.path, (place.group, place.name))
            elif dataset.shape is not None:
                self._unread.append(dataset.path)

    def _format(self) -> NativeFormat:
        found, base = self._found, self._root.members.get("model_weights")
        holders = [self._root, *([base] if isinstance(base, Hdf5Group) else [])]
        version = str(found.metadata.get("keras_version") or "")
        evidence = [f"{METADATA} states keras_version {version}"] if version else []
        for holder in holders:
            stated = holder.text("keras_version")
            if not version and stated:
                version = stated
                evidence.append(f"the attribute keras_version states {stated}")
            backend = holder.text("backend")
            if backend and not any("backend" in line for line in evidence):
                evidence.append(f"the attribute backend states {backend}")
        evidence.append(f"by its content it is: {TITLES[found.dialect]}")
        written = str(found.metadata.get("date_saved") or "").replace("@", "T")
        date = written if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", written, re.ASCII) else ""
        title = TITLES[found.dialect]
        if self._architecture is not None and not self._own_architecture():
            title += f" with {self._architecture.origin}"
        return NativeFormat("keras", found.dialect, title, "keras", version, written=date, evidence=tuple(evidence))

    def _own_architecture(self) -> bool:
        return self._found.dialect in ("legacy-h5", "keras-zip")

    def _fields(self) -> list[Field]:
        fields: list[Field] = [infer_name(self._source, self._names())]
        if self._architecture is not None:
            origin = self._architecture.origin
            fields += architecture_fields(self._architecture.document, self._architecture.path, origin)
        compiled, origin = self._compiled()
        fields += training_fields(compiled, origin)
        epoch = self._found.checkpoint_info.get("epoch")
        if isinstance(epoch, int) and not isinstance(epoch, bool) and epoch >= 0:
            fields.append(Field("/training_state/epoch", epoch, "file", CKPT_INFO))
        return fields

    def _names(self) -> list[tuple[str, str]]:
        """The author's name for the model; those that Keras makes up say nothing."""
        names: list[tuple[str, str]] = []
        if self._architecture is not None:
            name = mapping(mapping(self._architecture.document).get("config")).get("name")
            made_up = re.compile(r"(functional|sequential|model)(_\d+)?\Z")
            if isinstance(name, str) and not made_up.match(name):
                names.append((name, self._architecture.origin))
        if len(self._source.files) > 1:
            file = self._found.weights.name.rpartition("/")[2]
            names.append((re.sub(r"(\.(autosave|model|weights|hdf5|h5))+\Z", "", file), file))
        return names

    def _compiled(self) -> tuple[Mapping[str, Any], str]:
        """What ``compile`` was given: in the archive's architecture, or in an attribute of its own."""
        text = self._root.text("training_config")
        if text:
            location = f"{self._found.window.location}: training_config"
            return mapping(parse_json(text.encode("utf-8", "surrogateescape"), location)), "attribute training_config"
        document = self._architecture.document if self._architecture else None
        return mapping(mapping(document).get("compile_config")), "config.json: compile_config"

    def _parts(self) -> list[Part]:
        parts = [self._group_part(group) for group in self._layout.roots]
        if not any(group.startswith("optimizer") for group in self._layout.roots):
            compiled = bool(self._compiled()[0])
            reason = "compiled, but its state was not saved" if compiled else "the file holds no optimizer state"
            parts.append(Part("optimizer", "absent", reason))
        if self._architecture is not None:
            parts.append(Part("topology", "kept", size=len(self._architecture.data)))
        else:
            parts.append(Part("topology", "absent", _NO_TOPOLOGY))
        parts.append(Part("metadata", "kept", "attributes and structure of the HDF5 file, typed"))
        assets = [side for side in self._found.side_files if side.role == "artifact"]
        if assets:
            parts.append(Part("assets", "kept", count=len(assets), size=sum(side.size for side in assets)))
        left = self._unread + self._found.unkept
        if left:
            parts.append(Part("unknown", "residue", f"not understood: {', '.join(sorted(left)[:5])}", count=len(left)))
        return parts

    def _group_part(self, group: str) -> Part:
        own = [tensor for tensor in self._tensors.values() if tensor.group == group]
        size = total_size(own)
        reason = "the file's own lists do not name them: Keras does not load them" if group == "other" else ""
        return Part(group, "kept", reason, len(own), size)

    def _problems(self) -> list[Problem]:
        return [
            Problem(
                "CKP4007",
                Severity.WARNING,
                f"the items of {tensor.name!r} are opaque bytes of a dtype that the file does not name",
                Location(file=self._found.weights.name, tensor=tensor.name),
                hint="if it was bfloat16, --topology with the architecture says so",
            )
            for tensor in self._tensors.values()
            if tensor.encoding is not None and tensor.encoding.params.get("byte_order") == "unknown"
        ]
