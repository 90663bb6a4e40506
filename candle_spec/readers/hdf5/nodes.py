"""What an HDF5 file holds, as data: groups, datasets whose bytes are not read yet, attributes as they are typed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from candle_spec import limits
from candle_spec.errors import LimitExceededError
from candle_spec.readers.hdf5.window import Window, open_file

if TYPE_CHECKING:
    import h5py
    import numpy as np

_SLAB: Final = 4 << 20
_LARGEST_SLAB: Final = 512 << 20
_STRING_STEP: Final = 64 * limits.MIB


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute, of the type that it has in the file.

    Attributes:
        kind: ``text``: one string of variable length. ``texts``: an array of such. ``numpy``: a NumPy array, of rank 0
            for one value, strings of fixed length included. ``empty``: a type without a value. ``unread``: a kind of
            value that is not read (references, variable-length numbers).
        value: The value; for ``empty`` and ``unread`` the type.
        charset: Of text: ``utf-8`` or ``ascii``.
    """

    kind: Literal["text", "texts", "numpy", "empty", "unread"]
    value: Any
    charset: str = ""

    @property
    def text(self) -> str | None:
        """The value as one string, or ``None`` where it is none."""
        if self.kind == "text":
            return str(self.value)
        if self.kind == "numpy" and self.value.ndim == 0 and self.value.dtype.kind == "S":
            return _decoded(self.value[()])
        return None

    @property
    def texts(self) -> list[str] | None:
        """The value as a list of strings, or ``None`` where it is none; an empty array of any type is one."""
        if self.kind == "texts":
            return [str(item) for item in self.value.reshape(-1)]
        if self.kind == "numpy" and self.value.ndim == 1 and (self.value.dtype.kind == "S" or not self.value.size):
            return [_decoded(item) for item in self.value]
        return None


def _decoded(value: Any) -> str:
    return bytes(value).decode("utf-8", "surrogateescape")


@dataclass(slots=True)
class Group:
    """A group: its path from the root without leading slash, members in the file's order."""

    path: str
    attributes: dict[str, Attribute] = field(default_factory=dict)
    members: dict[str, Node] = field(default_factory=dict)

    def find(self, path: str) -> Node | None:
        """Return the node at a path below this group, or ``None``."""
        node: Node = self
        for part in [part for part in path.split("/") if part]:
            if not isinstance(node, Group) or part not in node.members:
                return None
            node = node.members[part]
        return node

    def datasets(self) -> Iterator[Dataset]:
        """Yield all datasets below this group, in the file's order."""
        for node in self.members.values():
            if isinstance(node, Dataset):
                yield node
            elif isinstance(node, Group):
                yield from node.datasets()

    def text(self, name: str) -> str | None:
        """Return an attribute that is one string."""
        attribute = self.attributes.get(name)
        return attribute.text if attribute else None

    def texts(self, name: str) -> list[str] | None:
        """Return an attribute that is a list of strings.

        Keras cuts a list that does not fit into an object header into ``name0``, ``name1`` and so on.
        """
        if name in self.attributes:
            return self.attributes[name].texts
        joined: list[str] = []
        number = 0
        while (attribute := self.attributes.get(f"{name}{number}")) is not None and attribute.texts is not None:
            joined += attribute.texts
            number += 1
        return joined if number else None


@dataclass(frozen=True, slots=True)
class NamedType:
    """A type that was given a name of its own."""

    path: str
    description: str


