"""NumPy's files are known by the signature of an array that fills its file, or by the names in a zip archive.

An archive has to hold nothing but ``.npy`` members; a file of several arrays in a row is one of Equinox.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters._shared.source_files import first_bytes, only_file
from candle_spec.converters.npz import ENDING
from candle_spec.errors import CandleSpecError
from candle_spec.readers.signatures import NPY, ZIP
from candle_spec.readers.zip_archive import entry_names

_HEAD: Final = 8


def detect(source: Source) -> Detection | None:
    """Recognise an archive of nothing but ``.npy`` members, or one array that fills its file."""
    file = only_file(source)
    head = first_bytes(file.path, _HEAD) if file is not None else b""
    if file is None or not head.startswith((NPY, ZIP)):
        return None
    if head.startswith(NPY):
        return Detection(85, "NumPy array") if _fills_its_file(file.path) else None
    names = [name for name in entry_names(file.path) or () if not name.endswith("/")]
    return Detection(85, "NumPy archive") if names and all(name.endswith(ENDING) for name in names) else None


def _fills_its_file(path: Path) -> bool:
    """Whether a file is one array; several in a row are of another format."""
    from candle_spec.converters._shared.numpy.members import read_header
    from candle_spec.weights.sources import FileBytes

    size = path.stat().st_size
    try:
        header = read_header(FileBytes(path, 0, size).blocks, str(path))[0]
    except CandleSpecError:
        return True  # reading it says in words what is wrong
    with path.open("rb") as file:
        file.seek(min(header.offset + header.size, size))
        return file.read(len(NPY)) != NPY
