"""Orbax: checkpoint folders of JAX, read by TensorStore without jax or Orbax.

A folder of arrays holds ``_METADATA``, a JSON tree of keys, and the arrays as zarr or zarr3, plain or in an OCDBT
database; ``CheckpointManager`` keeps one folder for every step, with a folder for every item in it. Kept: every array
under its path, the tree with its lists and empty parts, texts, JSON items. Compressed chunks are unpacked piece by
piece into the weights, and stay in the native bytes as well, from which the folder comes back; chunks that are not
compressed are stored once.

Layout: https://orbax.readthedocs.io/en/latest/guides/checkpoint/checkpoint_format.html. Refused: folders of several
steps, of which one has to be named; folders that Orbax did not finish (``.orbax-checkpoint-tmp``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from candle_spec.conversion.contract import Card, Detection, Native, NativeFile, Source
from candle_spec.converters import _look as look

TREE: Final = "_METADATA"


class Orbax:
    """The converter of Orbax folders."""

    name = "orbax"
    title = "Orbax checkpoint folders (OCDBT, zarr, zarr3)"
    suffixes: Sequence[str] = (".orbax",)
    card = Card(
        family="JAX",
        kept="all arrays with their paths, the tree, texts, step, JSON items",
        not_kept="shardings. Refused: several steps in one folder, folders that were not finished",
        restore="byte for byte, the whole folder, without JAX",
        extra="jax",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise a folder by the tree that Orbax writes beside the arrays."""
        trees = trees_of(source)
        if not source.path.is_dir() or not trees or not all(_is_tree(tree) for tree in trees[:2]):
            return None
        from candle_spec.converters._orbax_tree import checkpoints_of

        return Detection(96 if len(checkpoints_of(source, trees)) == 1 else 89, "Orbax checkpoint")

    def read(self, source: Source) -> Native:
        """Read the trees and what the arrays are; of the arrays only the step is read.

        Raises:
            InvalidInputError: The folder holds several steps.
            MissingPartError: Orbax did not finish it, or an array is not there.
            MissingDependencyError: TensorStore is not installed.
            CorruptFileError: A tree or an array is damaged.
        """
        from candle_spec.converters._orbax_reading import read

        return read(source)


def trees_of(source: Source) -> list[NativeFile]:
    """Return the trees of a folder, those of all its items."""
    return [file for file in source.files if file.name.rpartition("/")[2] == TREE]


def _is_tree(file: NativeFile) -> bool:
    return b'"tree_metadata"' in look.head(file.path, 4096)


CONVERTER = Orbax()
