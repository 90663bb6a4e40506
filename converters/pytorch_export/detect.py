"""An exported program is known by the names in its zip archive: ``archive_format``, or those of before torch 2.6."""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters._shared.source_files import only_file
from candle_spec.readers.zip_archive import entry_names

_OLD: Final = ("serialized_exported_program.json", "serialized_state_dict.pt", "serialized_state_dict.json")


def detect(source: Source) -> Detection | None:
    """Recognise the archive by its entry ``archive_format``, or the names of its first version."""
    file = only_file(source)
    names = (entry_names(file.path) or ()) if file is not None else []
    short = {name.rpartition("/")[2] for name in names}
    known = "archive_format" in short or bool(short & set(_OLD))
    return Detection(92, "PyTorch exported program") if known else None
