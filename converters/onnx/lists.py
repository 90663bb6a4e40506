"""Lists of numbers and texts that attributes of nodes hold, and single values, as tensors.

The writers of ONNX pack no list, so that each element has a tag of its own; those of other languages may.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from candle_spec import limits
from candle_spec.converters.onnx.roles import Role
from candle_spec.converters.onnx.varints import Numbers
from candle_spec.digests import BLOCK
from candle_spec.errors import CorruptFileError, LimitExceededError, TruncatedFileError
from candle_spec.readers import protobuf
from candle_spec.readers.protobuf import Field, Window
from candle_spec.readers.protobuf_runs import Run, untagged
from candle_spec.weights.sources import Bytes, ChainedBytes, FileBytes, MadeBytes, MemoryBytes, TensorSource, plain
from candle_spec.weights.strings import stored_strings

FLOAT, INT, STRING = 2, 3, 4
FLOATS, INTS, STRINGS = 7, 8, 9
LISTS: Final = (FLOATS, INTS, STRINGS)
SINGLE: Final = (FLOAT, INT, STRING)
_PIECES: Final = 10_000
"""Pieces of a list: writers keep its elements together."""

_ZERO: Final = {FLOAT: bytes(4), INT: bytes(1)}
_LAST: Final = 0x80
"""Bytes below this end a number."""


@dataclass(slots=True)
class Listed:
    """The elements of one field of an ``AttributeProto``.

    Attributes:
        number: Number of the field.
        pieces: Where they stand.
        count: How many they are.
    """

    number: int
    pieces: list[Field | Run] = field(default_factory=list)
    count: int = 0

    def add(self, piece: Field | Run) -> None:
        """Add what stands next.

        Raises:
            CorruptFileError: It is no such element.
            LimitExceededError: The elements are scattered over the message.
        """
        if isinstance(piece, Run) and piece.wire == protobuf.BYTES and self.number != STRINGS:
            for inner in protobuf.fields(piece.window):
                self.add(inner)
            return
        wires = {
            FLOAT: (protobuf.FIXED32,),
            INT: (protobuf.VARINT,),
            FLOATS: (protobuf.FIXED32, protobuf.BYTES),
            INTS: (protobuf.VARINT, protobuf.BYTES),
        }
        if piece.wire not in wires.get(self.number, (protobuf.BYTES,)):
            raise CorruptFileError("a value of an attribute has another type than it should", location=_at(piece))
        if self.number in SINGLE:
            self.pieces.clear()  # of a field that stands twice, the last one counts
        if len(self.pieces) >= _PIECES:
            raise LimitExceededError(f"a list in more than {_PIECES} pieces", location=_at(piece))
        self.pieces.append(piece)
        self.count += self._elements(piece)

    def _elements(self, piece: Field | Run) -> int:
        if isinstance(piece, Run):
            return piece.count
        if piece.wire != protobuf.BYTES or self.number not in (FLOATS, INTS):
            return 1
        if self.number == INTS:
            return sum(_ends(block) for block in _blocks(piece.window))
        if piece.window.size % 4:
            raise CorruptFileError("a list of floats ends inside one", location=_at(piece))
        return piece.window.size // 4


def tensor_of(listed: Listed, path: Path, group: str, name: str, role: Role) -> TensorSource:
    """Return the tensor of a list or of a single value; no number is read yet.

    Args:
        listed: Where its elements stand.
        path: The model's file.
        group: Id of the tensor's group.
        name: Its name.
        role: What is known of its role.

    Raises:
        LimitExceededError: Its texts are far too many or too long.
    """
    shape = () if listed.number in SINGLE else (listed.count,)
    if listed.number in (STRING, STRINGS):
        dtype, parts, encoding = stored_strings(_texts(listed))
        return TensorSource(group, name, dtype, shape, parts, encoding, role=role.of(dtype))
    pieces = tuple(_bytes(piece, path) for piece in listed.pieces) or (MemoryBytes(_ZERO[listed.number]),)
    whole = pieces[0] if len(pieces) == 1 else ChainedBytes(pieces)
    if listed.number in (FLOAT, FLOATS):
        return plain(group, name, "F32", shape, whole, role=role.of("F32"))
    where = _at(listed.pieces[0]) if listed.pieces else str(path)
    numbers = Numbers(whole, 8, 64, True, where)
    return plain(group, name, "I64", shape, MadeBytes(8 * listed.count, numbers.blocks), role=role.of("I64"))


def _at(piece: Field | Run) -> str:
    return f"{piece.window.location}, byte {piece.window.offset}"


def _blocks(window: Window) -> Iterator[bytes]:
    for start in range(window.offset, window.offset + window.size, BLOCK):
        yield bytes(window.data[start : min(start + BLOCK, window.offset + window.size)])


def _ends(block: bytes) -> int:
    import numpy as np

    return int(np.count_nonzero(np.frombuffer(block, np.uint8) < _LAST))


def _bytes(piece: Field | Run, path: Path) -> Bytes:
    """Return the bytes of a piece without tags: floats, or whole numbers of variable length."""
    if isinstance(piece, Run):
        return _Untagged(path, piece.window.offset, piece.window.size, piece.wire, piece.number, piece.size)
    if piece.wire == protobuf.BYTES:
        return FileBytes(path, piece.window.offset, piece.window.size)
    return MemoryBytes(piece.window.bytes())


def _texts(listed: Listed) -> list[bytes]:
    if not listed.pieces:
        return [b""]
    size = sum(piece.window.size for piece in listed.pieces)
    if listed.count > limits.TENSOR_STRINGS or size > limits.ONNX_STRINGS:
        raise LimitExceededError(f"{listed.count} texts of {size} bytes in a list", location=_at(listed.pieces[0]))
    texts: list[bytes] = []
    for piece in listed.pieces:
        texts += piece.items() if isinstance(piece, Run) else [piece.window.bytes()]
    return texts


@dataclass(frozen=True, slots=True)
class _Untagged:
    """The numbers of a run in a file, one after the other; their tags lie between them there."""

    path: Path
    offset: int
    length: int
    wire: int
    number: int
    size: int

    @property
    def extents(self) -> tuple[()]:
        return ()

    def blocks(self) -> Iterator[bytes | memoryview]:
        left, rest = self.length, b""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            while left:
                block = file.read(min(BLOCK, left))
                if not block:
                    raise TruncatedFileError("the file ended inside a list", location=str(self.path))
                left -= len(block)
                numbers, used = untagged(rest + block, self.wire, self.number)
                rest = (rest + block)[used:]
                if numbers:
                    yield numbers
