"""NumPy: ``.npz`` archives of ``savez`` and ``savez_compressed``, and single ``.npy`` arrays.

Layouts: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html; an archive is a zip file of ``.npy``
members. Kept: every array under its name in any order of axes and bytes, complex, long double, strings, records, dates.
bfloat16 and float8 of ml_dtypes come out of NumPy as nameless bytes: they are kept as bytes, with a warning. Arrays of
objects are pickles, which are not unpickled: beside other arrays they stay in the native bytes, alone they are refused.
Members of ``savez_compressed`` are unpacked one by one, and kept packed in the native bytes as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from candle_spec.conversion.contract import Card, Detection, Native, Source
from candle_spec.converters import _look as look
from candle_spec.errors import CandleSpecError
from candle_spec.readers.npy_header import MAGIC, START
from candle_spec.readers.zip_archive import entry_names
from candle_spec.weights.sources import FileBytes

ENDING: Final = ".npy"


class Npz:
    """The converter of NumPy's files."""

    name = "npz"
    title = "NumPy .npz and .npy"
    suffixes: Sequence[str] = (".npz", ".npy")
    card = Card(
        family="NumPy",
        kept="all arrays with their names, in any order; strings, records, dates, complex and long double",
        not_kept="arrays of objects (only in the native bytes); which dtype nameless bytes (bfloat16) are",
        restore="byte for byte; packed members are kept packed as well. Also rebuilt",
    )

    def detect(self, source: Source) -> Detection | None:
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

    def read(self, source: Source) -> Native:
        """Read the headers of all arrays.

        Raises:
            CorruptFileError: A header or the archive is damaged.
            UnsupportedFormatError: It holds nothing but objects.
        """
        from candle_spec.converters._npz_reading import read

        return read(source)

    def rebuild(
        self,
        *,
        manifest: Mapping[str, Any],
        state: Any,
        read_file: Callable[[str], bytes],
        tensor: Callable[..., Any],
        target: Path,
    ) -> None:
        """Write a fresh file from weights and state tree alone."""
        from candle_spec.converters._npy_rebuild import rebuild

        rebuild(manifest=manifest, state=state, read_file=read_file, tensor=tensor, target=target)


def _fills_its_file(path: Path) -> bool:
    """Whether a file is one array; several in a row are of another format."""
    from candle_spec.converters._npy_members import read_header

    size = path.stat().st_size
    try:
        header = read_header(FileBytes(path, 0, size).blocks, str(path))[0]
    except CandleSpecError:
        return True  # reading it says in words what is wrong
    with path.open("rb") as file:
        file.seek(min(header.offset + header.size, size))
        return file.read(len(MAGIC)) != MAGIC


CONVERTER = Npz()
