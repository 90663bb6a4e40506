"""A bioimage.io package is known by its description: a folder with the file, in which weights of a model are listed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from candle_spec.conversion.contract import Detection, NativeFile, Source
from candle_spec.converters._shared.documents import mapping, read_quietly, read_yaml
from candle_spec.converters._shared.source_files import file_named

_DESCRIPTIONS: Final = ("bioimageio.yaml", "rdf.yaml", "model.yaml")


def detect(source: Source) -> Detection | None:
    """Recognise the folder by its description."""
    file = description_of(source)
    if not source.path.is_dir() or file is None:
        return None
    about = mapping(read_quietly(file, read_yaml))
    return Detection(97, "bioimage.io package") if is_model(about) else None


def description_of(source: Source) -> NativeFile | None:
    """Return the file that describes the model, if one lies there."""
    return next((file for name in _DESCRIPTIONS if (file := file_named(source, name))), None)


def is_model(about: Mapping[str, Any]) -> bool:
    """Whether a description is one of a model, not of an application or a dataset."""
    return (
        about.get("type", "model") == "model" and "format_version" in about and isinstance(about.get("weights"), dict)
    )