@dataclass(slots=True)
class Dataset:
    """An array in an HDF5 file, its bytes not read yet.

    Attributes:
        path: From the root, without leading slash.
        dtype: NumPy's; opaque items are void, strings of variable length are object.
        shape: ``None`` for a dataset that has a type and no value.
        raw: Whether an item's bytes in the file are those that NumPy has for ``dtype``.
        offset: First byte in the window where all items stand in one row-major block; ``None`` where they do not.
        text: Charset where the items are strings of variable length.
        readable: Whether :meth:`blocks` (or :meth:`strings`) can give the items.
        filters: Names of the filters that the stored chunks went through.
        same_as: Path of the first name of the same dataset, where a second name of it is this.
    """

    window: Window
    path: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...] | None
    attributes: dict[str, Attribute] = field(default_factory=dict)
    raw: bool = True
    offset: int | None = None
    text: str = ""
    readable: bool = True
    chunks: tuple[int, ...] | None = None
    filters: tuple[str, ...] = ()
    same_as: str = ""

    @property
    def count(self) -> int:
        """Number of items."""
        return 0 if self.shape is None else math.prod(self.shape)

    @property
    def size(self) -> int:
        """Number of bytes of all items."""
        return self.count * int(self.dtype.itemsize)

    def blocks(self, field_name: str = "", *, verbatim: bool = False) -> Iterator[memoryview]:
        """Yield all items, row-major and little-endian, a bounded number of bytes at a time.

        Args:
            field_name: One field of a structured dataset.
            verbatim: Whether the items are wanted in their own byte order.
        """
        import numpy as np

        if not self.count:
            return
        with open_file(self.window) as file:
            dataset: h5py.Dataset = file[self.path]
            source = dataset.fields(field_name) if field_name else dataset
            for where in _slabs(self.shape or (), self.chunks, self.dtype.itemsize):
                part = np.asarray(source[where])
                turned = part if verbatim else part.astype(part.dtype.newbyteorder("<"), copy=False)
                yield np.ascontiguousarray(turned).reshape(-1).view(np.uint8).data

    def strings(self, most: int) -> Iterator[bytes]:
        """Yield the strings of a dataset of strings of variable length.

        Args:
            most: Bytes of all strings together; more raise :class:`LimitExceededError`.
        """
        with open_file(self.window) as file:
            yield from read_strings(file[self.path], self, most)


Node = Group | Dataset | NamedType


def _slabs(shape: tuple[int, ...], chunks: tuple[int, ...] | None, item: int) -> Iterator[tuple[slice, ...]]:
    """Cut a dataset into consecutive row-major pieces; whole rows of chunks, so that none is unpacked twice."""
    if not shape:
        yield ()
        return
    row = math.prod(shape[1:]) * item
    if row > _SLAB and len(shape) > 1 and not (chunks and chunks[0] * row <= _LARGEST_SLAB):
        for index in range(shape[0]):
            for rest in _slabs(shape[1:], chunks[1:] if chunks else None, item):
                yield (slice(index, index + 1), *rest)
        return
    step = max(1, _SLAB // row)
    if chunks and chunks[0] * row <= _LARGEST_SLAB:
        step = max(chunks[0], step // chunks[0] * chunks[0])
    for start in range(0, shape[0], step):
        yield (slice(start, start + step),)


def read_strings(source: h5py.Dataset, about: Dataset, most: int) -> Iterator[bytes]:
    """Yield the strings of a dataset as bytes.

    Many items may name the same long string: so few are read at once that even then memory is bounded.
    """
    step = max(1, min(4096, _STRING_STEP // max(1, about.window.size)))
    flat = source.shape == ()
    total = 0
    for start in range(0, about.count, step):
        if flat:
            items = [source[()]]
        elif len(source.shape) == 1:
            items = list(source[start : start + step])
        else:
            items = [source[_index(at, source.shape)] for at in range(start, min(start + step, about.count))]
        for item in items:
            data = item if isinstance(item, bytes) else str(item).encode("utf-8", "surrogateescape")
            total += len(data)
            if total > most:
                raise LimitExceededError(
                    f"the strings of {about.path!r} have more than {most} bytes", location=about.window.location
                )
            yield data


def _index(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    index: list[int] = []
    for length in reversed(shape):
        flat, rest = divmod(flat, length)
        index.append(rest)
    return tuple(reversed(index))
