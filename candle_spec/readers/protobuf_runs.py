"""Repeated fields that are not packed: their elements, each with a tag of its own, found and read many at a time.

The second version of the language packs no list unless its author asks for it: a forest of 12 MB in ONNX has three
million fields. What :func:`runs` finds is exactly what :func:`candle_spec.readers.protobuf.fields` would.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from candle_spec.readers import protobuf
from candle_spec.readers.protobuf import BYTES, FIXED32, FIXED64, VARINT, Field, Window

if TYPE_CHECKING:
    import mmap

_BLOCK: Final = 1 << 20
_FEW: Final = 16
"""Elements that are counted one by one before arrays are worth while."""

_LONGEST: Final = 10
_LAST: Final = 0x80
"""Bytes below this end a number."""

_WIDTHS: Final = {FIXED32: 4, FIXED64: 8}


@dataclass(frozen=True, slots=True)
class Run:
    """Two or more elements of one field that stand directly behind each other.

    Attributes:
        number: Number of the field, below 16.
        wire: Its wire type.
        count: How many elements.
        window: Where they stand, tags included.
    """

    number: int
    wire: int
    count: int
    window: Window

    @property
    def size(self) -> int:
        """Bytes of the numbers without their tags; of ``BYTES`` with the lengths."""
        return self.window.size - self.count

    def items(self) -> Iterator[bytes]:
        """Yield the contents of elements of the wire type ``BYTES``."""
        data, position, end = self.window.data, self.window.offset, self.window.offset + self.window.size
        while position < end:
            start, after = _item(data, position, end)
            yield bytes(data[start:after])
            position = after


def runs(message: Window, joined: Container[int]) -> Iterator[Field | Run]:
    """Yield the fields of a message in their order, elements of some that follow each other as one.

    Args:
        message: The message.
        joined: Numbers of the fields of which runs are made, below 16.

    Raises:
        CorruptFileError: It is no message.
        LimitExceededError: Messages are nested too deeply.
    """
    position, end = message.offset, message.offset + message.size
    while position < end:
        rest = Window(message.data, position, end - position, message.location, message.depth)
        position = end
        for item in protobuf.fields(rest):
            start = _start(item, end) if item.number in joined else -1
            if start < 0:
                yield item
                continue
            count, position = _measured(message.data, start, end, item)
            place = Window(message.data, start, position - start, message.location, message.depth + 1)
            yield Run(item.number, item.wire, count, place)
            break


def untagged(block: bytes, wire: int, number: int) -> tuple[bytes, int]:
    """Return the numbers at the beginning of a stretch of a run without their tags, and how many bytes were used.

    Args:
        block: The bytes; an element that they cut off is not used.
        wire: ``VARINT``, ``FIXED32`` or ``FIXED64``.
        number: The field's number.
    """
    import numpy as np

    array = np.frombuffer(block, np.uint8)
    if wire != VARINT:
        stride = _WIDTHS[wire] + 1
        whole = array[: len(array) // stride * stride].reshape(-1, stride)
        return whole[:, 1:].tobytes(), whole.size
    count, used = _pairs(block, number << 3)
    ends = np.flatnonzero(array[:used] < _LAST)
    return np.delete(array[:used], ends[0 : 2 * count : 2]).tobytes(), used


def _start(item: Field, end: int) -> int:
    """Return where the tag of an element stands that is followed by another one, -1 if none is."""
    data, after = item.window.data, item.window.offset + item.window.size
    tag = item.number << 3 | item.wire
    if after >= end or tag >= _LAST or data[after] != tag:
        return -1
    start = item.window.offset - 1
    if item.wire == BYTES:
        size = item.window.size
        start -= max(1, -(-size.bit_length() // 7))
    # A tag or a length may be written in more bytes than it needs.
    return start if data[start] == tag and _is_plain(data, start, item) else -1


def _is_plain(data: mmap.mmap | bytes, start: int, item: Field) -> bool:
    if item.wire != BYTES:
        return True
    first, after = _item(data, start, item.window.offset + item.window.size)
    return (first, after) == (item.window.offset, item.window.offset + item.window.size)


def _item(data: mmap.mmap | bytes, position: int, end: int) -> tuple[int, int]:
    """Return first byte and end of the element of bytes whose tag stands at ``position``, end -1 if it is cut off."""
    size, shift, at = 0, 0, position + 1
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        size |= (byte & 0x7F) << shift
        if byte < _LAST:
            return at, at + size if at + size <= end else -1
        shift += 7
    return at, -1


def _measured(data: mmap.mmap | bytes, start: int, end: int, item: Field) -> tuple[int, int]:
    """Return how many elements follow each other from ``start`` on, and where they end."""
    tag = item.number << 3 | item.wire
    if item.wire == BYTES:
        return _texts(data, start, end, tag)
    count, position = _few(data, start, end, tag, item.wire)
    size = 4096
    while count >= _FEW and position < end:
        found, used = _counted(bytes(data[position : min(end, position + size)]), tag, item.wire)
        if not found:
            break
        count, position, size = count + found, position + used, min(_BLOCK, size * 16)
    return count, position


def _texts(data: mmap.mmap | bytes, start: int, end: int, tag: int) -> tuple[int, int]:
    count, position = 0, start
    while position < end and data[position] == tag:
        _, after = _item(data, position, end)
        if after < 0:
            break
        count, position = count + 1, after
    return count, position


def _few(data: mmap.mmap | bytes, start: int, end: int, tag: int, wire: int) -> tuple[int, int]:
    count, position = 0, start
    while count < _FEW and position < end and data[position] == tag:
        after = position + 1 + _WIDTHS.get(wire, 0)
        if wire == VARINT:
            while after < end and data[after] >= _LAST:
                after += 1
            after += 1
        if after > end or (wire == VARINT and after - position - 1 > _LONGEST):
            break
        count, position = count + 1, after
    return count, position


def _counted(block: bytes, tag: int, wire: int) -> tuple[int, int]:
    """Return how many whole elements of a run stand at the beginning of a block, and their bytes."""
    import numpy as np

    if wire == VARINT:
        return _pairs(block, tag)
    stride = _WIDTHS[wire] + 1
    tags = np.frombuffer(block, np.uint8)[: len(block) // stride * stride : stride] == tag
    count = len(tags) if tags.all() else int(tags.argmin())
    return count, count * stride


def _pairs(block: bytes, tag: int) -> tuple[int, int]:
    """Return how many pairs of a tag and a number of variable length stand at the beginning, and their bytes."""
    import numpy as np

    array = np.frombuffer(block, np.uint8)
    # A tag ends itself, as the last byte of a number does: in a run they take turns.
    ends = np.flatnonzero(array < _LAST)
    pairs = len(ends) // 2
    if not pairs:
        return 0, 0
    tags, lasts = ends[0 : 2 * pairs : 2], ends[1 : 2 * pairs : 2]
    good = (array[tags] == tag) & (lasts - tags <= _LONGEST)
    good &= tags == np.concatenate([np.zeros(1, tags.dtype), lasts[:-1] + 1])
    count = pairs if good.all() else int(good.argmin())
    return count, int(lasts[count - 1]) + 1 if count else 0
