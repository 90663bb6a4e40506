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

from candle_spec.conversion.contract import Card, Detection, Native, NativeFile, Source
from candle_spec.readers.sstable import header_kind, is_table

TITLE: Final = "TensorFlow checkpoint, version 1"
_HEADER: Final = 0x0A
"""First byte of the header: a message about the tensors."""


_COMPANION: Final = re.compile(r"(.*/)?(checkpoint|graph\.pbtxt|events\.out\.tfevents\..*|.*\.meta)\Z")


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
        tables = tables_of(source)
        others = [file for file in source.files if file not in tables and not _COMPANION.match(file.name)]
        if not tables:
            return None
        return Detection(95 if len(tables) == 1 and not others else 70, TITLE)

    def read(self, source: Source) -> Native:
        """Read the structure; see :class:`candle_spec.conversion.contract.Converter`."""
        from candle_spec.converters._tensorflow_version_1_reading import read

        return read(source)


def tables_of(source: Source) -> list[NativeFile]:
    """Return the tables that hold variables."""
    base = posixpath.commonpath([posixpath.dirname(file.name) for file in source.files]) if source.files else ""
    own = [file for file in source.files if posixpath.dirname(file.name) == base]
    return [file for file in own if is_table(file.path) and header_kind(file.path) == _HEADER]


CONVERTER = TensorFlowVersion1()
