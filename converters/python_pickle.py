"""Plain pickles and joblib dumps: estimators of scikit-learn, boosters, dictionaries of arrays. Nothing is unpickled.

Pickles of protocols 0 to 5 and of Python 2, several in one file, with arrays of NumPy as they stand in the stream
(numbers, text, dates, records, masked arrays), sparse matrices of SciPy, tensors of torch, and the arrays that joblib
puts between the opcodes; files packed by zlib, gzip, bzip2, xz or lzma as joblib packs them. Layouts: see
:mod:`candle_spec.readers.inert_pickle` and :mod:`candle_spec.converters._pickle_joblib`.

Kept: every array under its native name (keys and attributes joined by dots), the whole structure with foreign objects
as what they were given, boosters as their own text or document. Numbers in an unpacked file are found there again; a
packed file is kept whole beside them. Refused: a file without any array, lz4, joblib before 0.10.
"""

from __future__ import annotations

from collections.abc import Sequence

from candle_spec.conversion.contract import Card, Detection, Native, Source
from candle_spec.converters._pickle_look import begins_as_pickle, ends_of, packed_as


class PythonPickle:
    """The converter of plain pickles and joblib dumps."""

    name = "python_pickle"
    title = "Pickles and joblib dumps (scikit-learn, pickled LightGBM and XGBoost, dictionaries of arrays)"
    suffixes: Sequence[str] = (".pkl", ".pickle", ".joblib", ".sav", ".p")
    card = Card(
        family="scikit-learn and plain pickles",
        kept="every array, sparse matrix and tensor by name; the structure; parameters, versions, features, classes; "
        "boosters as their own text or document",
        not_kept="Python code of the classes. Refused: files without arrays, lz4, joblib before 0.10",
        restore="byte for byte; estimators load with the version of scikit-learn that wrote them",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise a pickle by its first opcodes, packed or not."""
        if len(source.files) != 1 or not source.files[0].size:
            return None
        path = source.files[0].path
        head, last = ends_of(path)
        if not packed_as(head) and not begins_as_pickle(head, last):
            return None
        from candle_spec.converters._pickle_files import confidence

        sure, packed = confidence(path)
        if not sure:
            return None
        return Detection(
            sure, f"pickle or joblib dump packed by {packed}" if packed else "Python pickle or joblib dump"
        )

    def read(self, source: Source) -> Native:
        """Read the structure; see :class:`candle_spec.conversion.contract.Converter`."""
        from candle_spec.converters._python_pickle_reading import read

        return read(source)


CONVERTER = PythonPickle()
