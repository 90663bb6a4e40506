"""safetensors as they are: the headers of a file, or of shards that an index names, are read, and no tensor."""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Group, Native, NativeFormat, Part, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._shared.safetensors.files import Tensors, read_files, read_shards
from candle_spec.converters.safetensors.detect import lone_index
from candle_spec.converters.safetensors.fields import metadata_fields
from candle_spec.errors import UnsupportedFormatError

_FRAMEWORKS: Final = {"pt": "pytorch", "tf": "tensorflow", "flax": "jax", "np": "numpy", "mlx": "mlx"}


def read(source: Source) -> Native:
    """Read headers and index; no tensor's bytes are touched.

    Raises:
        CorruptFileError: A header or the index breaks its rules.
        MissingPartError: A shard is not there.
        UnsupportedFormatError: A dtype is not known.
    """
    index = lone_index(source)
    if len(source.files) > 1 and index is None:
        raise UnsupportedFormatError("these are several files without an index", location=str(source.path))
    found = read_shards(index, source.files) if index else read_files(source.files)
    native = Native(_format(found, sharded=index is not None), source)
    native.groups = [Group("model", "model")]
    native.tensors = found.tensors("model")
    native.state = found.metadata_tree()
    native.fields = [infer_name(source, [(found.metadata.get("modelspec.title"), "modelspec.title")])]
    native.fields += metadata_fields(found.metadata)
    native.parts = [*found.parts("model"), Part("topology", "absent", "the file holds tensors only")]
    native.weights_metadata = {"format": found.metadata.get("format", "pt")}
    return native


def _format(found: Tensors, *, sharded: bool) -> NativeFormat:
    stated = found.metadata.get("format", "")
    evidence = [f"{len(found.headers)} safetensors header{'s' if len(found.headers) > 1 else ''}"]
    if stated:
        evidence.append(f"the header's metadata states the format {stated[:100]!r}")
    title = "safetensors in shards" if sharded else "safetensors file"
    framework = _FRAMEWORKS.get(stated, "unknown")
    return NativeFormat("safetensors", "sharded" if sharded else "file", title, framework, evidence=tuple(evidence))
