"""The architecture that Keras writes as JSON or YAML: read safely, walked layer by layer, never deserialised."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from candle_spec.canonical import loads
from candle_spec.conversion.contract import EmbeddedCode
from candle_spec.converters._shared.documents import mapping, sequence
from candle_spec.converters._shared.keras.layers import BUILT_IN, MODELS, snake_case
from candle_spec.errors import CorruptFileError, LimitExceededError

_CELLS: Final = {"LSTM": "LSTMCell", "GRU": "GRUCell", "SimpleRNN": "SimpleRNNCell"}


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of an architecture.

    Attributes:
        path: Its path in a Keras 3 weights file, ``layers/functional/layers/dense_1``.
        kind: Class name.
        name: The name that the author or Keras gave.
        config: Its configuration.
        entry: The whole entry, with ``module`` and ``registered_name`` where written.
        depth: 0 for the model's own layers.
    """

    path: str
    kind: str
    name: str
    config: Mapping[str, Any]
    entry: Mapping[str, Any]
    depth: int

    @property
    def quantized(self) -> str:
        """The quantization of its weights, for example ``int8``, ``int4/128``, or nothing."""
        policy = mapping(self.config.get("dtype"))
        mode = mapping(policy.get("config")).get("mode")
        return mode if isinstance(mode, str) else ""

    @property
    def variable_dtype(self) -> str:
        """NumPy's (ml_dtypes') name of its variables' dtype, or nothing."""
        return variable_dtype(self.config.get("dtype"))


def parse_json(data: bytes, location: str) -> Any:
    """Parse the JSON that Keras writes: strict, but ``NaN`` and ``Infinity`` as Python writes them are known.

    Raises:
        CorruptFileError: It is not JSON, or a key stands twice.
        LimitExceededError: It is too large or nested too deeply.
    """
    try:
        return loads(data, location=location)
    except CorruptFileError as error:
        if error.code != "CKP0006":
            raise

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) != len(items):
            raise CorruptFileError("a key appears twice in one object", location=location, code="CKP0003")
        return result

    named = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}
    try:
        return json.loads(data, object_pairs_hook=pairs, parse_constant=lambda name: {"$float": named[name]})
    except RecursionError as error:
        raise LimitExceededError("nested too deeply", location=location, code="CKP0004") from error
    except json.JSONDecodeError as error:
        raise CorruptFileError(f"not JSON: {error.msg}", location=location, code="CKP0002") from error


def layers_of(document: Any) -> list[Mapping[str, Any]]:
    """Return the entries of a model's own layers; Keras until 2.2 wrote a Sequential's as a bare list."""
    config = mapping(document).get("config")
    entries = config if isinstance(config, list) else mapping(config).get("layers")
    return [entry for entry in sequence(entries) if isinstance(entry, dict)]


def walk(document: Any, path: str = "", depth: int = 0) -> Iterator[Layer]:
    """Yield all layers, nested ones after their container, in the architecture's order."""
    used: dict[str, int] = {}
    sequential = mapping(document).get("class_name") == "Sequential"
    for entry in layers_of(document):
        kind = str(entry.get("class_name", ""))
        config = mapping(entry.get("config"))
        name = str(config.get("name") or entry.get("name") or "")
        if sequential and kind == "InputLayer":
            yield Layer("", kind, name, config, entry, depth)
            continue
        inner = f"{path}layers/{_unique(snake_case(kind), used)}"
        yield Layer(inner, kind, name, config, entry, depth)
        yield from _below(entry, kind, config, inner, depth + 1)


def _unique(name: str, used: dict[str, int]) -> str:
    used[name] = used.get(name, -1) + 1
    return f"{name}_{used[name]}" if used[name] else name


def _below(entry: Mapping[str, Any], kind: str, config: Mapping[str, Any], path: str, depth: int) -> Iterator[Layer]:
    """Yield what a nested model, a wrapper or a recurrent layer holds."""
    if kind in MODELS or layers_of(entry):
        yield from walk(entry, f"{path}/", depth)
    if kind in _CELLS:
        yield Layer(f"{path}/cell", _CELLS[kind], "", config, entry, depth)
    inner = config.get("layer")
    if isinstance(inner, dict) and kind == "Bidirectional":
        backward = config.get("backward_layer")
        yield from _held(inner, f"{path}/forward_layer", depth)
        yield from _held(backward if isinstance(backward, dict) else inner, f"{path}/backward_layer", depth)
    elif isinstance(inner, dict):
        yield from _held(inner, f"{path}/layer", depth)
    cell = config.get("cell")
    if isinstance(cell, dict):
        yield from _held(cell, f"{path}/cell", depth)
        used: dict[str, int] = {}
        for inner_cell in sequence(mapping(cell.get("config")).get("cells")):
            name = _unique(snake_case(str(mapping(inner_cell).get("class_name", ""))), used)
            yield from _held(mapping(inner_cell), f"{path}/cell/cells/{name}", depth)


def _held(entry: Mapping[str, Any], path: str, depth: int) -> Iterator[Layer]:
    kind, config = str(entry.get("class_name", "")), mapping(entry.get("config"))
    yield Layer(path, kind, str(config.get("name") or ""), config, entry, depth)
    yield from _below(entry, kind, config, path, depth + 1)


def variable_dtype(policy: Any) -> str:
    """Return the dtype of variables under a dtype policy; a mixed policy keeps its variables in float32."""
    if isinstance(policy, str):
        return "float32" if policy.startswith("mixed_") else policy
    config = mapping(mapping(policy).get("config"))
    name = config.get("name") or config.get("source_name")
    return variable_dtype(name) if isinstance(name, str) else ""


def needed_code(document: Any, path: str) -> list[EmbeddedCode]:
    """Return the program code that an architecture holds or needs, in its order; ``path`` is where it is kept."""
    found: list[tuple[str, str]] = []
    for layer in walk(document):
        title = f"layer {layer.name!r}" if layer.name else f"layer {layer.path!r}"
        if layer.kind == "Lambda" and not isinstance(layer.config.get("function"), str):
            found.append(("lambda-layer", f"{title} (Lambda): Python bytecode; nothing here runs it"))
        elif layer.kind == "Lambda":
            named = layer.config["function"]
            found.append(("custom-function", f"{title} (Lambda): needs the function {named!r} of its authors"))
        elif layer.kind not in BUILT_IN and not _has_keras_module(layer.entry):
            said = f"{title}: the class {layer.kind!r} is not part of Keras, it needs code of its authors"
            found.append(("custom-class", said))
    root = mapping(document)
    if root and not layers_of(root) and not _has_keras_module(root) and root.get("class_name") not in MODELS:
        found.insert(0, ("custom-class", f"the model's class {root.get('class_name')!r} is code of its authors"))
    for name in sorted(_functions(document)):
        found.append(("custom-function", f"the function {name!r} is not part of Keras, it needs code of its authors"))
    return [EmbeddedCode(kind, said, path) for kind, said in dict.fromkeys(found)]


def _has_keras_module(entry: Mapping[str, Any]) -> bool:
    module = entry.get("module")
    return isinstance(module, str) and module.split(".")[0] in ("keras", "tf_keras", "tensorflow")


def _functions(value: Any) -> set[str]:
    """Return the names of registered functions of authors, anywhere in the document."""
    found: set[str] = set()
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if item.get("module") == "builtins" and item.get("class_name") == "function":
                registered = item.get("registered_name")
                found.add(str(item.get("config") if registered in (None, "function") else registered))
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return found
