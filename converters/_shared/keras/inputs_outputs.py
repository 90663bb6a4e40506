"""Inputs and outputs of a Keras architecture: names, dtypes and axes, as far as the configuration says them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from candle_spec.converters._shared.documents import mapping, sequence
from candle_spec.converters._shared.keras.architecture import layers_of
from candle_spec.converters._shared.keras.layers import MODELS
from candle_spec.errors import UnsupportedFormatError
from candle_spec.weights.dtypes import from_numpy_name

Shape = tuple[int | None, ...]

_SAME: Final = frozenset(
    """Activation ActivityRegularization AlphaDropout BatchNormalization Dropout ELU GaussianDropout GaussianNoise
    GroupNormalization Identity LayerNormalization LeakyReLU Masking Normalization PReLU RMSNormalization ReLU
    Softmax SpatialDropout1D SpatialDropout2D SpatialDropout3D ThresholdedReLU UnitNormalization Add Average Maximum
    Minimum Multiply Subtract""".split()
)
_RANK: Final = {"1D": 3, "2D": 4, "3D": 5}


def inputs_of(document: Any) -> list[dict[str, Any]]:
    """Return the inputs, in the model's order, as the manifest describes them."""
    entries = {_name(entry): entry for entry in layers_of(document)}
    names = list(_references(mapping(mapping(document).get("config")).get("input_layers")))
    if not names:
        names = list(entries)[:1]
    found: list[dict[str, Any]] = []
    for name in names:
        entry = entries.get(name)
        if entry is None:
            continue
        config = mapping(entry.get("config"))
        shape = _input_shape(config) or _shape(mapping(mapping(document).get("config")).get("build_input_shape"))
        about: dict[str, Any] = {"id": name, "kind": "tensor"}
        dtype = _dtype(config.get("dtype") if entry.get("class_name") == "InputLayer" else "")
        if entry.get("class_name") != "InputLayer" and shape is None:
            continue
        found.append(_described(about, dtype, shape))
    return found


def outputs_of(document: Any) -> list[dict[str, Any]]:
    """Return the outputs, in the model's order; axes only where the configuration settles them."""
    entries = layers_of(document)
    names = list(_references(mapping(mapping(document).get("config")).get("output_layers")))
    if not names and mapping(document).get("class_name") == "Sequential":
        names = [_name(entry) for entry in entries[-1:]]
    shapes = _Shapes(document)
    return [_described({"id": name, "kind": "tensor"}, "", shapes.of(name)) for name in names]


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry.get("name") or mapping(entry.get("config")).get("name") or "")


def _references(value: Any) -> Iterator[str]:
    """Yield layer names of ``["a", 0, 0]``, of lists and of objects of such."""
    if isinstance(value, list) and len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int):
        yield value[0]
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _references(item)


def _described(about: dict[str, Any], dtype: str, shape: Shape | None) -> dict[str, Any]:
    if dtype:
        about["dtype"] = dtype
    if shape:
        names = ["batch", *(f"axis_{number}" for number in range(1, len(shape) - 1)), "feature"][: len(shape)]
        about["axes"] = [{"name": name, "size": size} for name, size in zip(names, shape, strict=True)]
    return about


def _dtype(value: Any) -> str:
    if value == "string":
        return "STR"
    try:
        return from_numpy_name(value).name if isinstance(value, str) and value else ""
    except UnsupportedFormatError:
        return ""


def _shape(value: Any) -> Shape | None:
    if not isinstance(value, list) or not value:
        return None
    whole = all(item is None or (isinstance(item, int) and not isinstance(item, bool) and item >= 0) for item in value)
    return tuple(value) if whole else None


def _input_shape(config: Mapping[str, Any]) -> Shape | None:
    """The shape of an input, in the three ways in which Keras has written it."""
    for key in ("batch_shape", "batch_input_shape"):
        shape = _shape(config.get(key))
        if shape is not None:
            return shape
    if isinstance(config.get("input_dim"), int) and not isinstance(config.get("input_length"), int):
        return (None, config["input_dim"]) if config.get("output_dim") is None else None
    return None


