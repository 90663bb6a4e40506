"""An archive of skops is known by its member ``schema.json``, in which loaders of skops are named."""

from __future__ import annotations

from candle_spec import limits
from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters._shared.source_files import only_file
from candle_spec.converters.skops import SCHEMA
from candle_spec.errors import CandleSpecError
from candle_spec.readers.zip_archive import ZipArchive, entry_names


def detect(source: Source) -> Detection | None:
    """Recognise the archive by its schema."""
    file = only_file(source)
    if file is None or SCHEMA not in (entry_names(file.path) or ()):
        return None
    try:
        archive = ZipArchive(file.path)
        known = b'"__loader__"' in archive.read(SCHEMA, limits.JSON_BYTES)
    except CandleSpecError:
        return None
    return Detection(90, "skops archive") if known else None
