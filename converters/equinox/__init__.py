"""Equinox: ``.eqx`` files of ``eqx.tree_serialise_leaves``, which are ``.npy`` arrays one after the other.

The file holds no names: leaves are ``leaf_000``, ``leaf_001``, … in the order of the tree, unless ``--topology`` names
a JSON list of their names. A first line of JSON, which the documentation of Equinox recommends for hyperparameters, is
read as such. What Equinox writes for numbers and booleans of Python are arrays without axes. JAX saves ``bfloat16`` as
nameless items of two bytes, which no other of its dtypes is; nameless items of one byte (``float8``, ``int4``) stay so.

Layout: https://docs.kidger.site/equinox/api/serialisation/, ``.npy``: see ``candle_spec.readers.npy_header``. Refused:
leaves that only unpickling would make.
"""

from __future__ import annotations

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

CONVERTER = FormatPackage(
    __name__,
    name="equinox",
    title="Equinox leaves (.eqx)",
    suffixes=(".eqx",),
    card=Card(
        family="JAX",
        kept="all leaves in their order, the hyperparameters of a first JSON line; names, if --topology lists them",
        not_kept="the tree itself, which is in the program. Refused: leaves that are pickles",
        restore="byte for byte without JAX",
    ),
)
