"""How :mod:`candle_spec.converters.huggingface` is recognised."""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters._shared import look

DESCRIBES: Final = frozenset({"config.json", "adapter_config.json", "model_index.json", "modules.json"})


def detect(source: Source) -> Detection | None:
    """Recognise the folder by a description beside weights; one of several models only to say so."""
    if not source.path.is_dir() or not _described(source):
        return None
    from candle_spec.converters.huggingface import weights

    kinds = {weights.kind_of(file) for file in source.files} - {"", "other", "onnx"}
    if not kinds:
        return None
    several = weights.is_several(source, weights.named_folders(source))
    return Detection(60 if several else 95, "Hugging Face model folder")


def _described(source: Source) -> bool:
    names = {file.name for file in source.files}
    if names & DESCRIBES:
        return True
    if any(name.endswith(look.SAFETENSORS_INDEX) for name in names):
        # A bare index with its shards is a checkpoint of safetensors, from which fresh files can be made.
        return not all(name.endswith((look.SAFETENSORS_INDEX, ".safetensors")) for name in names)
    readme = look.file_named(source, "README.md")
    return readme is not None and look.head(readme.path, 4) in (b"---\n", b"---\r")
