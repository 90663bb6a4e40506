"""A folder of Hugging Face is known by the names of its files: one that describes a model, beside weights.

A card (``README.md`` with front matter) describes a model as well. Nothing is read but whether the front matter begins,
and, where weights are there, which folders the description names.
"""

from __future__ import annotations

from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters._shared.safetensors import INDEX_ENDING
from candle_spec.converters._shared.source_files import file_named, first_bytes
from candle_spec.converters.huggingface import DESCRIBES


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
    if any(name.endswith(INDEX_ENDING) for name in names):
        # A bare index with its shards is a checkpoint of safetensors, from which fresh files can be made.
        return not all(name.endswith((INDEX_ENDING, ".safetensors")) for name in names)
    readme = file_named(source, "README.md")
    return readme is not None and first_bytes(readme.path, 4) in (b"---\n", b"---\r")
