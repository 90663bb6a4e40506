"""The index of a TensorFlow checkpoint of the second version: which tensors there are, and where their bytes stand.

``PREFIX.index`` is a sorted string table. Its empty key holds the header, every other one is a tensor's name (or, for
a piece of a tensor, name and place in an ordered encoding) and holds the tensor's dtype, shape, shard, offset, size and
checksum. ``PREFIX.data-0000k-of-0000n`` are the shards: raw bytes. Layout:
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/protobuf/tensor_bundle.proto and
``core/util/tensor_bundle`` beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from candle_spec import limits
from candle_spec.errors import CorruptFileError, LimitExceededError, UnsupportedFormatError
from candle_spec.readers import protobuf
from candle_spec.readers.protobuf import Window
from candle_spec.readers.sstable import read_table

_READABLE_VERSION: Final = 1
_PIECE: Final = b"\x00"
"""First byte of the keys of pieces; a tensor's name does not begin with it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the index.

    Attributes:
        dtype: Number of TensorFlow's ``DataType``.
        shape: Shape of the tensor, or of the piece.
        shard: Number of the shard.
        offset: First byte in it.
        size: Bytes; 0 for a tensor that is kept in pieces.
        checksum: Masked CRC-32C of the bytes.
        pieces: Start and length (``None`` for the whole axis) by axis, of each piece.
    """

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int
    pieces: tuple[tuple[tuple[int, int | None], ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Bundle:
    """An index.

    Attributes:
        shards: Number of shards.
        big_endian: Whether the numbers in the shards are.
        producer: Version of the writer's format.
        tensors: Tensors by name, in the order of the index.
        pieces: Pieces by their encoded key.
    """

    shards: int
    big_endian: bool
    producer: int
    tensors: dict[str, Entry]
    pieces: dict[bytes, Entry]


def read_index(path: Path) -> Bundle:
    """Read an index.

    Raises:
        CorruptFileError: It is damaged.
        UnsupportedFormatError: It is the index of something else, or of a later version.
        LimitExceededError: It states sizes beyond all bounds.
    """
    rows = read_table(path)
    header = rows.pop(b"", None)
    if header is None:
        raise UnsupportedFormatError("a table without the header of a TensorFlow checkpoint", location=path.name)
    shards, big_endian, producer = _header(_window(header, f"{path.name}, header"))
    tensors: dict[str, Entry] = {}
    pieces: dict[bytes, Entry] = {}
    for key, value in rows.items():
        name = key.decode("utf-8", "surrogateescape")
        entry = _entry(_window(value, f"{path.name}, {name[:200]!r}"))
        if not 0 <= entry.shard < shards:
            raise CorruptFileError(f"{name[:200]!r} is in shard {entry.shard} of {shards}", location=path.name)
        if key.startswith(_PIECE):
            pieces[key] = entry
        else:
            tensors[name] = entry
    return Bundle(shards, big_endian, producer, tensors, pieces)


def _window(data: bytes, location: str) -> Window:
    return Window(data, 0, len(data), location)


def _header(message: Window) -> tuple[int, bool, int]:
    shards = endian = producer = oldest = 0
    for field in protobuf.fields(message):
        if field.number == 1:
            shards = field.signed
        elif field.number == 2:
            endian = field.value
        elif field.number == 3:
            version = {inner.number: inner.signed for inner in protobuf.fields(field.window)}
            producer, oldest = version.get(1, 0), version.get(2, 0)
    if endian not in (0, 1) or not 0 < shards < 100_000:
        raise UnsupportedFormatError("the table is no index of a TensorFlow checkpoint", location=message.location)
    if oldest > _READABLE_VERSION:
        raise UnsupportedFormatError(
            f"the checkpoint asks for a reader of version {oldest}", location=message.location, hint="save it again"
        )
    return shards, endian == 1, producer


def _entry(message: Window) -> Entry:
    numbers = {1: 0, 3: 0, 4: 0, 5: 0, 6: 0}
    shape: tuple[int, ...] | None = ()
    pieces = []
    for field in protobuf.fields(message):
        if field.number in numbers:
            numbers[field.number] = field.signed if field.wire == protobuf.VARINT else field.value
        elif field.number == 2:
            shape = shape_of(field.window)
        elif field.number == 7:
            pieces.append(piece_of(field.window))
            if len(pieces) > limits.TENSOR_SLICES:
                raise LimitExceededError(f"more than {limits.TENSOR_SLICES} pieces", location=message.location)
    dtype, shard, offset, size, checksum = numbers.values()
    if shape is None or offset < 0 or size < 0:
        raise CorruptFileError("the entry states no place and shape", location=message.location)
    return Entry(dtype, shape, shard, offset, size, checksum=checksum, pieces=tuple(pieces))


def shape_of(message: Window) -> tuple[int, ...] | None:
    """Return the shape that a ``TensorShapeProto`` states, ``None`` if the rank or an axis is unknown.

    Raises:
        CorruptFileError: It is beyond all bounds.
    """
    axes: list[int] = []
    known = True
    for field in protobuf.fields(message):
        if field.number == 3 and field.value:
            known = False
        elif field.number == 2:
            axes.append(next((inner.signed for inner in protobuf.fields(field.window) if inner.number == 1), 0))
    elements = 1
    for axis in axes:
        elements *= max(axis, 1)
    if len(axes) > limits.TENSOR_RANK or elements > limits.TENSOR_BYTES:
        raise LimitExceededError(f"a shape of {len(axes)} axes, {elements} elements", location=message.location)
    return tuple(axes) if known and all(axis >= 0 for axis in axes) else None


def piece_of(message: Window) -> tuple[tuple[int, int | None], ...]:
    """Return start and length (``None`` for the whole axis), by axis, that a ``TensorSliceProto`` states."""
    extents: list[tuple[int, int | None]] = []
    for field in protobuf.fields(message):
        if field.number == 1:
            inner = {item.number: item.signed for item in protobuf.fields(field.window)}
            extents.append((inner.get(1, 0), inner.get(2)))
    if len(extents) > limits.TENSOR_RANK or any(start < 0 or (length or 0) < 0 for start, length in extents):
        raise CorruptFileError("a piece without a place in its tensor", location=message.location)
    return tuple(extents)


def piece_key(name: str, piece: tuple[tuple[int, int | None], ...]) -> bytes:
    """Return the key under which the index holds a piece of a tensor.

    The ordered encoding of https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/lib/strings: a zero,
    the name with an end mark, the rank, then start and length (-1 for the whole axis) of each axis.
    """
    escapes = {0x00: b"\x00\xff", 0xFF: b"\xff\x00"}
    raw = b"".join(escapes.get(byte, bytes([byte])) for byte in name.encode("utf-8", "surrogateescape"))
    numbers = b"".join(_signed(start) + _signed(-1 if length is None else length) for start, length in piece)
    return _PIECE + raw + b"\x00\x01" + _unsigned(len(piece)) + numbers


def _unsigned(value: int) -> bytes:
    size = (value.bit_length() + 7) // 8
    return bytes([size]) + value.to_bytes(size, "big")


def _signed(value: int) -> bytes:
    """A signed number: as many leading ones as it has bytes, turned round for negative ones."""
    positive = ~value if value < 0 else value
    size = positive.bit_length() // 7 + 1
    header = ((1 << size) - 1) << (8 * size - size)
    number = header | positive
    return (((1 << 8 * size) - 1) ^ number if value < 0 else number).to_bytes(size, "big")
