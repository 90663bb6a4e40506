"""An exported program of PyTorch as a checkpoint: JSON says what each tensor is, the archive holds its bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from candle_spec import limits
from candle_spec.canonical import loads
from candle_spec.conversion.contract import (
    EmbeddedCode,
    Field,
    Group,
    InertPickle,
    Native,
    NativeFormat,
    Part,
    SideFile,
    Source,
)
from candle_spec.converters._shared.pickle.imports import imports_of
from candle_spec.converters._shared.torch.files import read_zip
from candle_spec.converters._shared.torch.tensors import tensor_source
from candle_spec.errors import CandleSpecError, CorruptFileError, UnsupportedFormatError
from candle_spec.paths import portable_name
from candle_spec.problems import Location, Problem, Severity
from candle_spec.readers.inert_pickle import Global, load
from candle_spec.readers.signatures import ZIP
from candle_spec.readers.torch_objects import check_view
from candle_spec.readers.torch_views import Storage, TensorView
from candle_spec.readers.zip_archive import Entry, ZipArchive
from candle_spec.weights.sources import FileBytes, TensorSource, total_size

_DTYPES: Final = {
    1: "U8",
    2: "I8",
    3: "I16",
    4: "I32",
    5: "I64",
    6: "F16",
    7: "F32",
    8: "F64",
    9: "C32",
    10: "C64",
    11: "C128",
    12: "BOOL",
    13: "BF16",
    28: "U16",
    29: "F8_E4M3",
    30: "F8_E5M2",
    31: "F8_E4M3FNUZ",
    32: "F8_E5M2FNUZ",
    33: "F8_E8M0",
    34: "U32",
    35: "U64",
}
"""``ScalarType`` of the schema of exported programs."""


_STRIDED: Final = 7
_TENSORS: Final = re.compile(r"data/(weights|constants)/(.+)_(?:weights|constants)_config\.json\Z")
_MODEL: Final = re.compile(r"models/(.+)\.json\Z")
_PATHS: Final = re.compile(rb"""File \\+"(/|[A-Z]:)[^"]{1,80}|/(home|Users|root)/[^"\\]{1,80}""")
_GRAPH_BYTES: Final = 64 << 20


def read(source: Source) -> Native:
    """Read what the archive says of its tensors.

    Raises:
        CorruptFileError: The archive is damaged, or a tensor lies beyond its entry.
        UnsupportedFormatError: It is of the first version, or a dtype or layout is not known.
    """
    archive = ZipArchive(source.files[0].path)
    root = next((name for name in archive.entries if name.rpartition("/")[2] == "archive_format"), None)
    if root is None:
        raise UnsupportedFormatError(
            "this exported program is of a version before torch 2.6, whose tensors are pickles of torch",
            location=str(source.path),
            hint="load and save it again with a newer torch",
        )
    return _Reading(source, archive, root.removesuffix("archive_format")).native()


