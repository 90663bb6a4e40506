"""The reading half of :mod:`candle_spec.converters.python_pickle`, loaded once its format is recognised."""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Native, NativeFormat, Part, Source
from candle_spec.converters._shared.pickle import files
from candle_spec.converters._shared.pickle.array_nodes import ArrayReader
from candle_spec.converters.python_pickle.native import Found, fill

_TITLES: Final = {False: "Python pickle", True: "joblib dump"}


def read(source: Source) -> Native:
    """Read the structure; see :class:`candle_spec.conversion.contract.Converter`."""
    native = Native(NativeFormat("python_pickle", "pickle", "", "unknown"), source, weights_metadata={"format": "np"})
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
