"""A guarded view of a zip archive: names, bounds and true positions of its entries.

Built on :mod:`zipfile`; what that leaves open is checked here: two entries of one name, entries over each other (the
overlapping kind of bomb, https://www.bamsoftware.com/hacks/zipbomb/), names that leave the archive, encryption, sizes
beyond the file, ratios beyond what deflate can do.
"""

from __future__ import annotations

import errno
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final

from candle_spec import limits
from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    LimitExceededError,
    TruncatedFileError,
    UnsafeContentError,
    UnsupportedFormatError,
)
from candle_spec.readers.signatures import ZIP
from candle_spec.readers.windows import opened_part

_LOCAL_HEADER: Final = 30
_BLOCK: Final = 1 << 20

DAMAGED: Final = (
    zipfile.BadZipFile,
    struct.error,
    ValueError,
    IndexError,
    OverflowError,
    EOFError,
    OSError,
    NotImplementedError,
)
"""What :mod:`zipfile` raises for archives that are damaged."""


def entry_names(path: Path) -> tuple[str, ...] | None:
    """Return the names in an archive, ``None`` for one that is damaged or none; nothing else of it is looked at."""
    found = path.stat()
    return _names(path, (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))


@lru_cache(maxsize=1)
def _names(path: Path, version: tuple[int, ...]) -> tuple[str, ...] | None:
    """See :func:`entry_names`: every format that is a zip archive asks for the names of the same file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(archive.namelist()[: limits.ZIP_ENTRIES])
    except DAMAGED as error:
        if _is_real(error):
            raise
        return None


def _is_real(error: Exception) -> bool:
    """Whether an error of the system is one of the disk, and not a seek to where no file can reach."""
    return isinstance(error, OSError) and error.errno != errno.EINVAL


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in the archive.

    Attributes:
        name: Its name.
        offset: First byte of its (packed) data in the archive.
        packed: Bytes in the archive.
        size: Bytes unpacked.
        stored: Whether they stand there as they are.
        crc: CRC-32 of the unpacked bytes.
        modified: Date and time, ISO 8601, or ``""`` for the placeholder of 1980 that writers use.
    """

    name: str
    offset: int
    packed: int
    size: int
    stored: bool
    crc: int
    modified: str


