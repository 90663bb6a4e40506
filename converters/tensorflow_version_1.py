"""TensorFlow checkpoints of the first version: one file, ``PREFIX``, written before TensorFlow 1.0 and on demand since.

Layout in ``_tensorflow_version_1``. Kept: every tensor under its variable's name, put together where it is kept in
pieces; ``PREFIX.meta``, the graph, with its large constants as tensors. Refused: checkpoints in several shards,
several checkpoints in one folder.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from typing import Final

from candle_spec.conversion.contract import Card, Detection, Native, NativeFile, NativeFormat, Part, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._tensorflow_fields import own_names, training_state_fields, version_fields
from candle_spec.converters._tensorflow_meta_file import MetaFile
from candle_spec.converters._tensorflow_variables import groups_of, kept_parts
from candle_spec.converters._tensorflow_version_1 import read_version_1
from candle_spec.errors import UnsupportedFormatError
from candle_spec.readers.sstable import header_kind, is_table

_TITLE: Final = "TensorFlow checkpoint, version 1"
_HEADER: Final = 0x0A
"""First byte of the header: a message about the tensors."""
_COMPANION: Final = re.compile(r"(.*/)?(checkpoint|graph\.pbtxt|events\.out\.tfevents\..*|.*\.meta)\Z")
_SHARD: Final = re.compile(r"-\d{5}-of-(?!00001)\d{5}\Z")


class TensorFlowVersion1:
    """The converter of TensorFlow checkpoints of the first version."""

    name = "tensorflow_version_1"
    title = "TensorFlow checkpoint of the first version (one file)"
    suffixes: Sequence[str] = ()
    card = Card(
        family="TensorFlow",
        kept="all tensors by their variables' names, pieces joined, the graph (.meta)",
        not_kept="nothing but the table's own structure. Refused: checkpoints in several shards",
        restore="byte for byte without TensorFlow",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise the table by its end, and what it is by the first byte of its header."""
        tables = _tables(source)
        others = [file for file in source.files if file not in tables and not _COMPANION.match(file.name)]
        if not tables:
            return None
        return Detection(95 if len(tables) == 1 and not others else 70, _TITLE)

    def read(self, source: Source) -> Native:
        """Read the structure; see :class:`candle_spec.conversion.contract.Converter`."""
        tables = _tables(source)
        if len(tables) != 1 or _SHARD.search(tables[0].name):
            names = ", ".join(file.name for file in tables[:8])
            hint = "name one of them; shards are joined by tf.train.Saver: restore, and save again"
            message = f"not one whole checkpoint of the first version: {names}"
            raise UnsupportedFormatError(message, location=str(source.path), hint=hint)
        return _native(source, tables[0])


def _tables(source: Source) -> list[NativeFile]:
    base = posixpath.commonpath([posixpath.dirname(file.name) for file in source.files]) if source.files else ""
    own = [file for file in source.files if posixpath.dirname(file.name) == base]
    return [file for file in own if is_table(file.path) and header_kind(file.path) == _HEADER]


def _native(source: Source, file: NativeFile) -> Native:
    meta = MetaFile.read(next((other for other in source.files if other.name == f"{file.name}.meta"), None))
    tensors, state = read_version_1(file, meta.roles)
    about = NativeFormat(
        "tensorflow_version_1",
        "names",
        _TITLE,
        "tensorflow",
        meta.found.version,
        evidence=(f"{file.name} is a sorted string table with the header of a checkpoint"[:500],),
    )
    native = Native(about, source, weights_metadata={"format": "tf"})
    native.tensors, native.groups, native.state = tensors, groups_of(tensors), state
    native.fields = [infer_name(source, own_names(file.path)), *version_fields(meta.found.version, f"{file.name}.meta")]
    native.fields += training_state_fields(tensors, file.name, object_based=False)
    native.parts = kept_parts(tensors)
    meta.add(native)
    others = [other for other in source.files if other is not file and other.name != f"{file.name}.meta"]
    if others:
        names = ", ".join(posixpath.basename(other.name) for other in others[:3])
        native.parts.append(Part("other files", "residue", names[:500], len(others), sum(f.size for f in others)))
    return native


CONVERTER = TensorFlowVersion1()
