"""A checkpoint of TensorFlow: which of several is meant, its variables from index and shards, the graph beside it."""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from candle_spec.conversion.contract import Native, NativeFile, NativeFormat, Part, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._shared.tensorflow.fields import (
    own_names,
    training_state_fields,
    version_fields,
)
from candle_spec.converters._shared.tensorflow.meta_file import MetaFile
from candle_spec.converters._shared.tensorflow.variables import note_others, read_variables
from candle_spec.converters.tensorflow_checkpoint import TITLE
from candle_spec.converters.tensorflow_checkpoint.detect import belongs_to, prefixes_of
from candle_spec.errors import MissingPartError, UnsupportedFormatError

_PATHS: Final = re.compile(r'^\s*(all_)?model_checkpoint_paths?\s*:\s*"((?:[^"\\]|\\.)*)"', re.MULTILINE)
_TIMES: Final = re.compile(r"^\s*all_model_checkpoint_timestamps\s*:\s*([0-9.eE+-]+)", re.MULTILINE)
_STATE_FILE: Final = "checkpoint"
_STATE_BYTES: Final = 1 << 20


def read(source: Source) -> Native:
    """Read the structure; see :class:`candle_spec.conversion.contract.Converter`."""
    prefixes = prefixes_of(source)
    if not prefixes:
        raise UnsupportedFormatError("this is not a TensorFlow checkpoint", location=str(source.path))
    if len(source.files) == 1:
        source = _around(source, prefixes[0])
    state = _State.of(source)
    prefix, left = _chosen(source, prefixes, state)
    if left:
        others = tuple(file for file in source.files if not any(belongs_to(file.name, other) for other in left))
        source = replace(source, files=others)
    return _native(source, prefix, state, left)


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
    beside = sorted(path for path in folder.iterdir() if belongs_to(path.name, prefix) and not path.is_symlink())
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
        f"{TITLE} ({'objects' if variables.object_based else 'names'})",
        "tensorflow",
        meta.found.version,
        written=_written_at(state.times.get(base, 0.0)),
        evidence=(f"{posixpath.basename(index.name)} is a TensorFlow index of version {variables.producer}",),
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


def _written_at(seconds: float) -> str:
    """Return a moment as ISO 8601, ``""`` if it is none."""
    if not math.isfinite(seconds) or not 0 < seconds < 1 << 34:
        return ""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _add_rest(native: Native, prefix: str, left: list[str]) -> None:
    """Say what became of the other files of the folder."""
    note_others(native, [file for file in native.source.files if not belongs_to(file.name, prefix)])
    if left:
        names = ", ".join(posixpath.basename(other) for other in left[:5])
        reason = f"the file checkpoint names another as the newest; --recursive converts these too: {names}"
        native.parts.append(Part("other checkpoints", "dropped", reason[:500], len(left)))
