"""skops: archives of ``skops.io.dump``, a tree of JSON and ``.npy`` arrays; no type that it names is imported.

``schema.json`` describes every object by class and content; arrays are members of the archive. They are known here by
their path in the tree (``steps.0.1.mean_``), for the names of the members are addresses of the memory they came from.
Kept: every array, the whole tree with its classes, parameters of the estimator, versions. Only in the native bytes:
sparse matrices (archives inside the archive) and arrays of objects.

Layout: https://skops.readthedocs.io/en/stable/persistence.html and ``skops/io`` in https://github.com/skops-dev/skops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from candle_spec import limits
from candle_spec.conversion.contract import Card, Detection, Native, Source
from candle_spec.errors import CandleSpecError
from candle_spec.readers.zip_archive import ZipArchive, entry_names

SCHEMA: Final = "schema.json"


class Skops:
    """The converter of skops archives."""

    name = "skops"
    title = "skops archives of scikit-learn estimators"
    suffixes: Sequence[str] = (".skops",)
    card = Card(
        family="scikit-learn",
        kept="all arrays by their path, the whole tree with its classes, parameters, versions",
        not_kept="sparse matrices and arrays of objects (only in the native bytes)",
        restore="byte for byte; loading it needs the same version of scikit-learn",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise the archive by its schema."""
        if len(source.files) != 1 or not source.path.is_file():
            return None
        if SCHEMA not in (entry_names(source.files[0].path) or []):
            return None
        try:
            archive = ZipArchive(source.files[0].path)
            known = b'"__loader__"' in archive.read(SCHEMA, limits.JSON_BYTES)
        except CandleSpecError:
            return None
        return Detection(90, "skops archive") if known else None

    def read(self, source: Source) -> Native:
        """Read the tree and the headers of the arrays.

        Raises:
            CorruptFileError: The tree or an array is damaged.
            UnsupportedFormatError: It holds no arrays.
        """
        from candle_spec.converters._skops_reading import read

        return read(source)


CONVERTER = Skops()
