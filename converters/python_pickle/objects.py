"""What the objects of a pickle are: class and attributes, numbers and texts, an estimator's parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from candle_spec.canonical import tag_number
from candle_spec.converters._shared.pickle.arrays import ArrayNode, dtype_of
from candle_spec.converters._shared.pickle.objects import as_pairs
from candle_spec.readers import numpy_objects
from candle_spec.readers.inert_pickle import Call, Global, Mapping, SetNode, Span

_MAKERS: Final = frozenset(
    """copyreg._reconstructor copy_reg._reconstructor copyreg.__newobj__ copy_reg.__newobj__ copyreg.__newobj_ex__
    copy_reg.__newobj_ex__""".split()
)
_DEPTH: Final = 12
_LISTED: Final = 1_000
_TEXT: Final = 2_000


def class_of(node: Any) -> str:
    """Return the dotted name of an object's class (or of the function that would have made it), or ``""``."""
    if not isinstance(node, Call):
        return ""
    if node.path in _MAKERS and isinstance(node.args, tuple) and node.args and isinstance(node.args[0], Global):
        return node.args[0].path
    return node.path


def state_of(node: Any) -> Mapping | None:
    """Return an object's attributes, or ``None``; attributes in slots join those of the dictionary."""
    state = node.state if isinstance(node, Call) else None
    if isinstance(state, Mapping):
        return state
    if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], Mapping):
        first = state[0].pairs if isinstance(state[0], Mapping) else []
        return Mapping([*first, *state[1].pairs])
    return None


def attribute(node: Any, *names: str) -> Any:
    """Return the first attribute of an object that is there and not ``None``."""
    state = state_of(node)
    found: Iterator[Any] = (state.get(name) for name in names) if state is not None else iter(())
    return next((value for value in found if value is not None), None)


def text_of(node: Any) -> str:
    """Return a text, ``""`` for what is none."""
    value = node.value() if isinstance(node, Span) and node.encoding else node
    if isinstance(value, str):
        return value
    scalar = _numpy_text(node)
    return scalar if scalar is not None else ""


def _numpy_text(node: Any) -> str | None:
    """Return the text of a NumPy scalar of text, or ``None``."""
    if not isinstance(node, Call) or not node.path.endswith("multiarray.scalar") or not isinstance(node.args, tuple):
        return None
    dtype = dtype_of(node.args[0]) if len(node.args) == 2 else None
    data = numpy_objects.bytes_of(node.args[1]) if dtype is not None else None
    if dtype is None or data is None or dtype.kind != "U" or len(data) != dtype.itemsize:
        return None
    import numpy as np

    try:
        return str(np.frombuffer(data, dtype)[0]) if data else ""
    except ValueError:
        return None


def _number_of(node: Any) -> int | float | bool | None:
    """Return a number of Python or a scalar of NumPy as a number of Python, ``None`` for what is none."""
    if isinstance(node, (bool, int, float)):
        return node
    scalar = numpy_objects.scalar_of(node)
    if scalar is None:
        return None
    import numpy as np

    value = np.frombuffer(scalar[1], scalar[0])[0].item()
    return value if isinstance(value, (bool, int, float)) else None


def whole_of(node: Any) -> int | None:
    """Return a whole number that a manifest takes, or ``None``."""
    value = _number_of(node)
    return value if type(value) is int and 0 <= value < 2**53 else None


def plain(node: Any, depth: int = 0) -> Any:
    """Return settings as the JSON that a person would write: objects by class and parameters, arrays by their shape."""
    if node is None or isinstance(node, bool):
        return node
    number = _number_of(node)
    if number is not None:
        return tag_number(number)
    text = text_of(node)
    if text or node == "":
        return text.encode("utf-8", "backslashreplace").decode("utf-8")[:_TEXT]
    if depth > _DEPTH:
        return "…"
    if isinstance(node, Global):
        return node.path
    items = node.items if isinstance(node, SetNode) else node
    if isinstance(items, (list, tuple)):
        return [plain(item, depth + 1) for item in items[:_LISTED]]
    pairs = as_pairs(node)
    if pairs is not None:
        return {str(key)[:500]: plain(value, depth + 1) for key, value in pairs[:_LISTED] if _is_key(key)}
    if isinstance(node, Call):
        return _object(node, depth)
    return "<array>" if isinstance(node, ArrayNode) else f"<{type(node).__name__}>"


def _is_key(key: Any) -> bool:
    return isinstance(key, (int, float, bool)) or (isinstance(key, str) and bool(key) and key.isprintable())


def _object(node: Call, depth: int) -> Any:
    name = class_of(node)
    if not name or name.startswith("numpy."):
        return "<array>" if "reconstruct" in name or "_frombuffer" in name else f"<{name or 'object'}>"
    parameters = parameters_of(node, depth + 1)
    return {"class": name} | ({"parameters": parameters} if parameters else {})


def parameters_of(node: Any, depth: int = 0) -> dict[str, Any]:
    """Return an estimator's parameters: its public attributes that fitting did not make."""
    state = state_of(node)
    if state is None or depth > _DEPTH:
        return {}
    own = [(key, value) for key, value in state.unique() if isinstance(key, str) and _is_parameter(key)]
    return {key: plain(value, depth + 1) for key, value in own}


def _is_parameter(name: str) -> bool:
    """Whether an attribute is a parameter: scikit-learn's fitted attributes end with an underscore."""
    return bool(name) and not name.startswith("_") and not name.endswith("_") and name.isprintable()
