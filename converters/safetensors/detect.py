"""A safetensors file is known by the beginning of its header; shards by their index, beside which nothing else lies."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

from candle_spec import limits
from candle_spec.conversion.contract import Detection, NativeFile, Source
from candle_spec.converters._shared.safetensors import INDEX_ENDING
from candle_spec.converters._shared.source_files import first_bytes

_HEAD: Final = 4096


def detect(source: Source) -> Detection | None:
    """Recognise a file by the beginning of its header, a folder by an index of shards that lie in it."""
    if len(source.files) == 1 and source.path.is_file():
        return Detection(90, "safetensors file") if _begins_as_one(source.files[0].path) else None
    index = lone_index(source)
    return Detection(92, "safetensors in shards") if index else None


def lone_index(source: Source) -> NativeFile | None:
    """Return the index of shards where the source is nothing but an index and its shards."""
    found = [file for file in source.files if file.name.endswith(INDEX_ENDING)]
    others = [file for file in source.files if file not in found and not file.name.endswith(".safetensors")]
    return found[0] if len(found) == 1 and not others and len(source.files) > 1 else None


def _begins_as_one(path: Path) -> bool:
    """Whether a file begins as a safetensors file, from its first bytes."""
    head = first_bytes(path, _HEAD)
    if len(head) < 10 or head[8:9] != b"{":
        return False
    length = struct.unpack("<Q", head[:8])[0]
    if length > limits.SAFETENSORS_HEADER:
        return False
    text = head[8 : 8 + length]
    return b'"dtype"' in text or b'"data_offsets"' in text or b'"__metadata__"' in text or text.strip() == b"{}"
