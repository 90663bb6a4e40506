"""The containers of PyTorch files: where the pickles and the storages stand in a zip archive or a legacy stream.

Zip (torch >= 1.6) and TorchScript: ``<root>/data.pkl``, storages ``<root>/data/<key>``, byte order in
``<root>/byteorder``; TorchScript adds ``code/`` and ``constants.pkl`` with storages in ``constants/``.
Legacy stream: five pickles (magic number, protocol, system, object, storage keys), then for each key the number of
elements as 8 bytes and the elements. Source: https://github.com/pytorch/pytorch/blob/main/torch/serialization.py
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from candle_spec import limits
from candle_spec.errors import CorruptFileError, LimitExceededError, TruncatedFileError, UnsupportedFormatError
from candle_spec.readers import inert_pickle
from candle_spec.readers.inert_pickle import Loaded
from candle_spec.readers.signatures import TORCH_STREAM
from candle_spec.readers.torch_dtypes import ITEM_BYTES
from candle_spec.readers.torch_objects import storage_dtype
from candle_spec.readers.torch_views import Storage
from candle_spec.readers.zip_archive import Entry, ZipArchive

_PROTOCOL: Final = 1001


@dataclass(slots=True)
class TorchPickle:
    """One pickle of a container: its place, what it describes, and its storages by key."""

    member: str
    loaded: Loaded
    storages: dict[str, Storage] = field(default_factory=dict)

    def storage_of(self, identity: Any) -> Storage:
        """Return the storage of a persistent id.

        Raises:
            CorruptFileError: There is none.
        """
        key = _storage_key(identity)
        if key not in self.storages:
            raise CorruptFileError(f"the storage {key!r} is missing", location=self.member)
        return self.storages[key]


@dataclass(slots=True)
class TorchFile:
    """What a container holds: its variant, its pickles, TorchScript's code, evidence of who wrote it."""

    variant: str
    pickles: list[TorchPickle]
    code: dict[str, bytes] = field(default_factory=dict)
    evidence: list[str] = field(default_factory=list)
    written: str = ""
    checks: list[Callable[[], str]] = field(default_factory=list)


def is_legacy(head: bytes) -> bool:
    """Whether a file starts as a legacy stream."""
    return head.startswith(TORCH_STREAM)


def read_zip(
    path: Path, start: int = 0, size: int | None = None, *, unpacked: Callable[[], Path] | None = None
) -> TorchFile:
    """Read the structure of a zip file of ``torch.save`` or ``torch.jit.save``, which may stand in a larger file.

    Args:
        path: The file.
        start: First byte of the archive in it.
        size: Number of bytes of the archive; ``None`` for all that follow.
        unpacked: Gives a new folder for storages that are packed: those of an archive that another tool packed again.

    Raises:
        CorruptFileError: It breaks its own format.
        UnsupportedFormatError: It is several archives one after the other, or is packed where nothing is unpacked.
    """
    archive = ZipArchive(path, start, size)
    where = _Unpacked(archive, unpacked)
    root = _root_of(archive)
    big_endian = _byte_order(archive, root)
    script = f"{root}constants.pkl" in archive
    members = ("data", "constants") if script else ("data",)
    file = TorchFile("torchscript" if script else "zip", [])
    file.pickles = [_zip_pickle(archive, root, member, big_endian, where) for member in members]
    file.code = _code(archive, root) if script else {}
    file.evidence = list(_evidence(archive, root, file.code if script else None))
    file.written = archive.entry(f"{root}data.pkl").modified
    # torch computes CRCs unless told not to (torch.serialization.set_crc32_options), and never looks at them.
    stored = [(member, key) for member, found in zip(members, file.pickles, strict=True) for key in found.storages]
    file.checks = [partial(archive.crc_fault, archive.entry(f"{root}{member}/{key}")) for member, key in stored]
    return file


