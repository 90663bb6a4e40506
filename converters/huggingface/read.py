"""A folder of Hugging Face as one checkpoint: its weights, the states of its training, and what describes it.

safetensors are read here, all other weights and states by the converters of their own content.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from candle_spec.conversion.contract import Group, Native, NativeFile, NativeFormat, Part, Source
from candle_spec.conversion.meaning import infer_name, slug
from candle_spec.converters._shared.documents import mapping, read_json
from candle_spec.converters._shared.folders.inner import override_fields, the_inner
from candle_spec.converters._shared.folders.kept_files import keep_file, keep_rest, note_left, read_optional
from candle_spec.converters._shared.safetensors.files import read_files, read_shards
from candle_spec.converters._shared.source_files import file_named, source_of
from candle_spec.converters.huggingface import DESCRIBES, card, config, weights
from candle_spec.converters.huggingface.joined_checkpoints import Joined, with_twins
from candle_spec.errors import CandleSpecError, MissingPartError, UnsafeContentError
from candle_spec.weights.sources import TensorSource, total_size

_TRAINING: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"optimizer\.(pt|bin)"), "optimizer"),
    (re.compile(r"scheduler\.(pt|bin)"), "scheduler"),
    (re.compile(r"scaler\.(pt|bin)"), "scaler"),
    (re.compile(r"rng_state(_[0-9]+)?\.pth"), "rng"),
    (re.compile(r"training_args\.bin"), "training arguments"),
)
"""Files of the Trainer: https://github.com/huggingface/transformers/blob/main/src/transformers/trainer.py."""


_FRAMEWORKS: Final = {"safetensors": "", "pytorch": "pytorch", "flax": "jax", "tensorflow": "tensorflow"}


def read(source: Source) -> Native:
    """Read descriptions and the structure of the weights.

    Raises:
        InvalidInputError: The folder holds several models.
        MissingPartError: It holds none, or a shard is not there.
    """
    found = weights.components(source, weights.named_folders(source))
    if not found:
        raise MissingPartError("the folder describes a model but holds none", location=str(source.path))
    return _Reading(source, found).native()


