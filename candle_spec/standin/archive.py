"""Checksums of the service: the MD5 that a caller states, and the ETag of an object in the archive.

An object of one part has its MD5 as ETag; one of several parts the MD5 of their MD5s, a dash, and their number
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html). The server tells the ETag
as ``checksum``, without its quotes (``HpcDataTransferProxyImpl.setDataObjectMetadata`` of DME), and compares a stated
MD5 letter by letter with lower-case hexadecimal digits (``HpcDataManagementBusServiceImpl.validateChecksum``).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

_READ = 1 << 20


def md5(path: Path) -> str:
    """Return the MD5 of a file in lower-case hexadecimal digits."""
    with path.open("rb") as file:
        return _digest(file, path.stat().st_size).hex()


def etag(path: Path, part_bytes: int) -> str:
    """Return the ETag of a file that was uploaded in parts, if it is larger than one."""
    size = path.stat().st_size
    if size <= part_bytes:
        return md5(path)
    count = -(-size // part_bytes)
    with path.open("rb") as file:
        digests = [_digest(file, part_bytes) for _ in range(count)]
    return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{count}"


def _digest(file: BinaryIO, most: int) -> bytes:
    """MD5 of the next bytes of a file, up to ``most`` of them."""
    state = hashlib.md5(usedforsecurity=False)
    while most and (block := file.read(min(most, _READ))):
        state.update(block)
        most -= len(block)
    return state.digest()
