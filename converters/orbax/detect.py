"""A folder of Orbax is known by its trees: files ``_METADATA`` that begin with the metadata of a tree."""

from __future__ import annotations

from candle_spec.conversion.contract import Detection, NativeFile, Source
from candle_spec.converters._shared.source_files import first_bytes
from candle_spec.converters.orbax import TREE


def detect(source: Source) -> Detection | None:
    """Recognise a folder by the tree that Orbax writes beside the arrays."""
    trees = trees_of(source)
    if not source.path.is_dir() or not trees or not all(_is_tree(tree) for tree in trees[:2]):
        return None
    from candle_spec.converters.orbax.tree import checkpoints_of

    return Detection(96 if len(checkpoints_of(source, trees)) == 1 else 89, "Orbax checkpoint")


def trees_of(source: Source) -> list[NativeFile]:
    """Return the trees of a folder, those of all its items."""
    return [file for file in source.files if file.name.rpartition("/")[2] == TREE]


def _is_tree(file: NativeFile) -> bool:
    return b'"tree_metadata"' in first_bytes(file.path, 4096)
