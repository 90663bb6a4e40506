"""A distributed checkpoint is known by its names: a folder with ``.metadata`` and files that end with ``.distcp``."""

from __future__ import annotations

from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters.pytorch_distributed import METADATA


def detect(source: Source) -> Detection | None:
    """Recognise the folder by its description and the files that it speaks of."""
    names = {file.name for file in source.files}
    if not source.path.is_dir() or METADATA not in names:
        return None
    known = any(name.endswith(".distcp") for name in names)
    return Detection(96, "PyTorch distributed checkpoint") if known else None
