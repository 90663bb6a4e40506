"""A folder of IMPROVE is known by the names of what each stage writes: its log of parameters, or its scores.

How sure that is depends on whether a model lies there, which the converters of all other formats are asked.
"""

from __future__ import annotations

from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters.improve_model import LOG


def detect(source: Source) -> Detection | None:
    """Recognise the folder by the files that every IMPROVE stage writes beside its output."""
    names = {file.name for file in source.files}
    if not source.path.is_dir() or not (LOG in names or ("val_scores.json" in names and len(names) > 1)):
        return None
    from candle_spec.converters.improve_model.models import models_of

    return Detection(96 if models_of(source) else 30, "IMPROVE model folder")
