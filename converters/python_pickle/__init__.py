"""Plain pickles and joblib dumps: estimators of scikit-learn, boosters, dictionaries of arrays. Nothing is unpickled.

Pickles of protocols 0 to 5 and of Python 2, several in one file, with arrays of NumPy as they stand in the stream
(numbers, text, dates, records, masked arrays), sparse matrices of SciPy, tensors of torch, and the arrays that joblib
puts between the opcodes; files packed by zlib, gzip, bzip2, xz or lzma as joblib packs them. Layouts: see
:mod:`candle_spec.readers.inert_pickle` and :mod:`candle_spec.converters._shared.pickle.joblib`.

Kept: every array under its native name (keys and attributes joined by dots), the whole structure with foreign objects
as what they were given, boosters as their own text or document. Numbers in an unpacked file are found there again; a
packed file is kept whole beside them. Refused: a file without any array, lz4, joblib before 0.10.
"""

from __future__ import annotations

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

CONVERTER = FormatPackage(
    __name__,
    name="python_pickle",
    title="Pickles and joblib dumps (scikit-learn, pickled LightGBM and XGBoost, dictionaries of arrays)",
    suffixes=(".pkl", ".pickle", ".joblib", ".sav", ".p"),
    card=Card(
        family="scikit-learn and plain pickles",
        kept="every array, sparse matrix and tensor by name; the structure; parameters, versions, features, classes; "
        "boosters as their own text or document",
        not_kept="Python code of the classes. Refused: files without arrays, lz4, joblib before 0.10",
        restore="byte for byte; estimators load with the version of scikit-learn that wrote them",
    ),
)