def _root_of(archive: ZipArchive) -> str:
    """The folder of ``data.pkl`` in an archive."""
    pickles = [name for name in archive.entries if name.rpartition("/")[2] == "data.pkl" and name.count("/") <= 1]
    if not pickles:
        raise CorruptFileError("the archive holds no data.pkl", location=str(archive.path))
    if archive.lead:
        raise UnsupportedFormatError(
            f"{archive.lead} bytes stand before the archive: it is one of several in this file",
            location=str(archive.path),
            hint="of a distributed checkpoint, name the folder",
        )
    return pickles[0].removesuffix("data.pkl")


def _evidence(archive: ZipArchive, root: str, code: dict[str, bytes] | None) -> Iterator[str]:
    yield f"zip archive with {root}data.pkl"
    if code is not None:
        yield f"TorchScript archive: {len(code)} source files in code/"
    if f"{root}version" in archive:
        version = archive.read(f"{root}version", limits.KIB).decode("ascii", "replace").strip()
        yield f"file format version {version}"


def _byte_order(archive: ZipArchive, root: str) -> bool:
    name = f"{root}byteorder"
    order = archive.read(name, limits.KIB) if name in archive else b"little"
    if order not in (b"little", b"big"):
        raise UnsupportedFormatError(f"the byte order {order!r} is not known", location=str(archive.path))
    return order == b"big"


def _zip_pickle(archive: ZipArchive, root: str, member: str, big_endian: bool, where: _Unpacked) -> TorchPickle:
    name = f"{root}{member}.pkl"
    data = archive.read(name, limits.PICKLE_BYTES)
    found = TorchPickle(name, inert_pickle.load(data, location=f"{archive.path}: {name}"))
    for reference in found.loaded.persistent:
        key = _storage_key(reference.id)
        if key not in found.storages:
            found.storages[key] = _zip_storage(archive, f"{root}{member}/{key}", reference.id, big_endian, where)
    return found


def _zip_storage(archive: ZipArchive, name: str, identity: Any, big_endian: bool, where: _Unpacked) -> Storage:
    entry = archive.entry(name)
    dtype = storage_dtype(identity[1])
    _check_size(identity[4], dtype, entry.size, name, str(archive.path))
    path, offset = (archive.path, entry.offset) if entry.stored else where.place(entry)
    return Storage(identity[2], dtype, path, offset, entry.size, str(identity[3]), big_endian=big_endian)


@dataclass(slots=True)
class _Unpacked:
    """Packed storages, unpacked into files of their own when they are first asked for: tensors are views on them."""

    archive: ZipArchive
    folder_of: Callable[[], Path] | None
    _folder: Path | None = None
    _files: dict[str, Path] = field(default_factory=dict)
    _size: int = 0

    def place(self, entry: Entry) -> tuple[Path, int]:
        """Return file and offset of a storage's bytes."""
        if self.folder_of is None:
            raise UnsupportedFormatError(
                f"the storage {entry.name!r} is compressed: the archive was packed again",
                location=str(self.archive.path),
                hint="unpack it and pack it without compression (zip -0 -r)",
            )
        self._folder = self._folder or self.folder_of()
        if entry.name not in self._files:
            self._size += entry.size
            if self._size > max(limits.ARCHIVE_SMALL, self.archive.path.stat().st_size * limits.ARCHIVE_RATIO):
                message = f"the packed storages unpack to more than {self._size} bytes: a bomb"
                raise LimitExceededError(message, location=str(self.archive.path))
            path = self._folder / str(len(self._files))
            with path.open("xb") as file:
                for block in self.archive.blocks(entry):
                    file.write(block)
            self._files[entry.name] = path
        return self._files[entry.name], 0


def _check_size(numel: Any, dtype: str, size: int, name: str, location: str) -> None:
    """The number of elements that the pickle states must fit the bytes that are there."""
    if type(numel) is not int or numel < 0 or numel * ITEM_BYTES.get(dtype, 1) > size:
        raise CorruptFileError(f"the storage {name!r} states {numel} elements, but has {size} bytes", location=location)


