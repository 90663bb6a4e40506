"""What Keras writes about a model and its training, as values for the manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from candle_spec.canonical import tag_number
from candle_spec.conversion.contract import Field
from candle_spec.converters._shared.documents import mapping
from candle_spec.converters._shared.keras.architecture import layers_of
from candle_spec.converters._shared.keras.inputs_outputs import inputs_of, outputs_of
from candle_spec.converters._shared.keras.layers import MODELS

_NOT_HYPER: Final = frozenset({"optimizer", "optimizer_config", "loss", "loss_weights", "loss_config"})


def architecture_fields(document: Any, topology: str, origin: str) -> Iterator[Field]:
    """Yield what an architecture says of the model.

    Args:
        document: The architecture.
        topology: Its path in the checkpoint.
        origin: Where it stands in the native checkpoint.
    """
    root = mapping(document)
    kind, config = str(root.get("class_name", "")), root.get("config")
    name = mapping(config).get("name")
    yield Field("/model/topology", [{"kind": "keras-config", "path": topology}], "file", origin)
    yield Field("/model/architecture", name if isinstance(name, str) and name else kind, "file", origin)
    family = kind.lower() if kind in MODELS - {"Model"} else ("functional" if layers_of(document) else "subclassed")
    yield Field("/model/architecture_family", family, "file", origin)
    inputs, outputs = inputs_of(document), outputs_of(document)
    if inputs:
        yield Field("/inputs", inputs, "file", origin)
    if outputs:
        yield Field("/outputs", outputs, "file", origin)


def training_fields(compiled: Mapping[str, Any], origin: str) -> Iterator[Field]:
    """Yield what ``training_config`` or ``compile_config`` says of the training."""
    optimizer = compiled.get("optimizer_config", compiled.get("optimizer"))
    if optimizer:
        yield Field("/training/optimizer", _optimizer(optimizer), "file", origin)
    if compiled.get("loss"):
        yield Field("/training/loss", _loss(compiled["loss"]), "file", origin)
    rest = {key: plain(value) for key, value in compiled.items() if key not in _NOT_HYPER and value is not None}
    if compiled.get("loss_weights") is not None:
        rest["loss_weights"] = plain(compiled["loss_weights"])
    if rest:
        yield Field("/training/hyperparameters", rest, "file", origin)


def _optimizer(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {"name": str(value)}
    about: dict[str, Any] = {"name": str(value.get("class_name", "unknown")).rpartition(">")[2]}
    config = {key: plain(item) for key, item in mapping(value.get("config")).items() if item is not None}
    return {**about, "config": config} if config else about


def _loss(value: Any) -> Any:
    """One name where there is one loss, else the names output by output."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and "class_name" in value:
        return _loss_name(value)
    if isinstance(value, dict):
        return {"outputs": {str(key): _loss_name(item) for key, item in value.items()}}
    if isinstance(value, list):
        names = [_loss_name(item) for item in value]
        return names[0] if len(set(names)) == 1 else {"outputs": names}
    return str(value)


def _loss_name(value: Any) -> str:
    if isinstance(value, dict):
        name = mapping(value.get("config")).get("name") or value.get("registered_name") or value.get("class_name")
        return str(name or "unknown")
    return str(value)


def plain(value: Any) -> Any:
    """Return JSON values whose numbers are tagged where JSON does not keep them."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return tag_number(value) if isinstance(value, (int, float)) else value
