"""Hugging Face: a model's folder with its configuration, card, tokenizer and weights, as the Hub holds it.

Layouts of transformers, diffusers, sentence-transformers and peft, and checkpoints of their Trainer. Of a model that is
there in several formats, safetensors are converted, else those of PyTorch, Flax, TensorFlow; tensors that another file
holds bit for bit the same are stored once, everything else of it comes back with the native bytes. Optimizer,
scheduler, scaler and random states become groups. Configuration, tokenizer, licenses, card and source code are kept as
they are; the code is never run.

Not in the manifest: what has no place there, such as the settings of a widget; it is in the files, which are kept.
Refused: folders of several models, which have to be named one by one.
"""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Card
from candle_spec.conversion.format_package import FormatPackage

DESCRIBES: Final = frozenset({"config.json", "adapter_config.json", "model_index.json", "modules.json"})
"""Names of files of which one describes the model."""

CONVERTER = FormatPackage(
    __name__,
    name="huggingface",
    title="Hugging Face model folders (transformers, diffusers, sentence-transformers, peft, Trainer)",
    suffixes=(),
    card=Card(
        family="Hugging Face",
        kept="weights, optimizer and random states, configuration, tokenizer, card, license, labels, source code",
        not_kept="a second format of the same model, unless its tensors are the same bit for bit",
        restore="byte for byte, the whole folder",
    ),
)
