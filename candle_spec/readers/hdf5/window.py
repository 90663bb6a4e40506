"""Where an HDF5 file is: a file, a part of a file (a stored member of a zip archive), or bytes in memory."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, cast

from candle_spec.errors import CandleSpecError, CorruptFileError, TruncatedFileError
from candle_spec.readers.signatures import hdf5_at

if TYPE_CHECKING:
    import h5py

_CHUNK_CACHE: Final = 64 << 20
_COMPLAINTS: Final = (
    OSError,
    RuntimeError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
)


class Window(Protocol):
    """The bytes of one HDF5 file, readable any number of times."""

    @property
    def location(self) -> str:
        """The file's name, for messages."""
        ...

    @property
    def size(self) -> int:
        """Number of bytes."""
        ...

    def open(self) -> BinaryIO:
        """Open the bytes for reading from their beginning."""
        ...


@dataclass(frozen=True, slots=True)
class FileWindow:
    """An HDF5 file that stands as it is in a file, from ``offset`` on."""

    path: Path
    offset: int
    size: int
    member: str = ""

    @property
    def location(self) -> str:
        return f"{self.path}: {self.member}" if self.member else str(self.path)

    def open(self) -> BinaryIO:
        return cast("BinaryIO", io.BufferedReader(_Slice(self.path, self.offset, self.size)))


@dataclass(frozen=True, slots=True)
class MemoryWindow:
    """An HDF5 file in memory (a deflated member of a zip archive, unpacked under a bound)."""

    data: bytes
    location: str

    @property
    def size(self) -> int:
        return len(self.data)

    def open(self) -> BinaryIO:
        return io.BytesIO(self.data)


class _Slice(io.RawIOBase):
    """A part of a file as a file; no byte outside of it can be read."""

    def __init__(self, path: Path, offset: int, size: int) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._offset = offset
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # the stub asks for any buffer
        count = max(0, min(len(buffer), self._size - self._at))
        self._file.seek(self._offset + self._at)
        done = self._file.readinto(memoryview(buffer)[:count])
        self._at += done
        return done

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def signature_at(window: Window) -> int | None:
    """Return where the HDF5 signature stands."""
    with window.open() as file:
        return hdf5_at(file, window.size)


def is_hdf5(window: Window) -> bool:
    """Say whether the bytes are an HDF5 file, whole or damaged."""
    return signature_at(window) is not None


@contextmanager
def open_file(window: Window) -> Iterator[h5py.File]:
    """Open the file through a Python file object: no lock is taken, no other driver is asked.

    Raises:
        CorruptFileError: It is not a readable HDF5 file, or whatever is done with it meets damage.
    """
    import h5py

    with window.open() as stream, guarded(window), h5py.File(stream, "r", rdcc_nbytes=_CHUNK_CACHE) as file:
        yield file


@contextmanager
def guarded(window: Window) -> Iterator[None]:
    """Give every complaint of the HDF5 library the words of this package."""
    try:
        yield
    except CandleSpecError:
        raise
    except _COMPLAINTS as error:
        text = str(error)
        cut = re.search(r"truncated file: eof = (\d+).*stored_eof = (\d+)", text)
        if cut:
            raise TruncatedFileError(
                f"the HDF5 file was cut off: it has {cut[1]} of {cut[2]} bytes",
                location=window.location,
                hint="fetch or copy it again",
            ) from error
        raise CorruptFileError(
            f"the HDF5 file cannot be read: {text.splitlines()[0] if text else type(error).__name__}",
            location=window.location,
            hint="it is damaged; fetch or copy it again",
        ) from error
