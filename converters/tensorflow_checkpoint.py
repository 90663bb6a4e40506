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
from collections.abc import Sequence
from typing import Final

from candle_spec.conversion.contract import Card, Detection, Native, Source
from candle_spec.readers.sstable import header_kind, is_table

TITLE: Final = "TensorFlow checkpoint"
_SHARD: Final = re.compile(r"(.+)\.data-\d{5}-of-\d{5}\Z")
_COMPANIONS: Final = re.compile(r"(.*/)?(checkpoint|graph\.pbtxt|events\.out\.tfevents\..*)\Z")
_HEADER: Final = 0x08
"""First byte of an index's header: the number of shards comes first."""


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
        prefixes = prefixes_of(source)
        if not prefixes:
            return None
        if len(source.files) == 1:
            return Detection(70, f"{TITLE} (index)")
        if len(prefixes) > 1:
            return Detection(80, f"{TITLE}s")
        own = [file for file in source.files if belongs_to(file.name, prefixes[0]) or _COMPANIONS.match(file.name)]
        return Detection(95 if len(own) == len(source.files) else 70, TITLE)

    def read(self, source: Source) -> Native:
        """Read the structure; see :class:`candle_spec.conversion.contract.Converter`."""
        from candle_spec.converters._tensorflow_checkpoint_reading import read

        return read(source)


def prefixes_of(source: Source) -> list[str]:
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
            prefix = file.name.removesuffix(".index")
            if (alone or prefix in shards) and is_table(file.path) and header_kind(file.path) == _HEADER:
                found.append(prefix)
    return found


def belongs_to(name: str, prefix: str) -> bool:
    """Whether a file is a part of the checkpoint of this prefix."""
    rest = name.removeprefix(prefix)
    return name.startswith(prefix) and bool(re.fullmatch(r"\.(index|meta|data-\d{5}-of-\d{5})", rest))


CONVERTER = TensorFlowCheckpoint()
