"""What the pickles in a file that stays whole in the native bytes would import, once somebody loads it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Final

from candle_spec.conversion.contract import InertPickle, Native, NativeFile, Part
from candle_spec.converters._shared.pickle import files as _pickle_files
from candle_spec.converters._shared.pickle.imports import inert_pickle
from candle_spec.converters._shared.torch import files as _pytorch_files
from candle_spec.errors import CandleSpecError
from candle_spec.readers.zip_archive import entry_names

_SURE: Final = 40
"""Confidence from which on a file is taken for a pickle; those of old protocols look like many a text."""


def note(native: Native, files: Iterable[NativeFile]) -> None:
    """Add what each pickle in these files names; say which could not be read."""
    for file in files:
        try:
            native.pickles += _pickles_in(file)
        except CandleSpecError as error:
            reason = f"what it would import is not known: {error.message}"[:1990]
            native.parts.append(Part(f"pickle {file.name}"[:200], "residue", reason, size=file.size))


def _pickles_in(file: NativeFile) -> list[InertPickle]:
    with file.path.open("rb") as opened:
        head = opened.read(512)
    if _pytorch_files.is_legacy(head):
        records = _pytorch_files.read_legacy(file.path).records
    elif head.startswith(b"PK\x03\x04"):
        names = entry_names(file.path) or []
        inside = any(name.rpartition("/")[2] == "data.pkl" and name.count("/") <= 1 for name in names)
        records = _pytorch_files.read_zip(file.path).records if inside else []
    elif file.size and _pickle_files.confidence(file.path)[0] >= _SURE:
        with ExitStack() as resources:
            return [inert_pickle(file.name, "", _pickle_files.read(file.path, resources).imports)]
    else:
        return []
    return [inert_pickle(file.name, each.member, each.loaded.globals) for each in records]
