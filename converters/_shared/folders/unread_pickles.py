"""What the pickles in a file that stays whole in the native bytes would import, once somebody loads it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Final

from candle_spec.conversion.contract import InertPickle, Native, NativeFile, Part
from candle_spec.converters._shared.pickle.files import confidence, read
from candle_spec.converters._shared.pickle.imports import imports_of
from candle_spec.converters._shared.source_files import first_bytes
from candle_spec.converters._shared.torch.files import TorchPickle, is_legacy, read_legacy, read_zip
from candle_spec.errors import CandleSpecError
from candle_spec.readers.signatures import ZIP
from candle_spec.readers.zip_archive import entry_names

_SURE: Final = 40
"""Confidence from which on a file is taken for a pickle; those of old protocols look like many a text."""


def note_pickles(native: Native, files: Iterable[NativeFile]) -> None:
    """Add what each pickle in these files names; say which could not be read."""
    for file in files:
        try:
            native.pickles += _pickles_in(file)
        except CandleSpecError as error:
            reason = f"what it would import is not known: {error.message}"[:1990]
            native.parts.append(Part(f"pickle {file.name}"[:200], "residue", reason, size=file.size))


def _pickles_in(file: NativeFile) -> list[InertPickle]:
    head = first_bytes(file.path, 512)
    pickles: list[TorchPickle] = []
    if is_legacy(head):
        pickles = read_legacy(file.path).pickles
    elif head.startswith(ZIP):
        names = entry_names(file.path) or ()
        inside = any(name.rpartition("/")[2] == "data.pkl" and name.count("/") <= 1 for name in names)
        pickles = read_zip(file.path).pickles if inside else []
    elif file.size and confidence(file.path)[0] >= _SURE:
        with ExitStack() as resources:
            return [imports_of(file.name, "", read(file.path, resources).imports)]
    return [imports_of(file.name, each.member, each.loaded.globals) for each in pickles]
