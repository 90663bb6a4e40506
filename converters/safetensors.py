"""Safetensors: one file, or shards with their index, as they are.

Layout: https://github.com/huggingface/safetensors#format; index: ``model.safetensors.index.json`` with ``weight_map``.
Every tensor is kept verbatim under its name; names that ``save_model`` left out because they share memory, and noted in
the file's metadata, come back as aliases; the metadata is in the state tree. Nothing is left in the native bytes but
headers. Refused: dtypes of less than a byte (F4, F6), which the format of checkpoints stores in another way.

A folder that says more about its model (``config.json``, a model card) is read by ``huggingface``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from candle_spec import limits
from candle_spec.conversion.contract import Card, Detection, Native, NativeFile, Source
from candle_spec.converters import _look as look

_HEAD: Final = 4096


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
            return Detection(90, "safetensors file") if _begins_as_one(source.files[0].path) else None
        index = lone_index(source)
        return Detection(92, "safetensors in shards") if index else None

    def read(self, source: Source) -> Native:
        """Read headers and index; no tensor's bytes are touched.

        Raises:
            CorruptFileError: A header or the index breaks its rules.
            MissingPartError: A shard is not there.
            UnsupportedFormatError: A dtype is not known.
        """
        from candle_spec.converters._safetensors_reading import read

        return read(source)

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
        from candle_spec.converters import _safetensors_files as files

        files.rebuild(manifest, state, tensor, target)

    def rebuilt_name(self, manifest: Mapping[str, Any]) -> str:
        """Return the name of the file that :meth:`rebuild` makes: shards become one."""
        names = [file["path"] for file in manifest["conversion"]["native"]["files"]]
        return str(names[0]) if len(names) == 1 else "model.safetensors"


def lone_index(source: Source) -> NativeFile | None:
    """Return the index of shards where the source is nothing but an index and its shards."""
    found = [file for file in source.files if file.name.endswith(look.SAFETENSORS_INDEX)]
    others = [file for file in source.files if file not in found and not file.name.endswith(".safetensors")]
    return found[0] if len(found) == 1 and not others and len(source.files) > 1 else None


def _begins_as_one(path: Path) -> bool:
    """Whether a file begins as a safetensors file, from its first bytes."""
    head = look.head(path, _HEAD)
    if len(head) < 10 or head[8:9] != b"{":
        return False
    length = struct.unpack("<Q", head[:8])[0]
    if length > limits.SAFETENSORS_HEADER:
        return False
    text = head[8 : 8 + length]
    return b'"dtype"' in text or b'"data_offsets"' in text or b'"__metadata__"' in text or text.strip() == b"{}"


CONVERTER = Safetensors()
