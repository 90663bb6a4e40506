"""A ``.npy`` array as a member of an archive: its header, and its items in place where the member is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from candle_spec.converters._shared.numpy.tensors import Items
from candle_spec.errors import CorruptFileError, TruncatedFileError
from candle_spec.readers.npy_header import START, NpyHeader, header_end, parse_header
from candle_spec.readers.zip_archive import Entry, ZipArchive


def items_of(archive: ZipArchive, entry: Entry) -> Items:
    """Return the array that a member holds.

    Raises:
        CorruptFileError: It is no array, or not as long as its header says.
        PickledObjectsError: Its items are objects.
    """
    location = f"{archive.path}: {entry.name}"
    whole = partial(archive.blocks, entry)
    header, start = read_header(whole, location)
    if header.offset + header.size != entry.size:
        raise wrong_length(header.offset + header.size, entry.size, location)
    path = archive.path if entry.stored else None
    return Items(header, location, path, entry.offset + header.offset, _After(whole, len(start)).blocks)


def read_header(blocks: Callable[[], Iterator[bytes | memoryview]], location: str) -> tuple[NpyHeader, bytes]:
    """Return the header of an array, from the beginning of its bytes, and those bytes."""
    data = b""
    end = START
    for block in blocks():
        data += bytes(block[: 1 << 17])
        if len(data) >= START:
            end = header_end(data[:START], location)
        if len(data) >= end and len(data) >= START:
            break
    return parse_header(data, location), data[:end]


def wrong_length(stated: int, real: int, location: str) -> CorruptFileError:
    """Return the error for an array whose header states another length than is there."""
    if stated > real:
        message = f"the array is cut off: {stated} bytes are stated, {real} are there"
        return TruncatedFileError(message, location=location, hint="fetch it again")
    return CorruptFileError(f"{real - stated} bytes follow the array", location=location)


class _After:
    """The bytes of an entry behind its header."""

    def __init__(self, whole: Callable[[], Iterator[bytes]], skip: int) -> None:
        self._whole = whole
        self._skip = skip

    def blocks(self) -> Iterator[bytes | memoryview]:
        skip = self._skip
        for block in self._whole():
            if skip < len(block):
                yield block[skip:] if skip else block
            skip = max(0, skip - len(block))
