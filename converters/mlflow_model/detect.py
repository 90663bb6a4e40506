"""An MLflow model is known by its ``MLmodel``: a folder with this file, in which flavors are described."""

from __future__ import annotations

from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters._shared.documents import mapping, read_quietly, read_yaml
from candle_spec.converters._shared.source_files import file_named
from candle_spec.converters.mlflow_model import MLMODEL


def detect(source: Source) -> Detection | None:
    """Recognise the folder by its ``MLmodel``."""
    file = file_named(source, MLMODEL)
    if not source.path.is_dir() or file is None:
        return None
    about = mapping(read_quietly(file, read_yaml))
    return Detection(98, "MLflow model") if isinstance(about.get("flavors"), dict) else None
