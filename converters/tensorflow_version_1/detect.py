"""A checkpoint of the first version is known as a table by its last bytes, and by what its header begins with."""

from __future__ import annotations

import posixpath
import re
from typing import Final

from candle_spec.conversion.contract import Detection, NativeFile, Source
from candle_spec.converters.tensorflow_version_1 import TITLE
from candle_spec.readers.signatures import is_sstable

_HEADER: Final = 0x0A
"""First byte of the header: a message about the tensors."""


_COMPANION: Final = re.compile(r"(.*/)?(checkpoint|graph\.pbtxt|events\.out\.tfevents\..*|.*\.meta)\Z")


def detect(source: Source) -> Detection | None:
    """Recognise the table by its end, and what it is by the first byte of its header."""
    tables = tables_of(source)
    others = [file for file in source.files if file not in tables and not _COMPANION.match(file.name)]
    if not tables:
        return None
    return Detection(95 if len(tables) == 1 and not others else 70, TITLE)


def tables_of(source: Source) -> list[NativeFile]:
    """Return the tables that hold variables."""
    base = posixpath.commonpath([posixpath.dirname(file.name) for file in source.files]) if source.files else ""
    own = [file for file in source.files if posixpath.dirname(file.name) == base and is_sstable(file.path)]
    if not own:
        return []
    from candle_spec.readers.sstable import header_kind

    return [file for file in own if header_kind(file.path) == _HEADER]
