"""How :mod:`candle_spec.converters.mlflow_model` is recognised."""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters._shared import look

MLMODEL: Final = "MLmodel"


def detect(source: Source) -> Detection | None:
    """Recognise the folder by its ``MLmodel``."""
    file = look.file_named(source, MLMODEL)
    if not source.path.is_dir() or file is None:
        return None
    about = look.mapping(look.quiet(file, look.read_yaml))
    return Detection(98, "MLflow model") if isinstance(about.get("flavors"), dict) else None
