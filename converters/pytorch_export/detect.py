"""How :mod:`candle_spec.converters.pytorch_export` is recognised."""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Detection, Source
from candle_spec.readers.zip_archive import entry_names

_OLD: Final = ("serialized_exported_program.json", "serialized_state_dict.pt", "serialized_state_dict.json")


def detect(source: Source) -> Detection | None:
    """Recognise the archive by its entry ``archive_format``, or the names of its first version."""
    if len(source.files) != 1 or not source.path.is_file():
        return None
    names = entry_names(source.files[0].path) or []
    short = {name.rpartition("/")[2] for name in names}
    known = "archive_format" in short or bool(short & set(_OLD))
    return Detection(92, "PyTorch exported program") if known else None