class _Reading:
    """One folder while it is being read."""

    def __init__(self, source: Source, found: list[weights.Component]) -> None:
        self._source = source
        self._components = found
        self._used: set[str] = set()
        kind = found[0].taken.kind
        about = NativeFormat("huggingface", kind, "Hugging Face model folder", _FRAMEWORKS.get(kind, ""))
        self._native = Native(about, source, weights_metadata={"format": "pt"})
        self._joined = Joined(self._native)
        self._inner: list[str] = []

    def native(self) -> Native:
        """Return everything that was found."""
        native = self._native
        for component in self._components:
            group = "model" if not component.folder or len(self._components) == 1 else f"model.{slug(component.folder)}"
            self._take(component, group)
            self._others(component)
        self._training()
        self._joined.finish()
        self._describe()
        self._finish_format()
        left = [file for file in self._source.files if file.name not in self._used]
        again = [file for file in left if weights.kind_of(file)]
        note_left(native, "weights in other formats", again, "the same model again; only in the native bytes")
        if all(part.what.partition(".")[0] != "optimizer" for part in native.parts):
            native.parts.append(Part("optimizer", "absent", "the folder holds no optimizer state"))
        native.parts.append(
            Part("topology", "absent", "the network's code is that of the library that config.json names")
        )
        return native

    def _take(self, component: weights.Component, group: str) -> None:
        taken = component.taken
        self._used |= {file.name for file in taken.all_files}
        if taken.kind == "safetensors":
            found = read_shards(taken.index, taken.files) if taken.index else read_files(taken.files)
            self._native.groups.append(Group(group, "model"))
            self._native.tensors += found.tensors(group)
            self._native.parts += found.parts(group)
            if found.metadata:
                self._joined.add_state(group, found.metadata_tree())
            self._native.weights_metadata = {"format": found.metadata.get("format", "pt")}
            self._inner.append(
                f"{len(found.headers)} safetensors files, format {found.metadata.get('format', 'unknown')}"
            )
            return
        for file in taken.files:
            inner = the_inner(source_of(file), self._source, file.name).read(self._source)
            self._inner.append(f"{file.name}: {inner.format.title}")
            self._native.weights_metadata = inner.weights_metadata
            self._native.fields += [each for each in inner.fields if each.pointer != "/name"]
            rest = [each for each in inner.parts if each.what not in ("topology", "optimizer")]
            self._native.parts += rest if len(taken.files) == 1 else []
            self._joined.add(inner, file.name, lambda each: _under(group, each))
        if taken.index:
            keep_file(self._native, taken.index, "index")
            self._native.parts.append(Part(group, "kept", f"in {len(taken.files)} shards"))

    def _others(self, component: weights.Component) -> None:
        """Let the same tensors in files of PyTorch stand for those that are stored."""
        for other in component.others:
            self._used |= {file.name for file in other.all_files}
            names = ", ".join(file.name for file in other.all_files)
            size = sum(file.size for file in other.all_files)
            same = self._twins(other) if other.kind in ("pytorch", "safetensors") else 0
            reason = (
                f"another format or precision of the model; {same} tensors that may be the same are stored once"
                if same
                else ""
            )
            reason = reason or "another format or precision of the model, only in the native bytes"
            part = Part("other weights", "residue", f"{reason}: {names}"[:1990], count=same or None, size=size)
            self._native.parts.append(part)

    def _twins(self, other: weights.Weights) -> int:
        tensors: list[TensorSource] = []
        try:
            for file in other.files:
                inner = the_inner(source_of(file), self._source, file.name).read(self._source)
                self._native.pickles += inner.pickles
                tensors += inner.tensors
        except CandleSpecError as error:
            if isinstance(error, UnsafeContentError):
                raise
            self._native.parts.append(Part("other weights", "residue", f"not read: {error.message}"[:1990]))
            return 0
        self._native.tensors, count = with_twins(self._native.tensors, tensors)
        return count

    def _training(self) -> None:
        """Add the states of a training that is to go on."""
        for pattern, kind in _TRAINING:
            files = [file for file in self._source.files if pattern.fullmatch(file.name)]
            for number, file in enumerate(files):
                self._used.add(file.name)
                self._state(file, kind if len(files) == 1 else f"{kind}.{number}")

    def _state(self, file: NativeFile, group: str) -> None:
        inner = read_optional(
            self._native,
            file,
            lambda each: the_inner(source_of(each), self._source, each.name).read(self._source),
        )
        if inner is None:
            return
        added = self._joined.add(inner, file.name, lambda _: group.replace(" ", "-"))
        size = total_size(added)
        kept = "in the state tree" if not added else ""
        self._native.parts.append(Part(group.partition(".")[0], "kept", kept, len(added), size))

    def _describe(self) -> None:
        """Keep what describes the model, and fill the manifest from it."""
        native, source = self._native, self._source
        rest = [f for f in source.files if f.name not in self._used and not weights.kind_of(f)]
        before = len(native.side_files)
        keep_rest(native, rest)
        kept = [file for file in rest if file.size]
        paths = {file.name: side.path for file, side in zip(kept, native.side_files[before:], strict=True)}
        self._used |= {file.name for file in rest}
        described = {file.name: self._document(file) for file in rest if _is_description(file)}
        settings = described.get("config.json") or described.get("model_index.json") or {}
        fields = config.trainer_fields(described.get("trainer_state.json", {}), "trainer_state.json")
        fields += config.input_fields(settings, described, paths)
        fields += config.adapter_fields(described.get("adapter_config.json", {}), "adapter_config.json")
        fields += config.config_fields(
            described.get("config_sentence_transformers.json", {}), "config_sentence_transformers.json"
        )
        fields += config.config_fields(settings, "config.json")
        names = [(settings.get("_name_or_path"), "config.json: _name_or_path")]
        readme = read_optional(native, file_named(source, "README.md"), card.front_matter)
        if readme is not None:
            about, text = readme
            names = [*card.names(about, text, "README.md"), *names]
            fields += card.card_fields(about, text, "README.md")
        override_fields(native, [infer_name(source, names), *fields])
        if config.tied(settings, {tensor.name for tensor in native.tensors}):
            native.parts.append(Part("tied embeddings", "absent", "config.json ties the output to the embeddings"))

    def _document(self, file: NativeFile) -> dict[str, Any]:
        return mapping(read_optional(self._native, file, read_json))

    def _finish_format(self) -> None:
        native = self._native
        stated = {"pt": "pytorch", "tf": "tensorflow", "flax": "jax", "mlx": "mlx"}
        framework = native.format.framework or stated.get(native.weights_metadata.get("format", ""), "unknown")
        native.format = replace(native.format, framework=framework, evidence=tuple(self._inner[:100]))


def _is_description(file: NativeFile) -> bool:
    return file.name in DESCRIBES or file.name in (
        "config_sentence_transformers.json",
        "tokenizer_config.json",
        "preprocessor_config.json",
        "trainer_state.json",
    )


def _under(group: str, inner: Group) -> str:
    """The id of a group of the weights file: the model of the component, or what else the file holds."""
    if inner.kind == "model":
        _, _, key = inner.id.partition(".")
        return f"{group}{'-' if '.' in group else '.'}{key}" if key else group
    return inner.id
