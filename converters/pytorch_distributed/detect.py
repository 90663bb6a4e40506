"""How :mod:`candle_spec.converters.pytorch_distributed` is recognised."""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Detection, Source

METADATA: Final = ".metadata"


def detect(source: Source) -> Detection | None:
    """Recognise the folder by its description and the files that it speaks of."""
    names = {file.name for file in source.files}
    if not source.path.is_dir() or METADATA not in names:
        return None
    known = any(name.endswith(".distcp") for name in names)
    return Detection(96, "PyTorch distributed checkpoint") if known else None
