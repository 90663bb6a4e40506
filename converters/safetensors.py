"""Safetensors: one file, or shards with their index, as they are.

Layout: https://github.com/huggingface/safetensors#format; index: ``model.safetensors.index.json`` with ``weight_map``.
Every tensor is kept verbatim under its name; names that ``save_model`` left out because they share memory, and noted in
the file's metadata, come back as aliases; the metadata is in the state tree. Nothing is left in the native bytes but
headers. Refused: dtypes of less than a byte (F4, F6), which the format of checkpoints stores in another way.

A folder that says more about its model (``config.json``, a model card) is read by ``huggingface``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from candle_spec.conversion.contract import Card, Detection, Group, Native, NativeFile, NativeFormat, Part, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters import _safetensors_files as files
from candle_spec.errors import UnsupportedFormatError

_FRAMEWORKS: Final = {"pt": "pytorch", "tf": "tensorflow", "flax": "jax", "np": "numpy", "mlx": "mlx"}


class Safetensors:
    """The converter of safetensors files."""

    name = "safetensors"
    title = "safetensors (one file, or shards with an index)"
    suffixes: Sequence[str] = (".safetensors",)
    card = Card(
        family="Hugging Face",
        kept="all tensors under their names, names that share memory, metadata",
        not_kept="nothing. Refused: dtypes of less than a byte (F4, F6)",
        restore="byte for byte; also rebuilt as one file",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise a file by the beginning of its header, a folder by an index of shards that lie in it."""
        if len(source.files) == 1 and source.path.is_file():
            return Detection(90, "safetensors file") if files.is_safetensors(source.files[0].path) else None
        index = _lone_index(source)
        return Detection(92, "safetensors in shards") if index else None

    def read(self, source: Source) -> Native:
        """Read headers and index; no tensor's bytes are touched.

        Raises:
            CorruptFileError: A header or the index breaks its rules.
            MissingPartError: A shard is not there.
            UnsupportedFormatError: A dtype is not known.
        """
        index = _lone_index(source)
        if len(source.files) > 1 and index is None:
            raise UnsupportedFormatError("these are several files without an index", location=str(source.path))
        found = files.read_shards(index, source.files) if index else files.read_files(source.files)
        native = Native(_format(found, sharded=index is not None), source)
        native.groups = [Group("model", "model")]
        native.tensors = found.tensors("model")
        native.state = found.metadata_tree()
        native.fields = [infer_name(source, [(found.metadata.get("modelspec.title"), "modelspec.title")])]
        native.fields += files.metadata_fields(found.metadata)
        native.parts = [*found.parts("model"), Part("topology", "absent", "the file holds tensors only")]
        native.weights_metadata = {"format": found.metadata.get("format", "pt")}
        return native

    def rebuild(
        self,
        *,
        manifest: Mapping[str, Any],
        state: Any,
        read_file: Callable[[str], bytes],
        tensor: Callable[..., Any],
        target: Path,
    ) -> None:
        """Write a fresh file from weights and state tree alone."""
        files.rebuild(manifest, state, tensor, target)

    def rebuilt_name(self, manifest: Mapping[str, Any]) -> str:
        """Return the name of the file that :meth:`rebuild` makes: shards become one."""
        names = [file["path"] for file in manifest["conversion"]["native"]["files"]]
        return str(names[0]) if len(names) == 1 else "model.safetensors"


def _lone_index(source: Source) -> NativeFile | None:
    """Return the index of shards where the source is nothing but an index and its shards."""
    found = [file for file in source.files if file.name.endswith(files.INDEX)]
    others = [file for file in source.files if file not in found and not file.name.endswith(".safetensors")]
    return found[0] if len(found) == 1 and not others and len(source.files) > 1 else None


def _format(found: files.Tensors, *, sharded: bool) -> NativeFormat:
    stated = found.metadata.get("format", "")
    evidence = [f"{len(found.headers)} safetensors header{'s' if len(found.headers) > 1 else ''}"]
    if stated:
        evidence.append(f"the header's metadata states the format {stated[:100]!r}")
    title = "safetensors in shards" if sharded else "safetensors file"
    framework = _FRAMEWORKS.get(stated, "unknown")
    return NativeFormat("safetensors", "sharded" if sharded else "file", title, framework, evidence=tuple(evidence))


CONVERTER = Safetensors()
