"""Archives: ``.tar``, ``.tar.gz``, ``.tgz``, ``.tar.bz2``, ``.tar.xz``, ``.zip`` around a native checkpoint, and single
files packed by gzip, bzip2 or xz.

The archive is unpacked into a temporary folder, within bounds, without links and devices; what is inside is read by its
own converter, a single top folder left out. Tensors that stand in the archive as they are (tar, stored entries of zip)
are found there again, so that the native bytes take little room; of a packed archive all bytes are kept beside the
tensors. Small descriptions beside a single file (README, LICENSE, JSON) are kept.

Refused: several independent checkpoints in one archive, devices, names that leave it, bombs, encryption.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Final

from candle_spec import limits
from candle_spec.conversion import registry
from candle_spec.conversion.contract import Card, Detection, Native, NativeFile, NativeFormat, Part, Source
from candle_spec.conversion.foreign import foreign_content
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters import _archive_inside as inside
from candle_spec.converters import _container as container
from candle_spec.converters._archive_unpack import Unpacked, place_in, unpack_one, unpack_tar, unpack_zip
from candle_spec.errors import CandleSpecError, EmptyFileError, LimitExceededError
from candle_spec.readers.compressed import UnpackedStream, kind_of
from candle_spec.readers.tar_archive import BLOCK, TarReader, is_tar
from candle_spec.readers.zip_archive import entry_names

_DEPTH: ContextVar[int] = ContextVar("archive_depth", default=0)
_CONFIDENCE: Final = 30
_GUESS: Final = 15
_ENDINGS: Final = re.compile(r"(\.(tar|tgz|tbz2|txz|gz|bz2|xz|zip|whl))+\Z", re.IGNORECASE)
_ENDING_OF_MODELS: Final = r"\.(pt|pth|ckpt|bin|pkl|jit|h5|hdf5|keras|safetensors|onnx|npz|npy|joblib|json|ubj|txt)\Z"
_TITLES: Final = {
    "tar.gzip": "tar.gz",
    "tar.bzip2": "tar.bz2",
    "gzip": "gz",
    "bzip2": "bz2",
}
"""Kinds whose files are called otherwise."""

_MAGIC: Final = (b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"\x93NUMPY", b"tree\n", b"\x80\x02", b"\x80\x03", b"\x80\x04")


class Archive:
    """The converter of archives."""

    name = "archive"
    title = "Archives of a checkpoint (.tar, .tar.gz, .tgz, .tar.bz2, .tar.xz, .zip; .gz, .bz2, .xz of one file)"
    suffixes: Sequence[str] = (".tar", ".tgz", ".gz", ".bz2", ".xz", ".zip")
    card = Card(
        family="Archives",
        kept="what the converter of the checkpoint inside keeps; descriptions beside it",
        not_kept="links. Refused: several checkpoints in one archive, devices, paths out of it, encryption",
        restore="byte for byte; of packed archives all bytes are kept beside the tensors",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise an archive in which names of checkpoints are seen; a packed one only at its beginning."""
        if len(source.files) != 1 or not source.path.is_file():
            return None
        kind = _kind(source.files[0].path)
        if not kind:
            return None
        try:
            sure = _looks_inside(source.files[0], kind)
        except CandleSpecError:
            return None
        return (
            None if sure is None else Detection(_CONFIDENCE if sure else _GUESS, f"{_TITLES.get(kind, kind)} archive")
        )

    def read(self, source: Source) -> Native:
        """Unpack the archive and read what is inside.

        Raises:
            ForeignContentError: Nothing in it is known here.
            InvalidInputError: It holds several checkpoints.
            UnsafeContentError: It could harm.
            WriteFailedError: It cannot be unpacked here.
        """
        file = source.files[0]
        kind = _kind(file.path)
        with _deeper(file.path), ExitStack() as resources:
            folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="candle-spec-"))).resolve()
            unpacked = _unpack(file, kind, folder / (_stem(file.name) or "archive"))
            if not any(each.size for each in unpacked.files):
                raise EmptyFileError("the archive holds nothing", location=str(file.path))
            with _located(folder, file.path):
                native = _inner(source, kind, unpacked)
            native.resources.push(resources.pop_all())
        return native


@contextmanager
def _deeper(path: Path) -> Iterator[None]:
    """Bound archives inside archives."""
    depth = _DEPTH.get()
    if depth >= limits.ARCHIVE_DEPTH:
        raise LimitExceededError(f"archives are nested more than {limits.ARCHIVE_DEPTH} deep", location=str(path))
    token = _DEPTH.set(depth + 1)
    try:
        yield
    finally:
        _DEPTH.reset(token)


