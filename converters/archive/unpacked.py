"""What an archive of a stranger holds, in a temporary folder: bounded, no links, no devices, no path out of it.

What stands in the archive as it is (tar, stored entries of zip) has a place there, by which tensors and files are found
in the archive itself again.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from candle_spec import limits
from candle_spec.conversion.contract import Native, NativeFile, SideFile
from candle_spec.converters._shared.source_files import leads_out, plain_path
from candle_spec.errors import CorruptFileError, LimitExceededError, UnsafeContentError, WriteFailedError
from candle_spec.readers.compressed import UnpackedStream
from candle_spec.readers.tar_archive import Member, TarReader
from candle_spec.readers.zip_archive import ZipArchive
from candle_spec.weights.sources import Bytes, Extent, TensorSource

_LITTER: Final = re.compile(r"(.*/)?(\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)|__MACOSX/.*|(.*/)?PaxHeaders[^/]*/.*")
"""What the systems of those who packed it put in, and nobody misses."""

_NAME_BYTES: Final = 255
_PATH_BYTES: Final = 2_000


@dataclass(slots=True)
class Unpacked:
    """What was unpacked.

    Attributes:
        root: The temporary folder.
        files: The files by their names in the archive.
        places: Where in the archive a file stands as it is.
        links: Links, which were not made.
        litter: Names of files that were left out.
    """

    root: Path
    files: list[NativeFile] = field(default_factory=list)
    places: dict[Path, int] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    litter: list[str] = field(default_factory=list)


def unpack_zip(archive: Path, root: Path) -> Unpacked:
    """Unpack a zip archive; the CRC of each entry is compared."""
    guarded = ZipArchive(archive)
    job = _Job(archive, Unpacked(root))
    for entry in guarded.entries.values():
        if job.wants(entry.name):
            job.write(entry.name, _checked(guarded, entry.name), entry.offset if entry.stored else None)
    return job.done()


def _checked(archive: ZipArchive, name: str) -> Iterator[bytes]:
    entry, state = archive.entry(name), 0
    for block in archive.blocks(entry):
        state = zlib.crc32(block, state)
        yield block
    if state != entry.crc:
        raise CorruptFileError(f"the entry {name!r} is damaged: its CRC differs", location=str(archive.path))


def unpack_tar(archive: Path, root: Path, packed: str) -> Unpacked:
    """Unpack a tar archive that is itself packed by ``packed`` (``""`` for not)."""
    job = _Job(archive, Unpacked(root))
    with UnpackedStream(archive, packed) if packed else archive.open("rb") as stream:
        reader = TarReader(stream, str(archive))
        for member in reader.members():
            job.tar_member(member, reader, stands=not packed)
    return job.done()


def unpack_one(archive: Path, root: Path, packed: str, name: str) -> Unpacked:
    """Unpack a single packed file."""
    job = _Job(archive, Unpacked(root))
    with UnpackedStream(archive, packed) as stream:
        job.write(name, iter(lambda: stream.read(1 << 20), b""), None)
    return job.done()


class _Job:
    """One archive while it is unpacked."""

    def __init__(self, archive: Path, result: Unpacked) -> None:
        self._archive = archive
        self._result = result
        self._size = archive.stat().st_size
        self._total = 0
        self._count = 0
        self._names: set[str] = set()

    def wants(self, name: str) -> bool:
        """Check an entry's name, and say whether it is unpacked."""
        self._count += 1
        if self._count > limits.ARCHIVE_FILES:
            raise LimitExceededError(f"more than {limits.ARCHIVE_FILES} entries", location=str(self._archive))
        parts = name.replace("\\", "/").split("/")
        if leads_out(name) or "\0" in name:
            raise UnsafeContentError(f"the entry {name!r} would leave the archive", location=str(self._archive))
        if len(name.encode("utf-8", "surrogatepass")) > _PATH_BYTES or any(
            len(p.encode()) > _NAME_BYTES for p in parts
        ):
            raise UnsafeContentError(f"the name {name[:60]!r}… is too long for a file", location=str(self._archive))
        if _LITTER.fullmatch(plain_path(name)):
            self._result.litter.append(name)
            return False
        return True

    def tar_member(self, member: Member, reader: TarReader, *, stands: bool) -> None:
        """Unpack a file, note a link, refuse a device."""
        if member.kind == "other":
            message = f"the entry {member.name!r} is a device or of another kind that no checkpoint holds"
            raise UnsafeContentError(message, location=str(self._archive))
        if member.kind == "folder" or not self.wants(member.name):
            return
        if member.kind == "link":
            self._result.links.append(member.name)
            return
        self.write(member.name, reader.blocks(), member.offset if stands else None)

    def write(self, name: str, blocks: Iterable[bytes], place: int | None) -> None:
        """Write one file below the root."""
        plain = plain_path(name)
        path = self._result.root.joinpath(*plain.split("/"))
        if not plain or plain in self._names:
            raise UnsafeContentError(f"two entries are named {name!r}", location=str(self._archive))
        self._names.add(plain)
        size = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                for block in blocks:
                    self._account(len(block))
                    file.write(block)
                    size += len(block)
        except (FileExistsError, NotADirectoryError) as error:
            message = f"the entry {name!r} and another are file and folder of one name"
            raise UnsafeContentError(message, location=str(self._archive)) from error
        except OSError as error:
            message = f"the archive cannot be unpacked: {error.strerror or error}"
            hint = "make room, or let TMPDIR name another folder"
            raise WriteFailedError(message, location=str(self._result.root), hint=hint) from error
        self._result.files.append(NativeFile(path, plain, size))
        if place is not None:
            self._result.places[path] = place

    def _account(self, count: int) -> None:
        self._total += count
        allowed = max(limits.ARCHIVE_SMALL, self._size * limits.ARCHIVE_RATIO)
        if self._total > min(allowed, limits.ARCHIVE_BYTES):
            message = f"{self._size} bytes unpack to more than {min(allowed, limits.ARCHIVE_BYTES)}: a bomb"
            raise LimitExceededError(message, location=str(self._archive))

    def done(self) -> Unpacked:
        """Return what was unpacked, sorted by name."""
        self._result.files.sort(key=lambda file: file.name)
        return self._result


@dataclass(frozen=True, slots=True)
class MovedBytes:
    """Bytes of an unpacked file that stand in the archive as well.

    Attributes:
        data: The bytes.
        archive: The archive.
        places: Where in it each unpacked file begins.
    """

    data: Bytes
    archive: Path
    places: dict[Path, int]

    @property
    def size(self) -> int:
        return self.data.size

    @property
    def extents(self) -> tuple[Extent, ...]:
        return tuple(
            replace(each, path=self.archive, offset=self.places[each.path] + each.offset)
            if each.path in self.places
            else each
            for each in self.data.extents
        )

    def blocks(self) -> Iterator[bytes | memoryview]:
        return self.data.blocks()


def place_in(native: Native, archive: Path, places: dict[Path, int]) -> None:
    """Let everything that was found in unpacked files stand in the archive, where it stands there as it is."""
    if not places:
        return

    def moved(tensor: TensorSource) -> TensorSource:
        parts = {
            name: replace(part, data=MovedBytes(part.data, archive, places)) for name, part in tensor.parts.items()
        }
        return replace(tensor, parts=parts)

    def side(file: SideFile) -> SideFile:
        return file if isinstance(file.data, bytes) else replace(file, data=MovedBytes(file.data, archive, places))

    native.tensors = [moved(tensor) for tensor in native.tensors]
    native.side_files = [side(file) for file in native.side_files]
    native.payload = [side(file) for file in native.payload]
