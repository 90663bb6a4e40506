"""Bytes at the beginning or the end of a file that say what it is, for a look that loads no reader."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Final

HDF5: Final = b"\x89HDF\r\n\x1a\n"
NPY: Final = b"\x93NUMPY"
ZIP: Final = b"PK\x03\x04"
TORCH_STREAM: Final = bytes.fromhex("80028a0a6cfc9c46f9206aa85019")
"""What ``torch.save`` wrote before 1.6: a pickle of its magic number."""
SSTABLE: Final = bytes.fromhex("57fb808b247547db")
"""The last bytes of a sorted string table, which end its footer."""
SSTABLE_FOOTER: Final = 48


def hdf5_at(file: BinaryIO, size: int) -> int | None:
    """Return where the HDF5 signature stands: at 0, or after a user block of 512, 1024, 2048… bytes.

    https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html#subsec_fmt3_boot_super
    """
    at = 0
    while at + len(HDF5) <= size:
        file.seek(at)
        if file.read(len(HDF5)) == HDF5:
            return at
        at = at * 2 or 512
    return None


def is_sstable(path: Path) -> bool:
    """Whether a file ends as a sorted string table does."""
    with path.open("rb") as file:
        if file.seek(0, 2) < SSTABLE_FOOTER:
            return False
        file.seek(-len(SSTABLE), 2)
        return file.read() == SSTABLE