def _storage_key(identity: Any) -> str:
    """The key of ``("storage", class, key, location, elements)``."""
    if not isinstance(identity, tuple) or len(identity) < 5 or identity[0] != "storage":
        raise CorruptFileError(f"an unknown reference to the container: {str(identity)[:80]}")
    return str(identity[2])


def _code(archive: ZipArchive, root: str) -> dict[str, bytes]:
    """The program's sources, without debug records."""
    sources = {}
    for name, entry in archive.entries.items():
        if name.startswith(f"{root}code/") and name.endswith(".py") and entry.size <= limits.MIB:
            sources[name.removeprefix(root)] = archive.read(name, limits.MIB)
    return sources


def read_legacy(path: Path) -> TorchFile:
    """Read the structure of a legacy stream."""
    with path.open("rb") as opened:
        mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        found = _legacy_pickle(memoryview(mapped), path)
    finally:
        with suppress(BufferError):  # an error on its way out still holds slices of the map, and frees it with them
            mapped.close()
    return TorchFile(
        "legacy-stream", [found], evidence=["legacy stream of torch.save (before torch 1.6, or asked for)"]
    )


def _legacy_pickle(view: memoryview, path: Path) -> TorchPickle:
    at = 0
    streams: list[Loaded] = []
    for name in ("magic number", "protocol", "system", "object", "storage keys"):
        streams.append(inert_pickle.load(view, location=f"{path}: {name}", start=at))
        at = streams[-1].end
    if streams[1].value != _PROTOCOL:
        raise UnsupportedFormatError(f"the legacy protocol {streams[1].value!r} is not known", location=str(path))
    system = streams[2].value
    little = not isinstance(system, inert_pickle.Mapping) or system.get("little_endian", True) is not False
    found = TorchPickle("object", streams[3])
    keys = streams[4].value
    if not isinstance(keys, list):
        raise CorruptFileError("the list of storages is malformed", location=str(path))
    identities = [reference.id for reference in streams[3].persistent]
    by_key = {key: identity for identity in identities if (key := _legacy_key(identity)) is not None}
    stream = _LegacyStream(view, path, little)
    for key in map(str, keys):
        storage = found.storages[key] = stream.storage(at, key, by_key.get(key))
        at = storage.offset + storage.size
    _refuse_views(identities)
    return found


def _legacy_key(identity: Any) -> str | None:
    """Legacy references may also name a module's source, which is not needed: the class is in the record."""
    if isinstance(identity, tuple) and identity and identity[0] == "module":
        return None
    return _storage_key(identity)


@dataclass(frozen=True, slots=True)
class _LegacyStream:
    """The bytes of a legacy stream, mapped; the file; whether its numbers are little-endian."""

    view: memoryview
    path: Path
    little: bool

    def storage(self, at: int, key: str, identity: Any) -> Storage:
        """Return the storage whose number of elements stands at a byte; ``identity`` is what the pickle says of it."""
        if identity is None or at + 8 > len(self.view):
            raise TruncatedFileError(f"the storage {key!r} is missing or cut off", location=str(self.path))
        numel: int = struct.unpack("<q" if self.little else ">q", self.view[at : at + 8])[0]
        dtype = storage_dtype(identity[1])
        size = numel * ITEM_BYTES.get(dtype, 1)
        if numel < 0 or at + 8 + size > len(self.view):
            raise TruncatedFileError(
                f"the storage {key!r} states {numel} elements: more than the file holds",
                location=str(self.path),
                hint="the file was cut off; fetch it again",
            )
        _check_size(identity[4], dtype, size, key, str(self.path))
        return Storage(key, dtype, self.path, at + 8, size, str(identity[3]), big_endian=not self.little)


def _refuse_views(identities: list[Any]) -> None:
    """Storages of the oldest files may be views ``(key, offset, size)`` of another storage."""
    for identity in identities:
        if not isinstance(identity, tuple) or len(identity) < 6 or identity[5] is None:
            continue
        raise UnsupportedFormatError(
            "the file holds views of storages, as torch before 0.4 wrote them",
            hint="load it with its torch and save it again",
        )