class _Shapes:
    """Shapes of a model's layers, followed from the inputs through layers whose rule is known."""

    def __init__(self, document: Any) -> None:
        self._entries = {_name(entry): entry for entry in layers_of(document)}
        self._before: dict[str, str] = {}
        if mapping(document).get("class_name") == "Sequential":
            order = list(self._entries)
            self._before = dict(zip(order[1:], order, strict=False))
        # Only a Sequential says this: the shape that its first layer is fed.
        self._first = _shape(mapping(mapping(document).get("config")).get("build_input_shape"))
        self._known: dict[str, Shape | None] = {}

    def of(self, name: str) -> Shape | None:
        """Return the shape of a layer's output, or ``None`` where it is not settled."""
        chain: list[str] = []
        while name in self._entries and name not in self._known and name not in chain:
            chain.append(name)
            name = self._source(name)
        shape = self._known.get(name)
        for layer in reversed(chain):
            shape = self._known[layer] = self._after(layer, shape)
        return shape

    def _source(self, name: str) -> str:
        """The layer from which the first input of a layer comes."""
        if name in self._before:
            return self._before[name]
        nodes = sequence(self._entries[name].get("inbound_nodes"))
        return next(_histories(nodes), "")

    def _after(self, name: str, before: Shape | None) -> Shape | None:
        entry = self._entries[name]
        kind, config = str(entry.get("class_name", "")), mapping(entry.get("config"))
        own = _input_shape(config)
        if kind == "InputLayer":
            return own
        built = _shape(mapping(entry.get("build_config")).get("input_shape"))
        fed = next(_tensor_shapes(entry.get("inbound_nodes")), None)
        before = own or built or fed or before or (None if self._source(name) else self._first)
        if kind in MODELS:
            inner = outputs_of(entry)
            axes = inner[0].get("axes", []) if len(inner) == 1 else []
            return tuple(axis["size"] for axis in axes) or None
        return _rule(kind, config, before)


def _rule(kind: str, config: Mapping[str, Any], before: Shape | None) -> Shape | None:
    """The rules of the layers that models end with; ``None`` for all others."""
    units = config.get("units") if isinstance(config.get("units"), int) else None
    rank = _RANK.get(kind.removesuffix("Transpose")[-2:], 0)
    if kind in _SAME:
        return before
    if kind == "Dense" and units and before:
        return (*before[:-1], units)
    if kind in ("LSTM", "GRU", "SimpleRNN") and units and before:
        return (*before[:-1], units) if config.get("return_sequences") else (before[0], units)
    if kind == "Flatten" and before:
        known = [size for size in before[1:] if size is not None]
        product = 1
        for size in known:
            product *= size
        return (before[0], product if len(known) == len(before) - 1 else None)
    first = config.get("data_format") == "channels_first"
    if rank and "Conv" in kind and isinstance(config.get("filters"), int) and not first:
        return (None, *([None] * (rank - 2)), config["filters"])
    if rank and kind.startswith("Global") and before and not config.get("keepdims"):
        return (before[0], before[1 if first else -1])
    if kind == "Embedding" and isinstance(config.get("output_dim"), int) and before:
        return (*before, config["output_dim"])
    return None


def _tensor_shapes(value: Any) -> Iterator[Shape]:
    """Yield the shapes that Keras 3 writes beside the names of the layers that feed a layer."""
    if isinstance(value, dict):
        config = mapping(value.get("config"))
        shape = _shape(config.get("shape")) if "keras_history" in config else None
        if shape:
            yield shape
            return
    for item in value.values() if isinstance(value, dict) else sequence(value):
        if isinstance(item, (dict, list)):
            yield from _tensor_shapes(item)


def _histories(value: Any) -> Iterator[str]:
    """Yield the names of the layers that feed a layer, in both ways in which Keras writes them."""
    if isinstance(value, dict):
        history = mapping(value.get("config")).get("keras_history")
        if isinstance(history, list) and history and isinstance(history[0], str):
            yield history[0]
        else:
            for item in value.values():
                yield from _histories(item)
    elif isinstance(value, list):
        if len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int):
            yield value[0]
        else:
            for item in value:
                yield from _histories(item)
