"""How :mod:`candle_spec.converters.candle_checkpoint` is recognised."""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Detection, NativeFile, Source

INFO: Final = "ckpt-info.json"


def detect(source: Source) -> Detection | None:
    """Recognise the folder by the note that CANDLE puts beside every model."""
    infos = notes_of(source)
    if not source.path.is_dir() or not infos:
        return None
    # A run's folder is more than one checkpoint, but this converter says best what to do with it.
    itself = any(info.name == INFO for info in infos)
    return Detection(97 if itself else 89, "CANDLE checkpoint")


def notes_of(source: Source) -> list[NativeFile]:
    """Return the notes that CANDLE wrote beside its models."""
    return [file for file in source.files if file.name.rpartition("/")[2] == INFO]
