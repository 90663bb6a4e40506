"""How :mod:`candle_spec.converters.skops` is recognised."""

from __future__ import annotations

from typing import Final

from candle_spec import limits
from candle_spec.conversion.contract import Detection, Source
from candle_spec.errors import CandleSpecError
from candle_spec.readers.zip_archive import ZipArchive, entry_names

SCHEMA: Final = "schema.json"


def detect(source: Source) -> Detection | None:
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
