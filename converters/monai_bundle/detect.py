"""A MONAI bundle is known by its metadata: a folder with ``configs/metadata.json``, in which a key of MONAI stands."""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Detection, NativeFile, Source
from candle_spec.converters._shared.documents import mapping, read_quietly, read_yaml
from candle_spec.converters._shared.source_files import file_named

_METADATA: Final = ("configs/metadata.json", "configs/metadata.yaml", "configs/metadata.yml")
_OWN: Final = frozenset({"monai_version", "network_data_format", "pytorch_version"})


def detect(source: Source) -> Detection | None:
    """Recognise the folder by its metadata."""
    file = metadata_file(source)
    if not source.path.is_dir() or file is None:
        return None
    about = mapping(read_quietly(file, read_yaml))
    if not about.keys() & _OWN:
        return None
    return Detection(97, "MONAI bundle")


def metadata_file(source: Source) -> NativeFile | None:
    """Return the bundle's metadata, if they lie there."""
    return next((file for name in _METADATA if (file := file_named(source, name))), None)
