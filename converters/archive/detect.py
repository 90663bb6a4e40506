"""An archive is known by its first bytes, and taken where names of checkpoints are seen in it.

Of a zip archive all names are looked at, of a tar archive the headers, of a packed one only the beginning; of a single
packed file the first unpacked bytes, and what is left of its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from candle_spec import limits
from candle_spec.conversion import registry
from candle_spec.conversion.contract import Detection, NativeFile, Source
from candle_spec.converters._shared.source_files import first_bytes, only_file
from candle_spec.converters.archive import CONVERTER, ENDINGS, TITLES
from candle_spec.errors import CandleSpecError
from candle_spec.readers.compressed import UnpackedStream, kind_of
from candle_spec.readers.signatures import HDF5, NPY, ZIP
from candle_spec.readers.tar_archive import BLOCK, TarReader, is_tar
from candle_spec.readers.zip_archive import entry_names

_CONFIDENCE: Final = 30
_GUESS: Final = 15
_DESCRIPTIONS: Final = frozenset(
    """MLmodel rdf.yaml bioimageio.yaml model.yaml saved_model.pb model_index.json ckpt-info.json adapter_config.json
    metadata.json checkpoint.pth.tar""".split()
)
"""Names of files that say that a folder is a model."""
_SIGNATURES: Final = (ZIP, HDF5, NPY, b"tree\n", b"\x80\x02", b"\x80\x03", b"\x80\x04")
"""First bytes of files that are checkpoints, with the marks of pickles and of the text of LightGBM."""


def detect(source: Source) -> Detection | None:
    """Recognise an archive in which names of checkpoints are seen; a packed one only at its beginning."""
    file = only_file(source)
    kind = kind_of_packing(file.path) if file is not None else ""
    if file is None or not kind:
        return None
    try:
        sure = _looks_inside(file, kind)
    except CandleSpecError:
        return None
    return None if sure is None else Detection(_CONFIDENCE if sure else _GUESS, f"{TITLES.get(kind, kind)} archive")


def kind_of_packing(path: Path) -> str:
    """Return ``zip``, ``tar``, ``tar.gzip`` …, ``gzip`` … for one packed file, ``""`` for no archive."""
    head = first_bytes(path, BLOCK)
    if head.startswith(ZIP):
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
        return _judge([name for name in entry_names(file.path) or () if not name.endswith("/")])
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
    if start.startswith(_SIGNATURES) or start[8:10] == b'{"':
        return False
    return True if start and _speaks(ENDINGS.sub("", file.name)) else None


def _speaks(name: str) -> bool:
    """Whether a name is one that checkpoints have."""
    last = name.rpartition("/")[2]
    return last in _DESCRIPTIONS or last.lower().endswith(_suffixes())


def _suffixes() -> tuple[str, ...]:
    general = {".json", ".txt", ".yaml", ".yml", ".csv", ".d", *CONVERTER.suffixes}
    return tuple({suffix for converter in registry.converters() for suffix in converter.suffixes} - general)
