"""The names in the first bytes of an archive, ZIP or tar: nothing is unpacked, and no size in it is trusted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_ZIP: Final = b"PK\x03\x04"
_ZIP_HEADER: Final = 30
_TAR: Final = (257, b"ustar")
_BLOCK: Final = 512
_OCTAL: Final = re.compile(rb"[0-7]{1,11}")


def names_inside(start: bytes) -> Iterator[str]:
    """Yield the names of the files whose headers stand in the first bytes of an archive; none where it is none."""
    if start.startswith(_ZIP):
        yield from _of_zip(start)
    elif start[_TAR[0] :].startswith(_TAR[1]):
        yield from _of_tar(start)


def _of_zip(start: bytes) -> Iterator[str]:
    for match in re.finditer(re.escape(_ZIP), start):
        at = match.start()
        length = int.from_bytes(start[at + 26 : at + 28], "little")
        yield start[at + _ZIP_HEADER : at + _ZIP_HEADER + length].decode("utf-8", "replace")


def _of_tar(start: bytes) -> Iterator[str]:
    at = 0
    while start[at + _TAR[0] :].startswith(_TAR[1]):
        yield start[at : at + 100].partition(b"\0")[0].decode("utf-8", "replace")
        size = _OCTAL.match(start[at + 124 : at + 136].lstrip(b" "))
        if size is None:
            return
        at += _BLOCK + (int(size[0], 8) + _BLOCK - 1) // _BLOCK * _BLOCK