def _kind(path: Path) -> str:
    """Return ``zip``, ``tar``, ``tar.gzip`` …, ``gzip`` … for one packed file, ``""`` for no archive."""
    head = container.head(path, BLOCK)
    if head.startswith(b"PK\x03\x04"):
        return "zip" if entry_names(path) is not None else ""
    if is_tar(head):
        return "tar"
    packed = kind_of(head)
    if not packed:
        return ""
    return f"tar.{packed}" if is_tar(_start(path, packed)) else packed


def _start(path: Path, packed: str) -> bytes:
    """Return the first unpacked bytes; nothing where the file is damaged."""
    data = b""
    try:
        with UnpackedStream(path, packed) as stream:
            while len(data) < BLOCK and (more := stream.read(BLOCK - len(data))):
                data += more
    except CandleSpecError:
        return b""
    return data


def _looks_inside(file: NativeFile, kind: str) -> bool | None:
    """Whether names of checkpoints are in an archive; ``None`` for surely not, ``False`` where not all was seen."""
    if kind == "zip":
        return _judge([name for name in entry_names(file.path) or [] if not name.endswith("/")])
    if not kind.startswith("tar"):
        return _looks_like_one(file, kind)
    packed, names = kind.partition(".")[2], []
    with UnpackedStream(file.path, packed) if packed else file.path.open("rb") as stream:
        for member in TarReader(stream, str(file.path)).members():
            if member.kind != "file":
                continue
            names.append(member.name)
            if _speaks(member.name):
                return True
            if packed and member.offset + member.size > limits.ARCHIVE_LOOK:
                return False
    return _judge(names)


def _judge(names: list[str]) -> bool | None:
    """What the names of all files say; an archive of nothing but another archive has to be read."""
    if any(map(_speaks, names)):
        return True
    return False if len(names) == 1 and names[0].lower().endswith(tuple(Archive.suffixes)) else None


def _looks_like_one(file: NativeFile, kind: str) -> bool | None:
    start = _start(file.path, kind)
    if start.startswith(_MAGIC) or start[8:10] == b'{"':
        return False
    return True if start and _speaks(_ENDINGS.sub("", file.name)) else None


def _speaks(name: str) -> bool:
    """Whether a name is one that checkpoints have."""
    last = name.rpartition("/")[2]
    return last in inside.DESCRIPTIONS or last.lower().endswith(_suffixes())


def _suffixes() -> tuple[str, ...]:
    general = {".json", ".txt", ".yaml", ".yml", ".csv", ".d", *Archive.suffixes}
    return tuple({suffix for converter in registry.converters() for suffix in converter.suffixes} - general)


def _stem(name: str) -> str:
    return _ENDINGS.sub("", name.rpartition("/")[2])


def _unpack(file: NativeFile, kind: str, root: Path) -> Unpacked:
    root.mkdir()
    if kind == "zip":
        return unpack_zip(file.path, root)
    if kind.startswith("tar"):
        return unpack_tar(file.path, root, kind.partition(".")[2])
    if not kind:
        raise foreign_content(Source(file.path, (file,)))
    return unpack_one(file.path, root, kind, _stem(file.name) or "content")


def _inner(source: Source, kind: str, unpacked: Unpacked) -> Native:
    """Read what is inside and let it be the content of the archive."""
    file = source.files[0]
    found, others = inside.find(unpacked, file.path)
    native = found.read(Source(unpacked.root, tuple(unpacked.files), source.topology))
    name = inside.name_of(native, found, re.sub(_ENDING_OF_MODELS, "", _stem(file.name)))
    inside.keep_others(native, unpacked, found, others)
    place_in(native, file.path, unpacked.places)
    title = f"{_TITLES.get(kind, kind)} archive: {native.format.title}"
    about = NativeFormat("archive", f"{kind}:{native.format.id}"[:200], title, "")
    container.contain(native, source, about)
    # Names inside the archive stay as they are: the file that holds them is the archive.
    native.pickles = [
        replace(each, file=file.name, member=f"{each.file}/{each.member}".rstrip("/")) for each in native.pickles
    ]
    container.describe(native, [infer_name(source, name)])
    if kind not in ("zip", "tar"):
        reason = "the archive is packed as a whole: its bytes are kept beside the tensors"
        native.parts.append(Part("archive", "residue", reason, size=file.size))
    return native


@contextmanager
def _located(folder: Path, archive: Path) -> Iterator[None]:
    """Let errors speak of the archive, not of the temporary folder."""
    try:
        yield
    except CandleSpecError as error:
        error.location = error.location.replace(str(folder), str(archive))
        raise


CONVERTER = Archive()
