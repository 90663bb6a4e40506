"""NumPy: ``.npz`` archives of ``savez`` and ``savez_compressed``, and single ``.npy`` arrays.

Layouts: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html; an archive is a zip file of ``.npy``
members. Kept: every array under its name in any order of axes and bytes, complex, long double, strings, records, dates.
bfloat16 and float8 of ml_dtypes come out of NumPy as nameless bytes: they are kept as bytes, with a warning. Arrays of
objects are pickles, which are not unpickled: beside other arrays they stay in the native bytes, alone they are refused.
Members of ``savez_compressed`` are unpacked one by one, and kept packed in the native bytes as well.
"""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

ENDING: Final = ".npy"
"""Ending of the members of an archive."""

CONVERTER = FormatPackage(
    __name__,
    name="npz",
    title="NumPy .npz and .npy",
    suffixes=(".npz", ".npy"),
    card=Card(
        family="NumPy",
        kept="all arrays with their names, in any order; strings, records, dates, complex and long double",
        not_kept="arrays of objects (only in the native bytes); which dtype nameless bytes (bfloat16) are",
        restore="byte for byte; packed members are kept packed as well. Also rebuilt",
    ),
)
