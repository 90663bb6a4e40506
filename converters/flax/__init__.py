"""Flax: msgpack files of ``flax.serialization`` (``to_bytes``, ``msgpack_serialize``), also ``flax_model.msgpack``.

A tree of dictionaries; lists and tuples stand there as dictionaries with the keys "0", "1", …, as Flax writes them.
Arrays are extension 1 (shape, dtype's name, bytes), complex numbers 2, NumPy scalars 3; arrays above 1 GiB are split
into chunks and joined again here. Kept: every array in place under its path, the whole tree, scalars with their types.

Layout: https://github.com/google/flax/blob/main/flax/serialization.py. Refused: dtypes that are not known.
"""

from __future__ import annotations

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

CONVERTER = FormatPackage(
    __name__,
    name="flax",
    title="Flax msgpack",
    suffixes=(".msgpack", ".flax"),
    card=Card(
        family="JAX",
        kept="all arrays with their paths, optimizer state, step, the whole tree",
        not_kept="classes of the tree (optax states stand as dictionaries in the file already)",
        restore="byte for byte without JAX",
    ),
)
