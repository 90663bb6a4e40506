"""skops: archives of ``skops.io.dump``, a tree of JSON and ``.npy`` arrays; no type that it names is imported.

``schema.json`` describes every object by class and content; arrays are members of the archive. They are known here by
their path in the tree (``steps.0.1.mean_``), for the names of the members are addresses of the memory they came from.
Kept: every array, the whole tree with its classes, parameters of the estimator, versions. Only in the native bytes:
sparse matrices (archives inside the archive) and arrays of objects.

Layout: https://skops.readthedocs.io/en/stable/persistence.html and ``skops/io`` in https://github.com/skops-dev/skops.
"""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

SCHEMA: Final = "schema.json"
"""Name of the member with the tree."""

CONVERTER = FormatPackage(
    __name__,
    name="skops",
    title="skops archives of scikit-learn estimators",
    suffixes=(".skops",),
    card=Card(
        family="scikit-learn",
        kept="all arrays by their path, the whole tree with its classes, parameters, versions",
        not_kept="sparse matrices and arrays of objects (only in the native bytes)",
        restore="byte for byte; loading it needs the same version of scikit-learn",
    ),
)
