"""List an HDF5 file: every link and every dataset is checked before it is used."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from candle_spec import limits
from candle_spec.errors import CorruptFileError, LimitExceededError, UnsafeContentError, UnsupportedFormatError
from candle_spec.readers.hdf5.nodes import Dataset, Group, NamedType, Node
from candle_spec.readers.hdf5.values import checked_name, read_attributes
from candle_spec.readers.hdf5.window import Window, open_file

if TYPE_CHECKING:
    import h5py

_CHUNK_BYTES: Final = 1 << 30
"""Unpacked bytes of one chunk, which the HDF5 library holds in memory whole."""

_FILTERS: Final = {1: "gzip", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset", 32000: "lzf"}
"""Filters that are part of the library and of h5py; all others would be loaded from plug-ins of the machine.

https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md
"""


def read_tree(window: Window, depth: int | None = None) -> Group:
    """Return what the HDF5 file holds; no dataset's bytes are read.

    Args:
        window: The file.
        depth: Look no deeper; groups below are given without members.

    Raises:
        CorruptFileError: It is not a readable HDF5 file, or contradicts itself.
        UnsafeContentError: It leads out of itself, or states sizes that it does not hold.
        UnsupportedFormatError: A dataset is stored with a filter that is not read.
    """
    with open_file(window) as file:
        walker = _Walker(window, depth)
        root = walker.group(file["/"], "", 0)
        walker.check_overlaps()
    return root


class _Walker:
    def __init__(self, window: Window, depth: int | None) -> None:
        self._window = window
        self._depth = depth
        self._objects = 0
        self._open: set[Any] = set()
        self._datasets: dict[Any, Dataset] = {}
        self._blocks: list[tuple[int, int, str]] = []

    def group(self, group: h5py.Group, path: str, depth: int) -> Group:
        """List one group and all below it."""
        import h5py

        if depth > limits.HDF5_DEPTH:
            raise LimitExceededError(
                f"groups are nested more than {limits.HDF5_DEPTH} deep", location=self._window.location
            )
        address = h5py.h5o.get_info(group.id).addr
        if address in self._open:
            raise UnsafeContentError(f"the group {path!r} contains itself", location=self._window.location)
        self._open.add(address)
        result = Group(path, read_attributes(group, self._window.location))
        for name in () if depth == self._depth else group:
            checked_name(name, self._window.location)
            self._check_link(group, name, path)
            result.members[name] = self._member(group, name, f"{path}/{name}" if path else name, depth)
        self._open.discard(address)
        return result

    def _check_link(self, group: h5py.Group, name: str, path: str) -> None:
        import h5py

        self._objects += 1
        if self._objects > limits.HDF5_OBJECTS:
            raise LimitExceededError(
                f"the file holds more than {limits.HDF5_OBJECTS} objects", location=self._window.location
            )
        kind = group.id.links.get_info(name.encode("utf-8")).type
        if kind != h5py.h5l.TYPE_HARD:
            what = {h5py.h5l.TYPE_SOFT: "a link by name", h5py.h5l.TYPE_EXTERNAL: "a link into another file"}
            raise UnsafeContentError(
                f"{path}/{name} is {what.get(kind, 'a link of an unknown kind')}: it is not followed",
                location=self._window.location,
                hint="no framework writes such files; copy the data into the file (h5repack, h5py) if you trust it",
            )

    def _member(self, group: h5py.Group, name: str, path: str, depth: int) -> Node:
        import h5py

        member = group[name]
        if isinstance(member, h5py.Group):
            return self.group(member, path, depth + 1)
        if isinstance(member, h5py.Dataset):
            return self._dataset(member, path)
        return NamedType(path, str(member.dtype))

    def _dataset(self, dataset: h5py.Dataset, path: str) -> Dataset:
        import h5py

        address = h5py.h5o.get_info(dataset.id).addr
        first = self._datasets.get(address)
        if first is not None:
            return _second_name(first, path)
        plist = dataset.id.get_create_plist()
        self._check_storage(plist, path)
        attributes = read_attributes(dataset, self._window.location)
        text = h5py.check_string_dtype(dataset.dtype)
        result = Dataset(self._window, path, dataset.dtype, dataset.shape, attributes)
        result.text = text.encoding if text is not None and dataset.dtype.kind == "O" else ""
        result.readable = bool(result.text) or not dataset.dtype.hasobject
        result.raw = _is_raw(dataset)
        result.chunks = dataset.chunks
        result.filters = tuple(self._filters(plist, path))
        self._check_size(dataset, result)
        self._place(dataset, plist, result)
        self._datasets[address] = result
        return result

    def _check_storage(self, plist: Any, path: str) -> None:
        import h5py

        if plist.get_external_count():
            raise UnsafeContentError(
                f"the dataset {path!r} takes its bytes from other files: they are not read",
                location=self._window.location,
            )
        if plist.get_layout() == h5py.h5d.VIRTUAL:
            raise UnsafeContentError(
                f"the dataset {path!r} is a view of datasets of other files: they are not read",
                location=self._window.location,
            )

    def _filters(self, plist: Any, path: str) -> Iterator[str]:
        for number in range(plist.get_nfilters()):
            code = plist.get_filter(number)[0]
            if code not in _FILTERS:
                raise UnsupportedFormatError(
                    f"the dataset {path!r} is stored with the filter {code}, which is not read",
                    location=self._window.location,
                    hint="write it again without that filter: h5repack -f NONE in.h5 out.h5",
                )
            yield _FILTERS[code]

    def _check_size(self, dataset: h5py.Dataset, about: Dataset) -> None:
        """Compare what a dataset states with what the file holds for it, before anything is allocated."""
        stored = dataset.id.get_storage_size()
        chunk = math.prod(about.chunks) * about.dtype.itemsize if about.chunks else 0
        bound = limits.MIB + stored * (limits.ZIP_RATIO if about.filters else 1)
        if len(about.shape or ()) > limits.TENSOR_RANK or about.size > bound or chunk > min(_CHUNK_BYTES, bound):
            raise LimitExceededError(
                f"the dataset {about.path!r} states {about.size} bytes {about.shape} and holds {stored}",
                location=self._window.location,
                hint="the file is damaged or made to exhaust memory",
            )

    def _place(self, dataset: h5py.Dataset, plist: Any, about: Dataset) -> None:
        """Note where the items stand, if they do so in one block."""
        import h5py

        stored = dataset.id.get_storage_size()
        if plist.get_layout() != h5py.h5d.CONTIGUOUS or not stored:
            return
        offset = dataset.id.get_offset()
        if offset is None or offset < 0 or offset + stored > self._window.size:
            raise CorruptFileError(
                f"the dataset {about.path!r} lies beyond the end of the file",
                location=self._window.location,
                hint="fetch or copy it again",
            )
        self._blocks.append((offset, stored, about.path))
        if about.raw and stored == about.size:
            about.offset = offset

    def check_overlaps(self) -> None:
        """Refuse datasets that share bytes: a small file would state a large model."""
        end, before = 0, ""
        for offset, length, path in sorted(self._blocks):
            if offset < end:
                raise CorruptFileError(
                    f"the datasets {before!r} and {path!r} share bytes", location=self._window.location
                )
            end, before = offset + length, path


def _second_name(first: Dataset, path: str) -> Dataset:
    from dataclasses import replace

    return replace(first, path=path, same_as=first.path)


def _is_raw(dataset: h5py.Dataset) -> bool:
    """Say whether the type in the file is the very one that h5py makes for the NumPy dtype."""
    import h5py

    if dataset.dtype.kind == "V" and dataset.dtype.names is None:
        return True
    try:
        return bool(h5py.h5t.py_create(dataset.dtype, logical=True) == dataset.id.get_type())
    except (TypeError, ValueError):
        return False
