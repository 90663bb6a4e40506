"""A SavedModel is known by ``saved_model.pb`` in the folder around everything, whatever its form.

The file alone is known by the schema's version at its beginning, and by the first graph in it.
"""

from __future__ import annotations

import posixpath
from typing import Final

from candle_spec.conversion.contract import Detection, NativeFile, Source
from candle_spec.converters._shared.source_files import first_bytes
from candle_spec.converters.tensorflow_savedmodel import MODEL, TITLE
from candle_spec.errors import CandleSpecError

_OTHER_FORMS: Final = {"saved_model.pbtxt": "text", "saved_model.cpb": "chunks"}
_SCHEMA: Final = b"\x08\x01\x12"
"""The first field, the schema's version, and the key of the first graph."""


def detect(source: Source) -> Detection | None:
    """Recognise a folder by its files, and the file alone by its first bytes and the graph in it."""
    if len(source.files) == 1:
        return Detection(70, f"{TITLE} (file)") if is_model(source.files[0]) else None
    base, form = base_of(source)
    if base is None:
        return None
    return Detection(98, TITLE) if form == MODEL else Detection(60, f"{TITLE} ({_OTHER_FORMS[form]})")


def base_of(source: Source) -> tuple[str | None, str]:
    """Return the folder that holds everything, and in which form the model is there."""
    names = [file.name for file in source.files]
    for form in (MODEL, *_OTHER_FORMS):
        folders = sorted(posixpath.dirname(name) for name in names if posixpath.basename(name) == form)
        base = f"{folders[0]}/" if folders and folders[0] else ""
        if folders and all(name.startswith(base) for name in names):
            return base, form
    return None, ""


def is_model(file: NativeFile) -> bool:
    """Whether a file is the message of a SavedModel."""
    if first_bytes(file.path, len(_SCHEMA)) != _SCHEMA:
        return False
    from candle_spec.converters.tensorflow_savedmodel.graphs import meta_graphs
    from candle_spec.readers import protobuf
    from candle_spec.readers.protobuf import open_message

    try:
        with open_message(file.path) as message:
            graph = next(meta_graphs(message))
            about = next(protobuf.fields(graph))
            return about.number in (1, 2) and about.wire == protobuf.BYTES and any(protobuf.fields(about.window))
    except (CandleSpecError, StopIteration):
        return False
