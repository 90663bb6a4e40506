"""How :mod:`candle_spec.converters.monai_bundle` is recognised."""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Detection, NativeFile, Source
from candle_spec.converters._shared import look

_METADATA: Final = ("configs/metadata.json", "configs/metadata.yaml", "configs/metadata.yml")
_OWN: Final = frozenset({"monai_version", "network_data_format", "pytorch_version"})


def detect(source: Source) -> Detection | None:
    """Recognise the folder by its metadata."""
    file = metadata_file(source)
    if not source.path.is_dir() or file is None:
        return None
    about = look.mapping(look.quiet(file, look.read_yaml))
    if not about.keys() & _OWN:
        return None
    return Detection(97, "MONAI bundle")


def metadata_file(source: Source) -> NativeFile | None:
    """Return the bundle's metadata, if they lie there."""
    return next((file for name in _METADATA if (file := look.file_named(source, name))), None)
