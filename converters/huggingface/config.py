"""What the configuration files of a Hugging Face folder say: architecture, labels, versions, inputs, trainer state.

Files: ``config.json`` (transformers), ``adapter_config.json`` (peft), ``model_index.json`` (diffusers),
``config_sentence_transformers.json``, ``tokenizer_config.json``, ``preprocessor_config.json``, ``trainer_state.json``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from candle_spec.conversion.contract import Field
from candle_spec.converters._shared import values
from candle_spec.converters._shared.documents import mapping, sequence

_LENGTHS: Final = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx")
_ADAPTER: Final = ("r", "lora_alpha", "lora_dropout", "target_modules", "bias", "use_rslora", "use_dora", "task_type")
_EMBEDDED: Final = re.compile(r"LABEL_\d+")


def config_fields(about: Mapping[str, Any], origin: str) -> list[Field]:
    """Return what ``config.json`` says."""
    found = values.Fields(origin, "config")
    classes = [item for item in sequence(about.get("architectures")) if isinstance(item, str)]
    found.add("/model/architecture", values.line(classes[0]) if classes else None, "architectures")
    found.add("/model/architecture", values.line(about.get("_class_name")), "_class_name")
    found.add("/model/architecture_family", values.line(about.get("model_type")), "model_type")
    found.add("/environment/packages", package_versions(about), "versions")
    labels = _labels(about)
    found.add("/outputs", [{"id": "logits", "kind": "tensor", "labels": labels}] if labels else None, "id2label")
    return found.fields


def package_versions(about: Mapping[str, Any]) -> dict[str, str]:
    """Return the versions of packages that a configuration names."""
    stated = {"transformers": about.get("transformers_version"), "diffusers": about.get("_diffusers_version")}
    rows = mapping(about.get("__version__"))
    stated |= {"sentence-transformers": rows.get("sentence_transformers"), "torch": rows.get("pytorch")}
    stated["transformers"] = stated["transformers"] or rows.get("transformers")
    return values.versions({key: value for key, value in stated.items() if isinstance(value, str)})


def _labels(about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the classes' names, where somebody named them."""
    rows = mapping(about.get("id2label"))
    named = {key: values.line(name) for key, name in rows.items() if re.fullmatch(r"[0-9]{1,9}", key)}
    if not named or any(name is None or _EMBEDDED.fullmatch(name) for name in named.values()):
        return []
    return [{"value": int(key), "name": name} for key, name in sorted(named.items(), key=lambda row: int(row[0]))][
        :10_000
    ]


def tied(about: Mapping[str, Any], names: set[str]) -> bool:
    """Whether the configuration ties the output to the embeddings, and the file holds only these."""
    return about.get("tie_word_embeddings") is True and not any("lm_head" in name for name in names)


def adapter_fields(about: Mapping[str, Any], origin: str) -> list[Field]:
    """Return what ``adapter_config.json`` of peft says."""
    found = values.Fields(origin, "config")
    base = values.identifier("hf", about.get("base_model_name_or_path"))
    found.add(
        "/base_models", [{"identifier": base, "relation": "adapter"}] if base else None, "base_model_name_or_path"
    )
    found.add("/model/architecture_family", values.line(about.get("peft_type")), "peft_type")
    kept = {key: values.json_value(about[key]) for key in _ADAPTER if about.get(key) is not None}
    found.add("/training/hyperparameters", kept, "adapter")
    return found.fields


def input_fields(
    config: Mapping[str, Any], described: Mapping[str, Mapping[str, Any]], paths: Mapping[str, str]
) -> list[Field]:
    """Return the inputs that a tokenizer or an image processor beside the model makes.

    Args:
        config: ``config.json``.
        described: The configurations by their file names.
        paths: Where files are kept in the checkpoint, by their names.
    """
    found = values.Fields("tokenizer and processor files", "config")
    inputs: list[dict[str, Any]] = []
    if "tokenizer_config.json" in described or "tokenizer.json" in paths:
        inputs.append(_tokens(config, described.get("tokenizer_config.json", {}), paths))
    processor = described.get("preprocessor_config.json")
    if processor is not None:
        inputs.append(_image(processor, paths))
    found.add("/inputs", inputs)
    return found.fields


def _tokens(config: Mapping[str, Any], tokenizer: Mapping[str, Any], paths: Mapping[str, str]) -> dict[str, Any]:
    longest = next((length for key in _LENGTHS if (length := values.count(config.get(key))) is not None), None)
    sequence: dict[str, Any] = {"name": "sequence", "size": None}
    if longest is not None:
        sequence["max"] = longest
    step: dict[str, Any] = {"name": values.name(tokenizer.get("tokenizer_class")) or "tokenizer"}
    file = next((paths[name] for name in ("tokenizer.json", "vocab.txt", "vocab.json") if name in paths), None)
    if file is not None:
        step["artifact"] = file
    axes = [{"name": "batch", "size": None}, sequence]
    return {"id": "input_ids", "kind": "text", "dtype": "I64", "axes": axes, "preprocessing": [step]}


def _image(processor: Mapping[str, Any], paths: Mapping[str, str]) -> dict[str, Any]:
    kind = processor.get("image_processor_type") or processor.get("feature_extractor_type")
    step: dict[str, Any] = {"name": values.name(kind) or "preprocessor"}
    shown = {key: values.json_value(value) for key, value in processor.items() if not key.endswith("_type") and key}
    if shown:
        step["params"] = shown
    if "preprocessor_config.json" in paths:
        step["artifact"] = paths["preprocessor_config.json"]
    sound = "sampling_rate" in processor
    return {"id": "input_values" if sound else "pixel_values", "kind": "sequence" if sound else "image"} | {
        "preprocessing": [step]
    }


def trainer_fields(about: Mapping[str, Any], origin: str) -> list[Field]:
    """Return what ``trainer_state.json`` says of the training so far."""
    found = values.Fields(origin)
    found.add("/training_state/step", values.count(about.get("global_step")), "global_step")
    epoch = values.number(about.get("epoch"))
    whole = int(epoch) if epoch is not None and epoch >= 0 and float(epoch).is_integer() else None
    found.add("/training_state/epoch", values.count(whole), "epoch")
    found.add("/training/epochs", values.count(about.get("num_train_epochs")), "num_train_epochs")
    return found.fields
