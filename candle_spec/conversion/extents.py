"""Extents: which bytes of a native file are those of a stored array or file, and what lies between them.

``original/<n>.extents.json`` lists them by offset.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from candle_spec import limits
from candle_spec.errors import CorruptFileError
from candle_spec.manifest import check
from candle_spec.problems import Severity
from candle_spec.weights.shards import GroupPlan, stored_parts
from candle_spec.weights.sources import Bytes

SMALLEST: Final = 64
"""Extents shorter than this stay in the residue: describing them would take more than they hold."""


@dataclass(frozen=True, slots=True)
class StoredExtent:
    """One extent: where it stands in the native file, and which stored array holds its bytes.

    Attributes:
        offset: First byte in the native file.
        length: Number of bytes.
        file: File in the checkpoint.
        key: Array in that weights file; ``None`` where the file itself, as a whole, holds the bytes.
        order: Axes of the stored array from slowest to fastest in the native file, ``None`` for row-major.
        swap: Size of the numbers whose bytes stand in the other order, 0 for none.
        start: First byte in the array or file.
    """

    offset: int
    length: int
    file: str
    key: str | None
    order: tuple[int, ...] | None = None
    swap: int = 0
    start: int = 0

    @property
    def rearranged(self) -> bool:
        """Whether the native bytes are the stored ones in another order."""
        return self.order is not None or bool(self.swap)

    def fits(self, size: int) -> bool:
        """Whether it lies within ``size`` stored bytes; a rearranged one has to be the whole of them."""
        return self.start + self.length <= size and (not self.rearranged or (self.start, self.length) == (0, size))

    def to_json(self) -> dict[str, Any]:
        """The extent as it stands in the extents file."""
        about: dict[str, Any] = {"offset": self.offset, "length": self.length, "file": self.file}
        if self.key is not None:
            about["key"] = self.key
        if self.order is not None:
            about["order"] = list(self.order)
        if self.swap:
            about["swap"] = self.swap
        if self.start:
            about["start"] = self.start
        return about

    @classmethod
    def from_json(cls, about: Mapping[str, Any]) -> StoredExtent:
        """Read an extent from the extents file."""
        return cls(
            about["offset"],
            about["length"],
            about["file"],
            about.get("key"),
            order=tuple(about["order"]) if "order" in about else None,
            swap=about.get("swap", 0),
            start=about.get("start", 0),
        )


def extents_of(path: Path, plans: Iterable[GroupPlan], whole_files: Mapping[str, Bytes]) -> list[StoredExtent]:
    """Return the extents of one native file: sorted, none overlapping another, none tiny.

    Args:
        path: The native file.
        plans: Where the arrays are stored.
        whole_files: Other files of the checkpoint, by path, and where their bytes come from.
    """
    found = [extent for part in stored_parts(plans) for extent in _extents(path, part.part.data, part.file, part.key)]
    found += [extent for name, data in whole_files.items() for extent in _extents(path, data, name, None)]
    chosen: list[StoredExtent] = []
    position = 0
    for extent in sorted(found, key=lambda e: (e.offset, -e.length, e.file, e.key or "")):
        if extent.offset >= position:
            chosen.append(extent)
            position = extent.offset + extent.length
    return chosen


def _extents(path: Path, data: Bytes, file: str, key: str | None) -> Iterator[StoredExtent]:
    for e in data.extents:
        if e.path == path and e.length >= SMALLEST:
            yield StoredExtent(e.offset, e.length, file, key, order=e.order, swap=e.swap, start=e.start)


def gaps(extents: Sequence[StoredExtent], size: int) -> Iterator[tuple[int, int]]:
    """Yield offset and length of what no extent covers."""
    position = 0
    for extent in extents:
        if extent.offset > position:
            yield position, extent.offset - position
        position = extent.offset + extent.length
    if size > position:
        yield position, size - position


def checked_extents(document: Any, location: str) -> dict[str, Any]:
    """Return a parsed extents file whose extents fit its schema, are sorted, disjoint and inside the native file.

    Raises:
        CorruptFileError: They are not.
    """
    faults = [fault for fault in check(document, schema="extents") if fault.severity is Severity.ERROR]
    if faults:
        where = faults[0].location.pointer
        raise CorruptFileError(f"the extents file breaks its schema: {where} {faults[0].message}", location=location)
    size, position = document["size"], 0
    for about in document["extents"]:
        if about["offset"] < position:
            raise CorruptFileError("the extents overlap or are not sorted", location=location)
        position = about["offset"] + about["length"]
    if position > size or size > limits.TENSOR_BYTES:
        raise CorruptFileError("the extents are larger than the native file", location=location)
    return dict(document)
