"""A checkpoint of TensorFlow is known by its index: a table by its last bytes, of a bundle by the first key's value.

Beside an index its shards have to lie, by name; an index that is named alone is recognised as well.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Final

from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters.tensorflow_checkpoint import TITLE
from candle_spec.readers.signatures import is_sstable

_SHARD: Final = re.compile(r"(.+)\.data-\d{5}-of-\d{5}\Z")
_COMPANIONS: Final = re.compile(r"(.*/)?(checkpoint|graph\.pbtxt|events\.out\.tfevents\..*)\Z")
_HEADER: Final = 0x08
"""First byte of an index's header: the number of shards comes first."""


def detect(source: Source) -> Detection | None:
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
            if (alone or prefix in shards) and _is_index(file.path):
                found.append(prefix)
    return found


def _is_index(path: Path) -> bool:
    if not is_sstable(path):
        return False
    from candle_spec.readers.sstable import header_kind

    return header_kind(path) == _HEADER


def belongs_to(name: str, prefix: str) -> bool:
    """Whether a file is a part of the checkpoint of this prefix."""
    rest = name.removeprefix(prefix)
    return name.startswith(prefix) and bool(re.fullmatch(r"\.(index|meta|data-\d{5}-of-\d{5})", rest))
