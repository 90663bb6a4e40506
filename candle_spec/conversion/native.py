"""Read the structure of a native checkpoint, of whatever format it is."""

from __future__ import annotations

from pathlib import Path

from candle_spec.conversion import registry
from candle_spec.conversion.contract import Detection, Native
from candle_spec.conversion.meaning import infer_name
from candle_spec.conversion.source import resolve_source


def read_native(
    path: str | Path, topology: str | Path | None = None, context: str | Path | None = None
) -> tuple[Native, Detection]:
    """Read the structure of a native checkpoint; no weights are read, nothing of it is run.

    Who calls this closes :attr:`Native.resources` when the tensors are no longer needed.

    Raises:
        MissingPathError: There is no such file.
        UnsupportedFormatError: The content is of no known kind, or of a version that cannot be read.
        CorruptFileError: The native file breaks its own format.
        UnsafeContentError: It could harm.
    """
    source = resolve_source(path, topology, context)
    converter, detection = registry.detect(source)
    native = converter.read(source)
    native.take_out_long_lists()
    if all(found.pointer != "/name" for found in native.fields):
        native.fields.insert(0, infer_name(source))
    return native, detection
