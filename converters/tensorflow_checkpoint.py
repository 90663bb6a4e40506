"""TensorFlow checkpoints of the second version: ``PREFIX.index`` with its shards ``PREFIX.data-0000k-of-0000n``.

Written by ``tf.train.Checkpoint``, ``save_weights`` of Keras 2 and ``tf.compat.v1.train.Saver``; layouts in
``candle_spec.readers.tensor_bundle``. Kept: every tensor under its native key (with the variable's full name as its
label), put together where it is kept in pieces; the object graph; of TensorFlow 1, ``PREFIX.meta``, the graph, with
its large constants as tensors. All checksums are compared. A variable that is filed under the optimizer, but belongs
to the model, is in the group of the model.

Only in the native bytes: values of running objects (tables, iterators), the text file ``checkpoint``. Refused:
several checkpoints in one folder where ``checkpoint`` does not say which is meant.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from candle_spec.conversion.contract import (
    Card,
    Detection,
    Native,
    NativeFile,
    NativeFormat,
    Part,
    Source,
)
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._tensorflow_fields import own_names, training_state_fields, version_fields, written_at
from candle_spec.converters._tensorflow_meta_file import MetaFile
from candle_spec.converters._tensorflow_variables import prefix_of, read_variables
from candle_spec.errors import MissingPartError, UnsupportedFormatError
from candle_spec.readers.sstable import header_kind, is_table

_TITLE: Final = "TensorFlow checkpoint"
_SHARD: Final = re.compile(r"(.+)\.data-\d{5}-of-\d{5}\Z")
_PATHS: Final = re.compile(r'^\s*(all_)?model_checkpoint_paths?\s*:\s*"((?:[^"\\]|\\.)*)"', re.MULTILINE)
_TIMES: Final = re.compile(r"^\s*all_model_checkpoint_timestamps\s*:\s*([0-9.eE+-]+)", re.MULTILINE)
_COMPANIONS: Final = re.compile(r"(.*/)?(checkpoint|graph\.pbtxt|events\.out\.tfevents\..*)\Z")
_HEADER: Final = 0x08
"""First byte of an index's header: the number of shards comes first."""
_STATE_FILE: Final = "checkpoint"
_STATE_BYTES: Final = 1 << 20


class TensorFlowCheckpoint:
    """The converter of TensorFlow checkpoints."""

    name = "tensorflow_checkpoint"
    title = "TensorFlow checkpoint (.index with .data shards)"
    suffixes: Sequence[str] = (".index",)
    card = Card(
        family="TensorFlow",
        kept="all tensors with variables' names, pieces joined, the object graph; of TensorFlow 1 the graph (.meta)",
        not_kept="state of tables and iterators. Refused: several checkpoints in one folder, unless one is the newest",
        restore="byte for byte without TensorFlow",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise indexes by their last bytes, and shards by their names beside one."""
        prefixes = _prefixes(source)
        if not prefixes:
            return None
        if len(source.files) == 1:
            return Detection(70, f"{_TITLE} (index)")
        if len(prefixes) > 1:
            return Detection(80, f"{_TITLE}s")
        own = [file for file in source.files if _belongs(file.name, prefixes[0]) or _COMPANIONS.match(file.name)]
        return Detection(95 if len(own) == len(source.files) else 70, _TITLE)

    def read(self, source: Source) -> Native:
        """Read the structure; see :class:`candle_spec.conversion.contract.Converter`."""
        prefixes = _prefixes(source)
        if not prefixes:
            raise UnsupportedFormatError("this is not a TensorFlow checkpoint", location=str(source.path))
        if len(source.files) == 1:
            source = _around(source, prefixes[0])
        state = _State.of(source)
        prefix, left = _chosen(source, prefixes, state)
        if left:
            others = tuple(file for file in source.files if not any(_belongs(file.name, other) for other in left))
            source = replace(source, files=others)
        return _native(source, prefix, state, left)


def _prefixes(source: Source) -> list[str]:
    """Return the prefixes of the checkpoints that lie directly in the source's folder."""
    names = [file.name for file in source.files]
    base = posixpath.commonpath([posixpath.dirname(name) for name in names]) if names else ""
    if any(posixpath.basename(name) in ("saved_model.pb", "saved_model.pbtxt") for name in names):
        return []
    shards = {match[1] for name in names if (match := _SHARD.match(name))}
    found = []
    for file in source.files:
        alone = len(names) == 1
        if posixpath.dirname(file.name) == base and (alone or file.name.endswith(".index")):
            prefix = prefix_of(file.name)
            if (alone or prefix in shards) and is_table(file.path) and header_kind(file.path) == _HEADER:
                found.append(prefix)
    return found


def _belongs(name: str, prefix: str) -> bool:
    rest = name.removeprefix(prefix)
    return name.startswith(prefix) and bool(re.fullmatch(r"\.(index|meta|data-\d{5}-of-\d{5})", rest))


def _around(source: Source, prefix: str) -> Source:
    """Return the source of an index that was named alone: with its shards, where the user allowed to look for them.

    Raises:
        MissingPartError: Nothing but the index may be read.
    """
    index = source.files[0]
    folder = index.path.parent
    if source.context is None or not index.name.endswith(".index"):
        raise MissingPartError(
            "this is the index of a TensorFlow checkpoint: the tensors are in other files",
            location=str(index.path),
            hint="name the folder that holds PREFIX.index and PREFIX.data-*, or add --context with that folder",
        )
    beside = sorted(path for path in folder.iterdir() if _belongs(path.name, prefix) and not path.is_symlink())
    return replace(source, files=tuple(NativeFile(path, path.name, path.stat().st_size) for path in beside))


@dataclass(frozen=True, slots=True)
class _State:
    """What the text file ``checkpoint`` says: the newest checkpoint, and when each was written."""

    newest: str = ""
    times: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, source: Source) -> _State:
        """Read it, where it is there; names in it are compared, never opened."""
        for file in source.files:
            if posixpath.basename(file.name) == _STATE_FILE and file.size <= _STATE_BYTES:
                text = file.path.read_bytes().decode("utf-8", "replace")
                rows = [(every, re.split(r"[/\\]", path)[-1]) for every, path in _PATHS.findall(text)]
                newest = next((path for every, path in rows if not every), "")
                times = [float(value) for value in _TIMES.findall(text) if re.fullmatch(r"\d+(\.\d+)?", value)]
                return cls(newest, dict(zip((path for every, path in rows if every), times, strict=False)))
        return cls()