class ZipArchive:
    """The entries of one archive, which may stand inside a larger file; positions are those in that file.

    Args:
        path: The file.
        start: First byte of the archive in it.
        size: Number of bytes of the archive; ``None`` for all that follow.

    Raises:
        CorruptFileError: It is no zip archive, or damaged.
        UnsafeContentError: It could harm.
    """

    def __init__(self, path: Path, start: int = 0, size: int | None = None) -> None:
        self.path = path
        self._start = start
        self._size = path.stat().st_size - start if size is None else size
        try:
            with opened_part(path, start, self._size) as window, zipfile.ZipFile(window) as archive:
                infos = archive.infolist()
                self.entries: Mapping[str, Entry] = self._check(infos, archive, window)
        except DAMAGED as error:
            if isinstance(error, CandleSpecError) or _is_real(error):
                raise
            if isinstance(error, zipfile.BadZipFile) and not _has_end(path, start + self._size):
                message = "the zip archive was cut off: its directory, which stands at the end, is missing"
                raise TruncatedFileError(message, location=str(path), hint="fetch it again") from error
            raise CorruptFileError(
                f"the zip archive is damaged: {error}", location=str(path), hint="fetch it again"
            ) from error

    def _check(self, infos: list[zipfile.ZipInfo], archive: zipfile.ZipFile, window: BinaryIO) -> dict[str, Entry]:
        if len(infos) > limits.ZIP_ENTRIES:
            raise LimitExceededError(f"the archive has {len(infos)} entries", location=str(self.path))
        entries: dict[str, Entry] = {}
        for info in infos:
            if info.is_dir():
                continue
            if info.filename in entries:
                raise UnsafeContentError(f"two entries are named {info.filename!r}", location=str(self.path))
            _check_name(info, self.path)
            window.seek(info.header_offset)
            entries[info.filename] = self._entry(info, window.read(_LOCAL_HEADER), self._size)
        self._check_overlap(entries, self._start + archive.start_dir)
        self.lead = min((info.header_offset for info in infos), default=0)
        """Bytes before the first entry: those of something else, for example of another archive."""
        return entries

    def _entry(self, info: zipfile.ZipInfo, header: bytes, file_size: int) -> Entry:
        if len(header) < _LOCAL_HEADER or header[:4] != ZIP:
            raise CorruptFileError(
                f"the entry {info.filename!r} has no header where it should be", location=str(self.path)
            )
        name_length, extra_length = struct.unpack("<HH", header[26:30])
        offset = info.header_offset + _LOCAL_HEADER + name_length + extra_length
        stored = info.compress_type == zipfile.ZIP_STORED
        if not stored and info.compress_type != zipfile.ZIP_DEFLATED:
            raise UnsupportedFormatError(
                f"the entry {info.filename!r} is packed by method {info.compress_type}", location=str(self.path)
            )
        if offset + info.compress_size > file_size or (stored and info.compress_size != info.file_size):
            raise CorruptFileError(f"the entry {info.filename!r} does not fit into the file", location=str(self.path))
        if not stored and info.file_size > max(info.compress_size, 1) * limits.ZIP_RATIO:
            raise LimitExceededError(
                f"the entry {info.filename!r} states {info.file_size} bytes packed into {info.compress_size}: a bomb",
                location=str(self.path),
            )
        packed, size = info.compress_size, info.file_size
        return Entry(info.filename, self._start + offset, packed, size, stored, crc=info.CRC, modified=_modified(info))

    def _check_overlap(self, entries: Mapping[str, Entry], directory: int) -> None:
        position = self._start
        for entry in sorted(entries.values(), key=lambda entry: entry.offset):
            if entry.offset < position or entry.offset + entry.packed > directory:
                raise UnsafeContentError(f"the entry {entry.name!r} overlaps another", location=str(self.path))
            position = entry.offset + entry.packed

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def read(self, name: str, limit: int = limits.ZIP_INFLATED) -> bytes:
        """Return one entry's bytes, its CRC checked.

        Raises:
            CorruptFileError: There is none, or its bytes are damaged.
            LimitExceededError: It is larger than ``limit``.
        """
        entry = self.entry(name)
        if entry.size > limit:
            raise LimitExceededError(
                f"the entry {name!r} has {entry.size} bytes, more than {limit}", location=str(self.path)
            )
        data = b"".join(self.blocks(entry))
        if zlib.crc32(data) != entry.crc:
            raise self._damaged(name)
        return data

    def entry(self, name: str) -> Entry:
        """Return one entry.

        Raises:
            CorruptFileError: There is none.
        """
        try:
            return self.entries[name]
        except KeyError as error:
            raise CorruptFileError(f"the archive lacks {name!r}", location=str(self.path)) from error

    def check_crc(self, entry: Entry) -> None:
        """Compare one entry's CRC.

        Raises:
            CorruptFileError: It does not fit its bytes.
        """
        if self.crc_fault(entry):
            raise self._damaged(entry.name)

    def crc_fault(self, entry: Entry) -> str:
        """Read one entry in blocks and compare its CRC; return what is wrong, or ``""``."""
        state = 0
        for block in self.blocks(entry):
            state = zlib.crc32(block, state)
        return "" if state == entry.crc else f"the CRC-32 of {entry.name!r} does not fit its bytes"

    def _damaged(self, name: str) -> CorruptFileError:
        return CorruptFileError(
            f"the entry {name!r} is damaged: its CRC differs", location=str(self.path), hint="fetch the file again"
        )

    def blocks(self, entry: Entry) -> Iterator[bytes]:
        """Yield one entry's unpacked bytes, never more than the archive states."""
        with self.path.open("rb", buffering=0) as file:
            file.seek(entry.offset)
            if entry.stored:
                yield from _read(file, entry.packed, self.path)
            else:
                yield from self._inflate(entry, _read(file, entry.packed, self.path))

    def _inflate(self, entry: Entry, packed: Iterator[bytes]) -> Iterator[bytes]:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        left = entry.size
        try:
            for block in packed:
                while block:
                    data = inflater.decompress(block, _BLOCK)
                    left -= len(data)
                    if left < 0:
                        raise LimitExceededError(
                            f"{entry.name!r} unpacks to more than it states", location=str(self.path)
                        )
                    if data:
                        yield data
                    block = inflater.unconsumed_tail
        except zlib.error as error:
            raise CorruptFileError(
                f"the entry {entry.name!r} cannot be unpacked: {error}", location=str(self.path)
            ) from error
        if left:
            raise CorruptFileError(f"the entry {entry.name!r} is shorter than it states", location=str(self.path))


def _has_end(path: Path, end: int) -> bool:
    """Whether the record that ends every zip archive is there (APPNOTE 4.3.16: at most 65,557 bytes from the end)."""
    first = max(0, end - 65_557)
    with path.open("rb") as file:
        file.seek(first)
        return b"PK\x05\x06" in file.read(end - first)


def _read(file: object, length: int, path: Path) -> Iterator[bytes]:
    while length:
        block: bytes = file.read(min(_BLOCK, length))  # type: ignore[attr-defined]
        if not block:
            raise TruncatedFileError("the archive ended early", location=str(path))
        yield block
        length -= len(block)


def _check_name(info: zipfile.ZipInfo, path: Path) -> None:
    name = info.filename
    if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") or name[1:2] == ":":
        raise UnsafeContentError(f"the entry {name!r} would leave the archive", location=str(path))
    if info.flag_bits & 0x1:
        raise UnsupportedFormatError(f"the entry {name!r} is encrypted", location=str(path), hint="decrypt it first")


def _modified(info: zipfile.ZipInfo) -> str:
    year, month, day, hour, minute, second = info.date_time
    return "" if year <= 1980 else f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}"
