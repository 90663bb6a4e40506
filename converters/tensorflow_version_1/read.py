"""A checkpoint of the first version: the variables from its one table, and the graph beside it."""

from __future__ import annotations

import re
from typing import Final

from candle_spec.conversion.contract import Native, NativeFile, NativeFormat, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._shared.tensorflow.fields import own_names, training_state_fields, version_fields
from candle_spec.converters._shared.tensorflow.meta_file import MetaFile
from candle_spec.converters._shared.tensorflow.variables import groups_of, kept_parts, note_others
from candle_spec.converters.tensorflow_version_1 import TITLE
from candle_spec.converters.tensorflow_version_1.detect import tables_of
from candle_spec.converters.tensorflow_version_1.table import read_table
from candle_spec.errors import UnsupportedFormatError

_SHARD: Final = re.compile(r"-\d{5}-of-(?!00001)\d{5}\Z")


def read(source: Source) -> Native:
    """Read the structure; see :class:`candle_spec.conversion.contract.Converter`."""
    tables = tables_of(source)
    if len(tables) != 1 or _SHARD.search(tables[0].name):
        names = ", ".join(file.name for file in tables[:8])
        hint = "name one of them; shards are joined by tf.train.Saver: restore, and save again"
        message = f"not one whole checkpoint of the first version: {names}"
        raise UnsupportedFormatError(message, location=str(source.path), hint=hint)
    return _native(source, tables[0])


def _native(source: Source, file: NativeFile) -> Native:
    meta = MetaFile.read(next((other for other in source.files if other.name == f"{file.name}.meta"), None))
    tensors, state = read_table(file, meta.roles)
    about = NativeFormat(
        "tensorflow_version_1",
        "names",
        TITLE,
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
    note_others(native, [other for other in source.files if other.name not in (file.name, f"{file.name}.meta")])
    return native
