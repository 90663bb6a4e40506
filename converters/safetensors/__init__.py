"""Safetensors: one file, or shards with their index, as they are.

Layout: https://github.com/huggingface/safetensors#format; index: ``model.safetensors.index.json`` with ``weight_map``.
Every tensor is kept verbatim under its name; names that ``save_model`` left out because they share memory, and noted in
the file's metadata, come back as aliases; the metadata is in the state tree. Nothing is left in the native bytes but
headers. Refused: dtypes of less than a byte (F4, F6), which the format of checkpoints stores in another way.

A folder that says more about its model (``config.json``, a model card) is read by ``huggingface``.
"""

from __future__ import annotations

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

CONVERTER = FormatPackage(
    __name__,
    name="safetensors",
    title="safetensors (one file, or shards with an index)",
    suffixes=(".safetensors",),
    card=Card(
        family="Hugging Face",
        kept="all tensors under their names, names that share memory, metadata",
        not_kept="nothing. Refused: dtypes of less than a byte (F4, F6)",
        restore="byte for byte; also rebuilt as one file",
    ),
)
