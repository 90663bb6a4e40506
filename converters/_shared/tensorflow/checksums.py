"""Checksums of a checkpoint's tensors: every byte of the shards is under one.

What they cover is said in
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/util/tensor_bundle/tensor_bundle.cc.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from candle_spec import limits
from candle_spec.converters._shared.tensorflow.types import data_type
from candle_spec.errors import CorruptFileError, LimitExceededError
from candle_spec.readers.crc32c import Crc32c, masked
from candle_spec.readers.tensor_bundle import Entry
from candle_spec.weights.sources import Bytes, FileBytes, MemoryBytes

MAX_VARINT: Final = 10
"""Most bytes of a length."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The checksums of one shard.

    TensorFlow writes them always and loads nothing that does not fit; what does not fit is damaged.
    """

    path: Path
    rows: tuple[tuple[Entry, str], ...]

    def __call__(self) -> str:
        for entry, name in self.rows:
            if masked(_checksum(self.path, entry)) != entry.checksum:
                raise CorruptFileError(
                    "the checksum of the tensor does not fit its bytes",
                    location=f"{self.path.name}, byte {entry.offset}, {name[:200]!r}",
                    hint="fetch or copy the shard again",
                )
        return ""


def _checksum(path: Path, entry: Entry) -> int:
    """Return the checksum of an entry's bytes; lengths count as numbers of fixed size, not as they are written."""
    state = Crc32c()
    found = data_type(entry.dtype)
    name = found.name if found is not None else ""
    if name in ("string", "variant"):
        rows = _string_rows(path, entry) if name == "string" else _variant_rows(path, entry, state)
    else:
        rows = iter([FileBytes(path, entry.offset, entry.size)])
    for row in rows:
        for block in row.blocks():
            state.update(block)
    return state.value()


def _string_rows(path: Path, entry: Entry) -> Iterator[Bytes]:
    """Yield what the checksum of strings covers: all lengths, their own checksum and the strings."""
    count = math.prod(entry.shape)
    with path.open("rb") as file:
        file.seek(entry.offset)
        head = file.read(min(count * MAX_VARINT + 4, entry.size))
    lengths, position = lengths_of(head, count, path.name)
    yield MemoryBytes(fixed(lengths))
    yield FileBytes(path, entry.offset + position, entry.size - position)


def _variant_rows(path: Path, entry: Entry, state: Crc32c) -> Iterator[Bytes]:
    """Yield what the checksum of serialised objects covers: length, object and a checksum of all so far, of each."""
    offset, end = entry.offset, entry.offset + entry.size
    for _ in range(math.prod(entry.shape)):
        with path.open("rb") as file:
            file.seek(offset)
            (length,), position = lengths_of(file.read(min(MAX_VARINT, end - offset)), 1, path.name)
        offset += position
        if offset + length + 4 > end:
            raise CorruptFileError("an object goes beyond its entry", location=f"{path.name}, byte {offset}")
        yield MemoryBytes(struct.pack("<Q", length))
        yield FileBytes(path, offset, length)
        # Whoever asks for this row has added those before it.
        yield MemoryBytes(struct.pack("<I", masked(state.value())))
        offset += length + 4


def lengths_of(head: bytes, count: int, where: str) -> tuple[list[int], int]:
    """Return the lengths of strings, and the position after them."""
    lengths: list[int] = []
    position = value = shift = 0
    while len(lengths) < count:
        if position >= len(head) or shift > 63:
            raise CorruptFileError("the lengths of the strings have no end", location=where)
        byte = head[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            lengths.append(value)
            value = shift = 0
    if sum(lengths) > limits.TENSOR_BYTES:
        raise LimitExceededError("the strings are larger than any file", location=where)
    return lengths, position


def fixed(lengths: list[int]) -> bytes:
    return b"".join(struct.pack("<I" if length < 1 << 32 else "<Q", length) for length in lengths)
