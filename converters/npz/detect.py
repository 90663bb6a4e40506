"""How :mod:`candle_spec.converters.npz` is recognised."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters._shared import look
from candle_spec.errors import CandleSpecError
from candle_spec.readers.npy_header import MAGIC, START
from candle_spec.readers.zip_archive import entry_names
from candle_spec.weights.sources import FileBytes

ENDING: Final = ".npy"


def detect(source: Source) -> Detection | None:
    """Recognise an archive of nothing but ``.npy`` members, or one array that fills its file."""
    if len(source.files) != 1 or not source.path.is_file():
        return None
    path = source.files[0].path
    head = look.head(path, START)
    if head.startswith(MAGIC):
        return Detection(85, "NumPy array") if _fills_its_file(path) else None
    if not head.startswith(b"PK\x03\x04"):
        return None
    names = [name for name in entry_names(path) or [] if not name.endswith("/")]
    return Detection(85, "NumPy archive") if names and all(name.endswith(ENDING) for name in names) else None


def _fills_its_file(path: Path) -> bool:
    """Whether a file is one array; several in a row are of another format."""
    from candle_spec.converters._shared.numpy.members import read_header

    size = path.stat().st_size
    try:
        header = read_header(FileBytes(path, 0, size).blocks, str(path))[0]
    except CandleSpecError:
        return True  # reading it says in words what is wrong
    with path.open("rb") as file:
        file.seek(min(header.offset + header.size, size))
        return file.read(len(MAGIC)) != MAGIC
