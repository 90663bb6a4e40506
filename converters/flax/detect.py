"""A file of Flax is known as one map of msgpack that fills it and holds arrays of Flax, which are extensions."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from candle_spec.conversion.contract import Detection, NativeFile, Source
from candle_spec.converters._shared.source_files import first_bytes, only_file
from candle_spec.errors import CandleSpecError, TruncatedFileError

if TYPE_CHECKING:
    from candle_spec.readers.msgpack import Data


def detect(source: Source) -> Detection | None:
    """Recognise a map that fills the file and holds arrays of Flax."""
    file = only_file(source)
    first = first_bytes(file.path, 1) if file is not None else b""
    if file is None or not first or not (0x80 <= first[0] <= 0x8F or first[0] in (0xDE, 0xDF)):
        return None
    from candle_spec.readers.msgpack import Reader

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