def _chosen(source: Source, prefixes: list[str], state: _State) -> tuple[str, list[str]]:
    """Return the prefix to read, and those that are left.

    Raises:
        UnsupportedFormatError: There are several, and nothing says which is meant.
    """
    named = [prefix for prefix in prefixes if posixpath.basename(prefix) == state.newest]
    if len(prefixes) == 1 or len(named) == 1:
        prefix = named[0] if named else prefixes[0]
        return prefix, [other for other in prefixes if other != prefix]
    names = ", ".join(prefixes[:8]) + (", …" if len(prefixes) > 8 else "")
    raise UnsupportedFormatError(
        f"{len(prefixes)} checkpoints lie in this folder: {names}",
        location=str(source.path),
        hint="name one index, as PREFIX.index with --context FOLDER, or add --recursive for all",
    )


def _native(source: Source, prefix: str, state: _State, left: list[str]) -> Native:
    files = {file.name: file for file in source.files}
    meta = MetaFile.read(files.get(f"{prefix}.meta"))
    index = files.get(f"{prefix}.index") or next(iter(source.files))
    variables = read_variables(index, files, lambda nodes: {} if nodes else meta.roles)
    base = posixpath.basename(prefix)
    about = NativeFormat(
        "tensorflow_checkpoint",
        "object-based" if variables.object_based else "name-based",
        f"{_TITLE} ({'objects' if variables.object_based else 'names'})",
        "tensorflow",
        meta.found.version,
        written_at(state.times.get(base, 0.0)),
        (f"{posixpath.basename(index.name)} is a TensorFlow index of version {variables.producer}",),
    )
    native = Native(about, source, weights_metadata={"format": "tf"})
    native.tensors, native.groups = variables.tensors, variables.groups
    native.state = variables.state
    native.checks = variables.checks
    native.fields = [infer_name(source, own_names(index.path.with_name(base)))]
    native.fields += training_state_fields(variables.tensors, base, object_based=variables.object_based)
    native.fields += version_fields(meta.found.version, f"{base}.meta")
    native.parts = variables.parts
    meta.add(native)
    _add_rest(native, prefix, left)
    return native


def _add_rest(native: Native, prefix: str, left: list[str]) -> None:
    """Say what became of the other files of the folder."""
    others = [file for file in native.source.files if not _belongs(file.name, prefix)]
    if others:
        names = ", ".join(posixpath.basename(file.name) for file in others[:3])
        native.parts.append(Part("other files", "residue", names[:500], len(others), sum(f.size for f in others)))
    if left:
        names = ", ".join(posixpath.basename(other) for other in left[:5])
        reason = f"the file checkpoint names another as the newest; --recursive converts these too: {names}"
        native.parts.append(Part("other checkpoints", "dropped", reason[:500], len(left)))


CONVERTER = TensorFlowCheckpoint()
