"""gzip, bzip2 and xz as streams of bounded memory; several packed streams in one file follow each other.

Formats: RFC 1952, https://sourceware.org/bzip2/, https://tukaani.org/xz/format.html.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

from candle_spec import limits
from candle_spec.errors import CorruptFileError, LimitExceededError, TruncatedFileError

_READ: Final = 1 << 16
_KINDS: Final = ((b"\x1f\x8b\x08", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"))


def kind_of(head: bytes) -> str:
    """Return how a file is packed, from its first bytes, ``""`` for not at all."""
    return next((kind for magic, kind in _KINDS if head.startswith(magic)), "")


class _Unpacker(Protocol):
    """What bz2 and lzma have, and :class:`_Gzip` makes of zlib."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


class _Gzip:
    def __init__(self, wbits: int = 31) -> None:
        self._inflater: Any = zlib.decompressobj(wbits=wbits)
        self._tail = b""

    @property
    def eof(self) -> bool:
        return bool(self._inflater.eof)

    @property
    def needs_input(self) -> bool:
        return not self._tail

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inflater.unused_data)

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        made: bytes = self._inflater.decompress(self._tail + data, max(0, max_length))
        self._tail = self._inflater.unconsumed_tail
        return made


_MAKERS: Final[dict[str, Callable[[], _Unpacker]]] = {
    "gzip": _Gzip,
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=limits.XZ_MEMORY),
    "zlib": lambda: _Gzip(zlib.MAX_WBITS),
    "lzma": lambda: lzma.LZMADecompressor(format=lzma.FORMAT_ALONE, memlimit=limits.XZ_MEMORY),
}


class UnpackedStream:
    """The unpacked bytes of a file, read forwards.

    Args:
        path: The file.
        kind: ``gzip``, ``bzip2`` or ``xz``; what the first bytes hardly tell: ``zlib``, ``lzma``.
    """

    def __init__(self, path: Path, kind: str) -> None:
        self._file = path.open("rb", buffering=0)
        self._location = str(path)
        self._make = _MAKERS[kind]
        self._unpacker = self._make()
        self._waiting = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` unpacked bytes, none at the end.

        Raises:
            CorruptFileError: The packed bytes are damaged or cut off.
            LimitExceededError: Unpacking asks for too much memory.
        """
        while True:
            if self._unpacker.eof and not self._next_stream():
                return b""
            data = b""
            if self._unpacker.needs_input:
                data = self._waiting or self._file.read(_READ)
                self._waiting = b""
                if not data:
                    raise TruncatedFileError(
                        "the packed file was cut off", location=self._location, hint="fetch it again"
                    )
            made = self._unpack(data, size)
            if made:
                return made

    def _unpack(self, data: bytes, size: int) -> bytes:
        try:
            return self._unpacker.decompress(data, size)
        except lzma.LZMAError as error:
            if "memory" in str(error).lower():
                raise LimitExceededError("unpacking it takes too much memory", location=self._location) from error
            raise self._damaged(error) from error
        except (zlib.error, OSError, EOFError, ValueError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> CorruptFileError:
        return CorruptFileError(
            f"the packed bytes are damaged: {error}", location=self._location, hint="fetch it again"
        )

    def _next_stream(self) -> bool:
        """Go on with another packed stream after the end of one; zeros between and after are padding."""
        rest = self._unpacker.unused_data
        while not rest.strip(b"\0"):
            rest = self._file.read(_READ)
            if not rest:
                return False
        self._waiting = rest.lstrip(b"\0")
        self._unpacker = self._make()
        return True
