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

from typing import Final

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

TREE: Final = "_METADATA"
"""Name of the file with the tree of keys."""

CONVERTER = FormatPackage(
    __name__,
    name="orbax",
    title="Orbax checkpoint folders (OCDBT, zarr, zarr3)",
    suffixes=(".orbax",),
    card=Card(
        family="JAX",
        kept="all arrays with their paths, the tree, texts, step, JSON items",
        not_kept="shardings. Refused: several steps in one folder, folders that were not finished",
        restore="byte for byte, the whole folder, without JAX",
        extra="jax",
    ),
)
