"""A folder of CANDLE is known by the name of the note that CANDLE puts beside every model."""

from __future__ import annotations

from candle_spec.conversion.contract import Detection, NativeFile, Source
from candle_spec.converters.candle_checkpoint import INFO


def detect(source: Source) -> Detection | None:
    """Recognise the folder by the note, directly in it or in folders of several epochs."""
    notes = notes_of(source)
    if not source.path.is_dir() or not notes:
        return None
    # A run's folder is more than one checkpoint, but this converter says best what to do with it.
    itself = any(note.name == INFO for note in notes)
    return Detection(97 if itself else 89, "CANDLE checkpoint")


def notes_of(source: Source) -> list[NativeFile]:
    """Return the notes that CANDLE wrote beside its models."""
    return [file for file in source.files if file.name.rpartition("/")[2] == INFO]
