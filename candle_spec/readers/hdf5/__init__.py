"""A guarded view of HDF5 files of strangers: what is in them is listed, nothing outside is ever opened.

:func:`read_tree` lists groups, datasets and attributes; the bytes of datasets are not touched. Links out of the
file, links by name, external storage and virtual datasets are refused; what a file states about sizes is compared
with what it holds before memory is allocated. :func:`foreign` names HDF5 files that hold no model.
"""

from __future__ import annotations

from candle_spec.readers.hdf5.foreign import foreign
from candle_spec.readers.hdf5.nodes import Attribute, Dataset, Group, NamedType, Node
from candle_spec.readers.hdf5.walk import read_tree
from candle_spec.readers.hdf5.window import FileWindow, MemoryWindow, Window, is_hdf5

__all__ = [
    "Attribute",
    "Dataset",
    "FileWindow",
    "Group",
    "MemoryWindow",
    "NamedType",
    "Node",
    "Window",
    "foreign",
    "is_hdf5",
    "read_tree",
]
