"""Leaves of Equinox are known as several ``.npy`` arrays in a row, or as arrays behind a line of JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from candle_spec import limits
from candle_spec.canonical import loads
from candle_spec.conversion.contract import Detection, NativeFile, Source
from candle_spec.converters._shared.source_files import only_file
from candle_spec.errors import CandleSpecError, CorruptFileError, LimitExceededError, TruncatedFileError
from candle_spec.readers.signatures import NPY

if TYPE_CHECKING:
    from candle_spec.readers.npy_header import NpyHeader

_MOST: Final = 1_000_000
"""Leaves of one file."""


def detect(source: Source) -> Detection | None:
    """Recognise several arrays in a row, or arrays after a line of JSON."""
    file = only_file(source)
    if file is None:
        return None
    try:
        first, line = first_leaf(file)
        headers = leaf_headers(file, first)
        alone = next(headers, None) is None or (not line and next(headers, None) is None)
    except CandleSpecError:
        # Not one leaf could be read: another format. Damage further on is named when it is read.
        return None
    return None if alone else Detection(80, "Equinox leaves")


def first_leaf(file: NativeFile) -> tuple[int, Any]:
    """Return where the first array begins, and what a line of JSON before it says."""
    with file.path.open("rb") as opened:
        head = opened.read(len(NPY))
        if head == NPY:
            return 0, None
        if head[:1] not in b"{[" or not head:
            raise CorruptFileError("neither an array nor a line of JSON at the beginning", location=str(file.path))
        opened.seek(0)
        line = opened.readline(limits.SETTINGS_BYTES)
    if not line.endswith(b"\n"):
        raise CorruptFileError("the first line has no end", location=str(file.path))
    return len(line), loads(line, location=f"{file.path}: first line")


def leaf_headers(file: NativeFile, position: int) -> Iterator[tuple[int, NpyHeader]]:
    """Yield where each leaf begins, and its header."""
    from candle_spec.readers.npy_header import START, header_end, parse_header

    with file.path.open("rb") as opened:
        for count in range(_MOST + 1):
            if position == file.size:
                return
            if count == _MOST:
                raise LimitExceededError(f"more than {_MOST} leaves", location=str(file.path))
            location = f"{file.path}, byte {position}"
            opened.seek(position)
            start = opened.read(START)
            data = start + opened.read(max(0, header_end(start, location) - START))
            header = parse_header(data, location)
            if position + header.offset + header.size > file.size:
                raise TruncatedFileError("the file ends inside a leaf", location=location, hint="fetch it again")
            yield position, header
            position += header.offset + header.size
