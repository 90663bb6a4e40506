"""A tar archive read forwards, header by header: names, sizes, true positions. Works on files and on streams.

Formats: POSIX ustar and pax, and GNU's long names (https://www.gnu.org/software/tar/manual/html_node/Standard.html).
The standard library's reader is not used: it allocates what an extended header states. Links, devices and sparse files
are named, never followed or made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from candle_spec import limits
from candle_spec.errors import CorruptFileError, LimitExceededError, TruncatedFileError, UnsupportedFormatError

BLOCK: Final = 512
_COPY: Final = 1 << 20
_KINDS: Final = {b"0": "file", b"\0": "file", b"7": "file", b"5": "folder", b"1": "link", b"2": "link"}

_EMPTY: Final = frozenset({b"1", b"2", b"3", b"4", b"5", b"6"})
"""Kinds without bytes of their own, whatever size they state: links, devices, folders, pipes."""


class Stream(Protocol):
    """A file, or what a decompressor gives."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Member:
    """One entry: name, kind (``file``, ``folder``, ``link``, ``other``), position of its bytes, their number."""

    name: str
    kind: str
    offset: int
    size: int


def is_tar(head: bytes) -> bool:
    """Whether a file's first 512 bytes are a tar header."""
    return len(head) >= BLOCK and head[257:262] == b"ustar" and _checksum_fits(head[:BLOCK])


class TarReader:
    """The members of an archive, one after the other.

    Args:
        stream: The archive, at its beginning.
        location: For messages.
    """

    def __init__(self, stream: Stream, location: str) -> None:
        self._stream = stream
        self._location = location
        self._position = 0
        self._left = 0
        """Bytes of the current member, with its padding, that were not read yet."""
        self._padding = 0

    def members(self) -> Iterator[Member]:
        """Yield the members; what was not read of one is skipped.

        Raises:
            CorruptFileError: A header is damaged, or the archive is cut off.
            LimitExceededError: An extended header is too large.
        """
        extended: dict[str, str] = {}
        while True:
            self._skip()
            header = self._exactly(BLOCK)
            if not header.strip(b"\0"):
                return
            if not _checksum_fits(header):
                raise CorruptFileError("a tar header is damaged", location=f"{self._location}, byte {self._at(header)}")
            kind = header[156:157]
            size = self._number(header[124:136])
            if kind in (b"x", b"L", b"K", b"g"):
                extended |= self._extended(kind, size)
                continue
            yield self._member(header, kind, size, extended)
            extended = {}

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes of the current member."""
        while self._left > self._padding:
            data = self._stream.read(min(_COPY, self._left - self._padding))
            if not data:
                raise self._cut_off()
            self._left -= len(data)
            self._position += len(data)
            yield data

    def _member(self, header: bytes, kind: bytes, size: int, extended: dict[str, str]) -> Member:
        if any(key.startswith("GNU.sparse") for key in extended) or kind == b"S":
            raise UnsupportedFormatError(
                "the tar archive holds sparse files", location=self._location, hint="unpack it"
            )
        name = extended.get("path") or self._name(header)
        if "size" in extended:
            size = self._decimal(extended["size"])
        known = _KINDS.get(kind, "other")
        if known == "file" and name.endswith("/"):
            known = "folder"  # as archives of before 1988 write them
        if size > limits.ARCHIVE_BYTES:
            raise LimitExceededError(f"{name!r} states {size} bytes", location=self._location)
        if known != "file" and kind in _EMPTY:
            size = 0
        self._padding = -size % BLOCK
        self._left = size + self._padding
        return Member(name, known, self._position, size)

    def _name(self, header: bytes) -> str:
        name, prefix = _text(header[:100]), _text(header[345:500]) if header[257:263] == b"ustar\0" else b""
        return self._decoded(prefix + b"/" + name if prefix else name)

    def _extended(self, kind: bytes, size: int) -> dict[str, str]:
        """Read an extended header: a long name, or records of pax."""
        if size > limits.ARCHIVE_HEADER:
            raise LimitExceededError(f"an extended header states {size} bytes", location=self._location)
        data = self._exactly(size + -size % BLOCK)[:size]
        if kind == b"L":
            return {"path": self._decoded(_text(data))}
        if kind != b"x":
            return {}  # the target of a link, or what holds for all members: no name, no size
        found: dict[str, str] = {}
        while data.strip(b"\0"):
            length, space, _ = data.partition(b" ")
            count = self._decimal(length.decode("ascii", "replace")) if space else 0
            if not len(length) + 1 < count <= len(data):
                raise CorruptFileError("an extended header is damaged", location=self._location)
            key, _, value = data[len(length) + 1 : count - 1].partition(b"=")
            found[key.decode("utf-8", "replace")] = self._decoded(value)
            data = data[count:]
        return found

    def _decoded(self, name: bytes) -> str:
        try:
            return name.decode("utf-8")
        except UnicodeDecodeError as error:
            raise CorruptFileError(f"the name {name!r} is not UTF-8", location=self._location) from error

    def _number(self, field: bytes) -> int:
        """Return a number: octal digits, or GNU's binary form for large ones."""
        if field[0] & 0x80:
            return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
        digits = _text(field).strip(b" ")
        if digits.strip(b"01234567"):
            raise CorruptFileError("a size in a tar header is no number", location=self._location)
        return int(digits or b"0", 8)

    def _decimal(self, digits: str) -> int:
        if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
            raise CorruptFileError("an extended header is damaged", location=self._location)
        return int(digits)

    def _skip(self) -> None:
        for _ in self.blocks():
            pass
        self._exactly(self._padding)
        self._left = self._padding = 0

    def _exactly(self, count: int) -> bytes:
        pieces: list[bytes] = []
        left = count
        while left:
            data = self._stream.read(min(left, _COPY))
            if not data:
                raise self._cut_off()
            pieces.append(data)
            left -= len(data)
        self._position += count
        return b"".join(pieces)

    def _at(self, header: bytes) -> int:
        return self._position - len(header)

    def _cut_off(self) -> TruncatedFileError:
        return TruncatedFileError("the tar archive was cut off", location=self._location, hint="fetch it again")


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _checksum_fits(header: bytes) -> bool:
    """The sum of a header's bytes, its own field taken as spaces; some old writers summed signed bytes."""
    digits = _text(header[148:156]).strip(b" ")
    if not digits or digits.strip(b"01234567"):
        return False
    rest = header[:148] + b" " * 8 + header[156:]
    signed = sum(byte - 256 if byte > 127 else byte for byte in rest)
    return int(digits, 8) in (sum(rest), signed)
