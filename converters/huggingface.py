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

from collections.abc import Sequence
from typing import Final

from candle_spec.conversion.contract import Card, Detection, Native, Source
from candle_spec.converters import _look as look

DESCRIBES: Final = frozenset({"config.json", "adapter_config.json", "model_index.json", "modules.json"})


class HuggingFace:
    """The converter of Hugging Face folders."""

    name = "huggingface"
    title = "Hugging Face model folders (transformers, diffusers, sentence-transformers, peft, Trainer)"
    suffixes: Sequence[str] = ()
    card = Card(
        family="Hugging Face",
        kept="weights, optimizer and random states, configuration, tokenizer, card, license, labels, source code",
        not_kept="a second format of the same model, unless its tensors are the same bit for bit",
        restore="byte for byte, the whole folder",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise the folder by a description beside weights; one of several models only to say so."""
        if not source.path.is_dir() or not _described(source):
            return None
        from candle_spec.converters import _huggingface_weights as weights

        kinds = {weights.kind_of(file) for file in source.files} - {"", "other", "onnx"}
        if not kinds:
            return None
        several = weights.is_several(source, weights.named_folders(source))
        return Detection(60 if several else 95, "Hugging Face model folder")

    def read(self, source: Source) -> Native:
        """Read descriptions and the structure of the weights.

        Raises:
            InvalidInputError: The folder holds several models.
            MissingPartError: It holds none, or a shard is not there.
        """
        from candle_spec.converters._huggingface_reading import read

        return read(source)


def _described(source: Source) -> bool:
    names = {file.name for file in source.files}
    if names & DESCRIBES:
        return True
    if any(name.endswith(look.SAFETENSORS_INDEX) for name in names):
        # A bare index with its shards is a checkpoint of safetensors, from which fresh files can be made.
        return not all(name.endswith((look.SAFETENSORS_INDEX, ".safetensors")) for name in names)
    readme = look.file_named(source, "README.md")
    return readme is not None and look.head(readme.path, 4) in (b"---\n", b"---\r")


CONVERTER = HuggingFace()
