"""Flax: msgpack files of ``flax.serialization`` (``to_bytes``, ``msgpack_serialize``), also ``flax_model.msgpack``.

A tree of dictionaries; lists and tuples stand there as dictionaries with the keys "0", "1", …, as Flax writes them.
Arrays are extension 1 (shape, dtype's name, bytes), complex numbers 2, NumPy scalars 3; arrays above 1 GiB are split
into chunks and joined again here. Kept: every array in place under its path, the whole tree, scalars with their types.

Layout: https://github.com/google/flax/blob/main/flax/serialization.py. Refused: dtypes that are not known.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from candle_spec.conversion.contract import Card, Detection, Native, NativeFile, Source
from candle_spec.errors import CandleSpecError, TruncatedFileError
from candle_spec.readers.msgpack import Data, Reader


class Flax:
    """The converter of Flax's msgpack files."""

    name = "flax"
    title = "Flax msgpack"
    suffixes: Sequence[str] = (".msgpack", ".flax")
    card = Card(
        family="JAX",
        kept="all arrays with their paths, optimizer state, step, the whole tree",
        not_kept="classes of the tree (optax states stand as dictionaries in the file already)",
        restore="byte for byte without JAX",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise a map that fills the file and holds arrays of Flax."""
        if len(source.files) != 1 or not source.path.is_file():
            return None
        file = source.files[0]
        with file.path.open("rb") as opened:
            first = opened.read(1)
        if not first or not (0x80 <= first[0] <= 0x8F or first[0] in (0xDE, 0xDF)):
            return None
        with mapped(file) as data:
            reader = Reader(data, 0, file.size, str(file.path))
            try:
                reader.value()
            except TruncatedFileError:
                return Detection(60, "Flax msgpack") if reader.extensions else None
            except CandleSpecError:
                return None
            return Detection(75, "Flax msgpack") if reader.extensions and reader.at == file.size else None

    def read(self, source: Source) -> Native:
        """Read the tree; no array is touched.

        Raises:
            CorruptFileError: The file is damaged.
            UnsupportedFormatError: An array's dtype is not known.
        """
        from candle_spec.converters._flax_reading import read

        return read(source)


@contextmanager
def mapped(file: NativeFile) -> Iterator[Data]:
    """Map a file into memory, and let it go."""
    with file.path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data


CONVERTER = Flax()
