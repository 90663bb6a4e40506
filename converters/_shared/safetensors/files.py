"""safetensors files together: their tensors in the order of the files, names that share memory, metadata."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from candle_spec import limits
from candle_spec.canonical import loads
from candle_spec.conversion.contract import NativeFile, Part
from candle_spec.errors import CorruptFileError, MissingPartError, UnknownDtypeError, UnsupportedFormatError
from candle_spec.weights import state_tree
from candle_spec.weights.safetensors import Header, read_header
from candle_spec.weights.sources import FileBytes, TensorSource, plain


def _header_of(file: NativeFile) -> Header:
    """Return a file's header.

    Raises:
        UnsupportedFormatError: It has a dtype that is not known.
        CorruptFileError: It breaks a rule of the format.
    """
    try:
        return read_header(file.path)
    except UnknownDtypeError as error:
        raise UnsupportedFormatError(error.message, location=file.name, hint="a newer version may read it") from error


@dataclass(slots=True)
class Tensors:
    """What safetensors files hold: headers by file, and the metadata of all of them."""

    headers: dict[str, tuple[NativeFile, Header]] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)

    def add(self, file: NativeFile) -> None:
        """Read one file's header.

        Raises:
            CorruptFileError: A name is in another of the files, too.
        """
        header = _header_of(file)
        for other, known in self.headers.values():
            twice = known.entries.keys() & header.entries.keys()
            if twice:
                name = sorted(twice)[0]
                message = f"the tensor {name!r} is in {other.name} and in {file.name}"
                raise CorruptFileError(message, location=file.name, hint="name one of the files")
        self.headers[file.name] = (file, header)
        self.metadata |= {key: value for key, value in header.metadata.items() if key not in self.metadata}

    def tensors(self, group: str) -> list[TensorSource]:
        """Return the tensors in the order of the files, then the names that share their memory."""
        found = [
            plain(group, entry.key, entry.dtype, entry.shape, FileBytes(file.path, entry.offset, entry.size))
            for file, header in self.headers.values()
            for entry in header.entries.values()
        ]
        known = {tensor.name: tensor for tensor in found}
        for name, target in self.shared().items():
            about = known[target]
            found.append(TensorSource(group, name, about.dtype, about.shape, {}, alias_of=(group, target)))
        return found

    def shared(self) -> dict[str, str]:
        """Return the names left out by ``safetensors.torch.save_model``, which notes for each the one that is there."""
        names = {name for _, header in self.headers.values() for name in header.entries}
        return {
            key: value
            for key, value in sorted(self.metadata.items())
            if key not in names and value in names and key != "format"
        }

    def parts(self, group: str) -> list[Part]:
        """Return the lines of the certificate."""
        entries = [entry for _, header in self.headers.values() for entry in header.entries.values()]
        parts = [Part(group, "kept", count=len(entries), size=sum(entry.size for entry in entries))]
        if shared := self.shared():
            parts.append(Part("shared names", "kept", "named in the metadata: aliases", count=len(shared)))
        if set(self.metadata) - {"format"}:
            parts.append(Part("metadata", "kept", "in the state tree", count=len(self.metadata)))
        return parts

    def metadata_tree(self) -> Any:
        """Return the metadata as a state tree, ``None`` where there is none."""
        if not self.metadata:
            return None
        pairs = [(state_tree.encode_scalar(key), state_tree.encode_scalar(self.metadata[key])) for key in self.metadata]
        return state_tree.mapping([("__metadata__", state_tree.mapping(pairs))])


def read_files(found: Iterable[NativeFile]) -> Tensors:
    """Read the headers of files whose names are all different."""
    tensors = Tensors()
    for file in found:
        tensors.add(file)
    return tensors


def _weight_map(index: NativeFile) -> dict[str, str]:
    """Return an index' file of each tensor.

    Raises:
        CorruptFileError: The index is none.
    """
    document = loads(index.path.read_bytes(), location=index.name) if index.size <= limits.JSON_BYTES else None
    rows = document.get("weight_map") if isinstance(document, dict) else None
    if not isinstance(rows, dict) or not all(isinstance(name, str) for name in rows.values()):
        raise CorruptFileError("the index has no weight_map of names", location=index.name)
    return rows


def shards(index: NativeFile, found: Sequence[NativeFile]) -> list[NativeFile]:
    """Return the files that an index names, beside it.

    Raises:
        MissingPartError: One is not there.
    """
    folder = index.name.rpartition("/")[0]
    known = {file.name: file for file in found}
    names = sorted({f"{folder}/{name}" if folder else name for name in _weight_map(index).values()})
    for name in names:
        if name not in known:
            message = f"{index.name} names {name!r}, which is not there"
            raise MissingPartError(message, location=index.name, hint="fetch all shards")
    return [known[name] for name in names]


def read_shards(index: NativeFile, found: Sequence[NativeFile]) -> Tensors:
    """Read the headers of shards and compare them with their index.

    Raises:
        CorruptFileError: The index names a tensor that its shard lacks, or a shard holds one that is not in the index.
    """
    tensors = read_files(shards(index, found))
    folder = index.name.rpartition("/")[0]
    for name, file in _weight_map(index).items():
        held = tensors.headers[f"{folder}/{file}" if folder else file][1]
        if name not in held.entries:
            raise CorruptFileError(f"the index says that {name!r} is in {file}, which lacks it", location=index.name)
    stated = _weight_map(index).keys()
    for file_name, (_, header) in tensors.headers.items():
        for name in header.entries:
            if name not in stated:
                raise CorruptFileError(f"{name!r} of {file_name} is not in the index", location=index.name)
    return tensors
