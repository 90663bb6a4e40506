"""A graph without its large constants, which are stored as tensors: what is left of the message, encoded again.

The fields that hold the constants' bytes are taken out, and the lengths of the messages around them made to fit; all
other bytes are those of the file, and are not stored a second time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from candle_spec.readers import protobuf
from candle_spec.readers.protobuf import Window
from candle_spec.weights.sources import Bytes, ChainedBytes, FileBytes, MemoryBytes


def skeleton(path: Path, message: Window, removed: Iterable[protobuf.Field]) -> Bytes:
    """Return a file's message without some fields.

    Args:
        path: The file.
        message: The whole message, a window on the file.
        removed: Fields anywhere inside it.
    """
    offsets = sorted({item.window.offset for item in removed})
    return ChainedBytes(tuple(_message(message, offsets).bytes(path)))


@dataclass(slots=True)
class _Pieces:
    """Stretches of a file and bytes between them."""

    rows: list[tuple[int, int] | bytes] = field(default_factory=list)
    size: int = 0

    def add(self, row: tuple[int, int] | bytes) -> None:
        """Add bytes, or a stretch of the file by its start and end; neighbours are joined."""
        last = self.rows[-1] if self.rows else b""
        if isinstance(row, tuple) and isinstance(last, tuple) and last[1] == row[0]:
            self.rows[-1] = (last[0], row[1])
        else:
            self.rows.append(row)
        self.size += len(row) if isinstance(row, bytes) else row[1] - row[0]

    def bytes(self, path: Path) -> list[Bytes]:
        """Return the pieces as they are streamed."""
        return [
            MemoryBytes(row) if isinstance(row, bytes) else FileBytes(path, row[0], row[1] - row[0])
            for row in self.rows
        ]


def _message(message: Window, removed: Sequence[int]) -> _Pieces:
    pieces = _Pieces()
    start = message.offset
    for item in protobuf.fields(message):
        window = item.window
        end = window.offset + window.size
        inside = bisect_left(removed, window.offset) < bisect_left(removed, end)
        if item.wire != protobuf.BYTES or not inside:
            pieces.add((start, end))
        elif removed[bisect_left(removed, window.offset)] != window.offset:
            inner = _message(window, removed)
            pieces.add(_varint(item.number << 3 | protobuf.BYTES) + _varint(inner.size))
            for row in inner.rows:
                pieces.add(row)
        start = end
    return pieces


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
