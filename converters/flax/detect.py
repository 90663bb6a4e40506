"""How :mod:`candle_spec.converters.flax` is recognised."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager

from candle_spec.conversion.contract import Detection, NativeFile, Source
from candle_spec.errors import CandleSpecError, TruncatedFileError
from candle_spec.readers.msgpack import Data, Reader


def detect(source: Source) -> Detection | None:
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


@contextmanager
def mapped(file: NativeFile) -> Iterator[Data]:
    """Map a file into memory, and let it go."""
    with file.path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data