@dataclass(slots=True)
class _Reading:
    """One archive while it is being read."""

    source: Source
    archive: ZipArchive
    root: str
    tensors: list[TensorSource] = field(default_factory=list)
    pickles: list[InertPickle] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    unknown: list[Part] = field(default_factory=list)
    owners: dict[tuple[Any, ...], tuple[str, str]] = field(default_factory=dict)
    used: list[Entry] = field(default_factory=list)

    def native(self) -> Native:
        """Return everything that was found."""
        models = {match[1]: name for name in self._names() if (match := _MODEL.match(name))}
        for name in sorted(self._names()):
            match = _TENSORS.match(name)
            if match:
                self._config(name, match[1], match[2], several=len(models) > 1)
        groups = dict.fromkeys(tensor.group for tensor in self.tensors)
        native = Native(self._format(models), self.source, tensors=self.tensors, weights_metadata={"format": "pt"})
        native.groups = [Group(group, group.partition(".")[0]) for group in groups]
        native.checks = [partial(self.archive.crc_fault, entry) for entry in self.used]
        self._add_graphs(native, models)
        self._add_pickles()
        native.pickles = self.pickles
        compiled = [name for name in self._names() if name.startswith("data/aotinductor/")]
        if compiled:
            said = f"compiled code of AOTInductor: {len(compiled)} files, run by torch"
            native.embedded_code.append(EmbeddedCode("compiled", said))
        native.parts = [*self._parts(list(groups)), *native.parts]
        return native

    def _names(self) -> Iterator[str]:
        return (name.removeprefix(self.root) for name in self.archive.entries if name.startswith(self.root))

    def _json(self, name: str, limit: int = limits.JSON_BYTES) -> Any:
        return loads(self.archive.read(self.root + name, limit), location=f"{self.source.path}: {name}")

    def _format(self, models: Mapping[str, str]) -> NativeFormat:
        versions = {str(self._json(name).get("torch_version", "")) for name in models.values()}
        version = versions.pop() if len(versions) == 1 else ""
        evidence = ("archive_format pt2", *([f"torch_version {version}"] if version else []))
        return NativeFormat(
            "pytorch_export", "pt2", "PyTorch exported program", "pytorch", version[:100], evidence=evidence
        )

    def _config(self, name: str, kind: str, model: str, *, several: bool) -> None:
        document = self._json(name)
        rows = document.get("config") if isinstance(document, dict) else None
        if not isinstance(rows, dict):
            raise CorruptFileError("the list of tensors is malformed", location=f"{self.source.path}: {name}")
        base = "model" if kind == "weights" else "other.constants"
        group = f"{base}{'-' if '.' in base else '.'}{re.sub(r'[^A-Za-z0-9_-]+', '-', model)}" if several else base
        for tensor, about in rows.items():
            location = f"{self.source.path}: {tensor}"
            try:
                self._tensor(group, tensor, about, f"data/{kind}/", location)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                if isinstance(error, CandleSpecError):
                    raise
                raise CorruptFileError(f"a malformed description of a tensor: {error}", location=location) from error

    def _tensor(self, group: str, name: str, about: Mapping[str, Any], folder: str, location: str) -> None:
        entry_name = f"{self.root}{folder}{about['path_name']}"
        if about.get("use_pickle") is True or about.get("tensor_meta") is None:
            self.unread.append(name)
            return
        view = self._view(entry_name, about, location)
        source = tensor_source(group, name, view, "parameter" if view.parameter else "buffer")
        owner = self.owners.setdefault(view.identity, (group, name))
        if owner != (group, name) and view.storage.size:
            source = replace(source, parts={}, alias_of=owner)
        self.tensors.append(source)

    def _view(self, entry_name: str, about: Mapping[str, Any], location: str) -> TensorView:
        """Return the tensor whose bytes an entry holds."""
        meta = about["tensor_meta"]
        dtype = _DTYPES.get(meta["dtype"])
        if dtype is None or meta["layout"] != _STRIDED:
            what = f"dtype {meta['dtype']}" if dtype is None else f"layout {meta['layout']}"
            raise UnsupportedFormatError(f"the {what} of exported programs is not known", location=location)
        entry = self.archive.entry(entry_name)
        if not entry.stored:
            raise UnsupportedFormatError(
                "the bytes of a tensor are packed", location=location, hint="unpack and zip -0"
            )
        self.used.append(entry)
        device, big = str(meta.get("device", {}).get("type", "cpu")), self._is_big()
        storage = Storage(entry_name, dtype, self.archive.path, entry.offset, entry.size, device, big_endian=big)
        view = TensorView(
            storage,
            dtype,
            _number(meta["storage_offset"]),
            tuple(_number(n) for n in meta["sizes"]),
            tuple(_number(n) for n in meta["strides"]),
            requires_grad=meta.get("requires_grad") is True,
            parameter=about.get("is_param") is True,
        )
        check_view(view, location)
        return view

    def _is_big(self) -> bool:
        name = f"{self.root}byteorder"
        return name in self.archive and self.archive.read(name, 16).strip() == b"big"

    def _add_graphs(self, native: Native, models: Mapping[str, str]) -> None:
        topology = []
        for model, name in sorted(models.items()):
            entry = self.archive.entry(self.root + name)
            if entry.size > _GRAPH_BYTES:
                native.parts.append(
                    Part("topology", "residue", f"a graph of {entry.size} bytes, only in the native bytes")
                )
                continue
            path = f"topology/{portable_name(model)}.json"
            data = self.archive.read(entry.name, _GRAPH_BYTES)
            stored = FileBytes(self.archive.path, entry.offset, entry.size) if entry.stored else data
            native.side_files.append(SideFile(path, stored, "application/json", "topology"))
            topology.append({"kind": "exported-program", "path": path})
            found = _PATHS.search(data)
            if found:
                text = found[0].decode("utf-8", "replace")
                message = f"the graph holds paths of its authors' machine, for example {text!r}"
                hint = "look at it before you publish the checkpoint"
                native.problems.append(Problem("CKP5020", Severity.WARNING, message, Location(file=path), hint))
        if topology:
            native.fields.append(Field("/model/topology", topology, "file", "models/"))
            native.parts.append(Part("topology", "kept", "the graphs of the exported program", len(topology)))

    def _add_pickles(self) -> None:
        """Name what the pickles of the archive would import; their content stays in the native bytes."""
        for name, entry in self.archive.entries.items():
            if not entry.stored or not name.endswith((".pt", ".pkl")):
                continue
            try:
                found = self._pickles_in(name, entry.offset, entry.size)
            except CandleSpecError as error:
                reason = f"what it would import is not known: {error.message}"[:1990]
                self.unknown.append(Part(f"pickle {name}"[:200], "residue", reason, size=entry.size))
                continue
            native = self.source.files[0].name
            self.pickles += [imports_of(native, f"{name}: {member}".removesuffix(": "), g) for member, g in found]

    def _pickles_in(self, name: str, offset: int, size: int) -> list[tuple[str, tuple[Global, ...]]]:
        """Return each pickle of an entry and the names in it: a torch archive, or a pickle as it stands."""
        with self.archive.path.open("rb") as file:
            file.seek(offset)
            is_archive = file.read(len(ZIP)) == ZIP
        if is_archive:
            pickles = read_zip(self.archive.path, offset, size).pickles
            return [(each.member, each.loaded.globals) for each in pickles]
        data = self.archive.read(name, limits.PICKLE_BYTES)
        return [("", load(data, location=f"{self.source.path}: {name}").globals)]

    def _parts(self, groups: list[str]) -> list[Part]:
        parts = []
        for group in groups:
            own = [tensor for tensor in self.tensors if tensor.group == group]
            size = total_size(own)
            parts.append(Part(group, "kept", count=len(own), size=size))
        if self.unread:
            reason = f"said to be pickles, not read: {', '.join(self.unread[:8])}"[:1000]
            parts.append(Part("pickled tensors", "residue", reason, count=len(self.unread)))
        if self.pickles:
            parts.append(Part("sample inputs", "residue", "a pickle, which is not followed", count=len(self.pickles)))
        parts += self.unknown
        parts.append(Part("optimizer", "absent", "an exported program holds no optimizer state"))
        return parts


def _number(value: Any) -> int:
    """Return a size: exported programs write ``{"as_int": 4}``."""
    number = value.get("as_int") if isinstance(value, dict) else value
    if type(number) is not int or number < 0:
        raise ValueError(f"{str(value)[:60]} is no size")
    return number
