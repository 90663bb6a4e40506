"""What the bytes of a listed file are: one digest of them all, or, of a weights file, of its header and its arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from candle_spec.digests import digest_bytes, digest_json, digest_range
from candle_spec.errors import CorruptFileError
from candle_spec.weights.safetensors import read_header


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes of a file, and the digest that they must have."""

    offset: int
    size: int
    digest: str

    def is_right(self, path: Path) -> bool:
        """Whether the file has these bytes."""
        return digest_range(path, self.offset, self.size) == self.digest


@dataclass(frozen=True, slots=True)
class FileContent:
    """What the bytes of a file are.

    Attributes:
        size: How many.
        digest: Digest of all of them; ``""`` where header and arrays say it.
        header: Of a weights file, size and digest of its first bytes.
        arrays: Of a weights file, the digest of each array, by key.
    """

    size: int
    digest: str
    header: tuple[int, str] | None = None
    arrays: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What two files have in common if and only if their bytes are the same."""
        if self.header is None:
            return f"{self.digest}:{self.size}"
        return digest_json([self.size, self.header[1], sorted(self.arrays.items())])

    def ranges(self, path: Path) -> Iterator[Range]:
        """Yield ranges that together hold every byte of a file once; the header is compared first.

        Raises:
            CorruptFileError: The header is another one, or has other arrays than are stated.
        """
        if self.header is None:
            yield Range(0, self.size, self.digest)
            return
        with path.open("rb") as file:
            if digest_bytes(file.read(self.header[0])) != self.header[1]:
                raise CorruptFileError("its header is another one", location=str(path), code="CKP3003")
        entries = read_header(path).entries
        if entries.keys() != self.arrays.keys():
            raise CorruptFileError("it has other arrays than the inventory", location=str(path), code="CKP4020")
        for key, entry in entries.items():
            yield Range(entry.offset, entry.size, self.arrays[key])

    def is_in(self, path: Path) -> bool:
        """Whether a file has these bytes and no others; every byte is read once.

        Raises:
            OSError: It cannot be read.
        """
        try:
            return path.stat().st_size == self.size and all(piece.is_right(path) for piece in self.ranges(path))
        except CorruptFileError:
            return False


def stated_content(row: Mapping[str, Any], arrays: Mapping[str, str]) -> FileContent:
    """Return what a manifest says of the bytes of a file.

    Args:
        row: Its row of ``files``.
        arrays: Digests of its arrays by key, out of the inventory.
    """
    header = row.get("header")
    first = (int(header["size"]), str(header["digest"])) if header else None
    return FileContent(int(row["size"]), str(row.get("digest", "")), first, arrays if first else {})
