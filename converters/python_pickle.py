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
from typing import Final

from candle_spec.conversion.contract import Card, Detection, Native, NativeFormat, Part, Source
from candle_spec.converters import _pickle_files as files
from candle_spec.converters._pickle_array_nodes import ArrayReader
from candle_spec.converters._pickle_native import Found, fill

_TITLES: Final = {False: "Python pickle", True: "joblib dump"}


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
        sure, packed = files.confidence(source.files[0].path)
        if not sure:
            return None
        return Detection(
            sure, f"pickle or joblib dump packed by {packed}" if packed else "Python pickle or joblib dump"
        )

    def read(self, source: Source) -> Native:
        """Read the structure; see :class:`candle_spec.conversion.contract.Converter`."""
        native = Native(NativeFormat(self.name, "pickle", "", "unknown"), source, weights_metadata={"format": "np"})
        try:
            return _read(source, native)
        except BaseException:
            native.resources.close()
            raise


def _read(source: Source, native: Native) -> Native:
    file = files.read(source.files[0].path, native.resources)
    is_joblib = bool(file.embedded.arrays or any("joblib.numpy_pickle" in found.path for found in file.imports))
    title = _TITLES[is_joblib] + (f", packed by {file.packed}" if file.packed else "")
    variant = ("joblib" if is_joblib else "pickle") + (f"-{file.packed}" if file.packed else "")
    evidence = [f"pickle of protocol {file.protocol}" if file.protocol else "pickle of protocol 0 or 1"]
    if is_joblib:
        evidence.append(f"{file.embedded.arrays} arrays of joblib between the opcodes")
    native.format = NativeFormat(native.format.id, variant, title, "unknown", evidence=tuple(evidence))
    if file.packed:
        reason = f"packed by {file.packed}: the whole file is kept beside its tensors, unpacked they stand in no place"
        native.parts.append(Part("packed bytes", "residue", reason, size=source.files[0].size))
    if len(file.roots) > 1:
        native.parts.append(
            Part("pickles", "kept", "several follow each other; names begin with a number", len(file.roots))
        )
    if file.end < file.size:
        reason = "follows the pickle and is none; kept only in the native bytes"
        native.parts.append(Part("rest of the file", "residue", reason, size=file.size - file.end))
    arrays = ArrayReader(file.path, str(source.path))
    return fill(Found(source, native, file.value, arrays, file.imports))


CONVERTER = PythonPickle()
