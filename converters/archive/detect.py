"""How :mod:`candle_spec.converters.archive` is recognised."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from candle_spec import limits
from candle_spec.conversion import registry
from candle_spec.conversion.contract import Detection, NativeFile, Source
from candle_spec.converters._shared import look
from candle_spec.converters.archive import CONVERTER
from candle_spec.errors import CandleSpecError
from candle_spec.readers.compressed import UnpackedStream, kind_of
from candle_spec.readers.tar_archive import BLOCK, TarReader, is_tar
from candle_spec.readers.zip_archive import entry_names

_CONFIDENCE: Final = 30
_GUESS: Final = 15
ENDINGS: Final = re.compile(r"(\.(tar|tgz|tbz2|txz|gz|bz2|xz|zip|whl))+\Z", re.IGNORECASE)
TITLES: Final = {
    "tar.gzip": "tar.gz",
    "tar.bzip2": "tar.bz2",
    "gzip": "gz",
    "bzip2": "bz2",
}
"""Kinds whose files are called otherwise."""


_DESCRIPTIONS: Final = frozenset(
    """MLmodel rdf.yaml bioimageio.yaml model.yaml saved_model.pb model_index.json ckpt-info.json adapter_config.json
    metadata.json checkpoint.pth.tar""".split()
)
"""Names of files that say that a folder is a model."""
_MAGIC: Final = (b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"\x93NUMPY", b"tree\n", b"\x80\x02", b"\x80\x03", b"\x80\x04")


def detect(source: Source) -> Detection | None:
    """Recognise an archive in which names of checkpoints are seen; a packed one only at its beginning."""
    if len(source.files) != 1 or not source.path.is_file():
        return None
    kind = kind_of_packing(source.files[0].path)
    if not kind:
        return None
    try:
        sure = _looks_inside(source.files[0], kind)
    except CandleSpecError:
        return None
    return None if sure is None else Detection(_CONFIDENCE if sure else _GUESS, f"{TITLES.get(kind, kind)} archive")


def kind_of_packing(path: Path) -> str:
    """Return ``zip``, ``tar``, ``tar.gzip`` …, ``gzip`` … for one packed file, ``""`` for no archive."""
    head = look.head(path, BLOCK)
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
    return False if len(names) == 1 and names[0].lower().endswith(tuple(CONVERTER.suffixes)) else None


def _looks_like_one(file: NativeFile, kind: str) -> bool | None:
    start = _start(file.path, kind)
    if start.startswith(_MAGIC) or start[8:10] == b'{"':
        return False
    return True if start and _speaks(ENDINGS.sub("", file.name)) else None


def _speaks(name: str) -> bool:
    """Whether a name is one that checkpoints have."""
    last = name.rpartition("/")[2]
    return last in _DESCRIPTIONS or last.lower().endswith(_suffixes())


def _suffixes() -> tuple[str, ...]:
    general = {".json", ".txt", ".yaml", ".yml", ".csv", ".d", *CONVERTER.suffixes}
    return tuple({suffix for converter in registry.converters() for suffix in converter.suffixes} - general)
