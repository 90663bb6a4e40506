"""A first look at a pickle: its first bytes, its last one, and how it is packed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from candle_spec.readers.signatures import TORCH_STREAM

HEAD: Final = 4096
MARK: Final = 0x80
"""First byte of a pickle that states its protocol."""
_NEWEST: Final = 5
_OLD: Final = b"(]}cilNISUVXTFKJMLG"
"""First opcodes of pickles of protocols 0 and 1, which have no mark of their own."""
_PACKED: Final = (
    (b"\x78\x01", "zlib"),
    (b"\x78\x5e", "zlib"),
    (b"\x78\x9c", "zlib"),
    (b"\x78\xda", "zlib"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x5d\x00\x00", "lzma"),
)
_LZ4: Final = b"\x04\x22\x4d\x18"
_OLD_PACKED: Final = b"ZF0x"


def ends_of(path: Path) -> tuple[bytes, bytes]:
    """Return the first bytes and the last byte of a file."""
    with path.open("rb") as file:
        head = file.read(HEAD)
        file.seek(max(0, path.stat().st_size - 1))
        return head, file.read(1)


def begins_as_pickle(head: bytes, last: bytes) -> bool:
    """Whether a file may be a plain pickle; of old protocols the last byte counts, too."""
    if head.startswith(TORCH_STREAM) or len(head) < 2:
        return False
    return 2 <= head[1] <= _NEWEST if head[0] == MARK else head[0] in _OLD and last == b"."


def packed_as(head: bytes) -> str:
    """Return how a file is packed, from its first bytes: ``""`` for not at all, ``lz4`` for what is not unpacked."""
    if head.startswith(_LZ4):
        return "lz4"
    if head.startswith(_OLD_PACKED):
        return "ZF"
    return next((kind for magic, kind in _PACKED if head.startswith(magic)), "")
