"""The state tree: a native checkpoint's nested structure as typed JSON, each tensor a reference by name.

Native structures hold what JSON does not: integer keys, tuples, bytes, big integers, NaN, ``-0.0``, shared and
cyclic containers, objects of foreign classes. One rule keeps the encoding total and free of ambiguity: **a JSON
object is always a tagged value, a JSON list is always a list**; ``null``, booleans, strings and integers within
±(2^53-1) are themselves.

========================= =====================================================================================
``{"$int": "123…"}``      an integer beyond ±(2^53-1)
``{"$float": "0.1"}``     a float: the shortest decimal that reads back the same; ``"nan"``, ``"inf"``, ``"-inf"``;
                          a NaN with other bits than the usual one is ``"bits:<16 hex digits>"``
``{"$complex": [r, i]}``  real and imaginary part, each as the text of ``$float``
``{"$bytes": "…"}``       bytes, base64
``{"$dict": [[k, v]…]}``  a mapping in its order, keys of any kind; ``class`` where it is no plain dict, and
                          ``attributes`` (a tree of a mapping) where it carries some
``{"$list": {"$tensor"}}`` a list of at least 1,024 numbers of one type, kept as a tensor of one axis
``{"$tuple": […]}``       also ``$set``, ``$frozenset``
``{"$tensor": [g, n]}``   the tensor ``n`` of group ``g``; other members of the object describe the reference
``{"$global": "a.b"}``    a class or function, named, never imported
``{"$object": "a.b"}``    an object of a foreign class: with ``args``, ``kwargs``, ``state``, ``items``, ``elements``
``{"$scalar": "<f8"}``    a NumPy scalar of that type, with ``value``: the text of its hexadecimal bytes
``{"$ref": "/pointer"}``  the very container that stands at that JSON Pointer of this tree (sharing, cycles)
========================= =====================================================================================
"""

from __future__ import annotations

import base64
import math
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from candle_spec import pointer
from candle_spec.canonical import MAX_SAFE_INTEGER
from candle_spec.errors import CorruptFileError
from candle_spec.names import from_json, to_json

ORDERED_DICT: Final = "collections.OrderedDict"
_USUAL_NAN: Final = struct.pack(">d", math.nan)


def encode_scalar(value: bool | int | float | complex | str | bytes | bytearray | None) -> Any:
    """Return the tree of a plain value.

    Raises:
        TypeError: The value is of another type.
    """
    if value is None or isinstance(value, (bool, str)):
        return _text(value) if isinstance(value, str) else value
    if isinstance(value, int):
        return value if abs(value) <= MAX_SAFE_INTEGER else {"$int": str(value)}
    if isinstance(value, float):
        return {"$float": float_text(value)}
    if isinstance(value, complex):
        return {"$complex": [float_text(value.real), float_text(value.imag)]}
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    raise TypeError(f"not a plain value: {type(value).__name__}")


def _text(value: str) -> Any:
    """Lone surrogates (from ``surrogateescape``) are no Unicode; keep them as the hexadecimal digits of UTF-16."""
    return to_json(value)


def float_text(value: float) -> str:
    """Return the text from which :func:`parse_float` makes a float of the same 64 bits."""
    if math.isnan(value):
        bits = struct.pack(">d", value)
        return "nan" if bits == _USUAL_NAN else f"bits:{bits.hex()}"
    return repr(value)


def parse_float(text: str) -> float:
    """Undo :func:`float_text`."""
    if text.startswith("bits:"):
        return float(struct.unpack(">d", bytes.fromhex(text[5:]))[0])
    return float(text)


def mapping(pairs: Iterable[tuple[Any, Any]], **about: Any) -> dict[str, Any]:
    """Return the tree of a mapping from trees of keys and values; ``about`` are its ``class`` and ``attributes``."""
    return {"$dict": [[key, value] for key, value in pairs], **about}


def sequence(kind: str, items: Sequence[Any]) -> Any:
    """Return the tree of a ``"list"``, ``"tuple"``, ``"set"`` or ``"frozenset"`` from the trees of its items."""
    return list(items) if kind == "list" else {f"${kind}": list(items)}


def tensor(group: str, name: str, **about: Any) -> dict[str, Any]:
    """Return a reference to a tensor; ``about`` are JSON values that say more of this reference."""
    return {"$tensor": [group, to_json(name)], **about}


def numpy_scalar(dtype: str, raw: bytes) -> dict[str, Any]:
    """Return the tree of a NumPy scalar: ``dtype`` is NumPy's array-protocol string, ``raw`` its bytes."""
    return {"$scalar": dtype, "value": raw.hex()}


def decode(tree: Any, tensor_of: Callable[[str, str], Any]) -> Any:
    """Return the Python structure of a tree.

    Foreign objects and globals stay inert: they come back as their tagged dictionaries. NumPy scalars come back as
    NumPy scalars. Shared containers come back shared; a cycle through a tuple or a set is refused.

    Args:
        tree: The tree.
        tensor_of: Called with group and name for every tensor reference.

    Raises:
        CorruptFileError: An unknown tag, a malformed value, or a reference to nothing.
    """
    return _Decoder(tree, tensor_of).decode(tree, "")


class _Decoder:
    def __init__(self, root: Any, tensor_of: Callable[[str, str], Any]) -> None:
        self._root = root
        self._tensor_of = tensor_of
        self._made: dict[str, Any] = {}
        self._open: set[str] = set()

    def decode(self, tree: Any, at: str) -> Any:
        if at in self._made:
            return self._made[at]
        if isinstance(tree, list):
            items: list[Any] = []
            self._made[at] = items
            items.extend(self.decode(item, f"{at}/{index}") for index, item in enumerate(tree))
            return items
        if not isinstance(tree, dict):
            return tree
        tag = next(iter(tree), "")
        if tag == "$dict":
            return self._mapping(tree, at)
        if tag in ("$tuple", "$set", "$frozenset"):
            return self._frozen(tag, tree[tag], at)
        try:
            if tag == "$list":
                self._made[at] = list(self._leaf("$tensor", tree[tag]).tolist())
                return self._made[at]
            return self._leaf(tag, tree)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, struct.error) as error:
            if isinstance(error, CorruptFileError):
                raise
            raise CorruptFileError(f"malformed {tag} in the state tree: {error}", location=at) from error

    def _mapping(self, tree: dict[str, Any], at: str) -> dict[Any, Any]:
        result: dict[Any, Any] = OrderedDict() if tree.get("class") == ORDERED_DICT else {}
        self._made[at] = result
        for index, (key, value) in enumerate(tree["$dict"]):
            result[self.decode(key, f"{at}/$dict/{index}/0")] = self.decode(value, f"{at}/$dict/{index}/1")
        if isinstance(result, OrderedDict) and "attributes" in tree:
            # torch keeps the versions of a state dict's modules in its attribute _metadata.
            vars(result).update(self.decode(tree["attributes"], f"{at}/attributes"))
        return result

    def _frozen(self, tag: str, items: list[Any], at: str) -> Any:
        if at in self._open:
            raise CorruptFileError("a cycle through a tuple or a set", location=at)
        self._open.add(at)
        made = (self.decode(item, f"{at}/{tag}/{index}") for index, item in enumerate(items))
        kind: Callable[[Iterable[Any]], Any] = {"$tuple": tuple, "$set": set, "$frozenset": frozenset}[tag]
        result = kind(made)
        self._open.discard(at)
        self._made[at] = result
        return result

    def _leaf(self, tag: str, tree: dict[str, Any]) -> Any:
        value = tree.get(tag)
        if tag == "$tensor":
            group, name = value  # type: ignore[misc]
            return self._tensor_of(str(group), from_json(name))
        if tag == "$ref":
            return self._shared(str(value))
        if tag == "$scalar":
            import numpy as np

            return np.frombuffer(bytes.fromhex(tree["value"]), np.dtype(value))[0]
        if tag in ("$global", "$object"):
            return tree
        return _plain_leaf(tag, value)

    def _shared(self, at: str) -> Any:
        if at in self._made:
            return self._made[at]
        target = pointer.get(self._root, at, default=self)
        if target is self:
            raise CorruptFileError(f"the state tree refers to {at!r}, where nothing is")
        return self.decode(target, at)


def _plain_leaf(tag: str, value: Any) -> Any:
    if tag == "$int":
        return int(value)
    if tag == "$float":
        return parse_float(value)
    if tag == "$complex":
        return complex(parse_float(value[0]), parse_float(value[1]))
    if tag == "$bytes":
        return base64.b64decode(value, validate=True)
    if tag == "$str":
        return bytes.fromhex(value).decode("utf-16-be", "surrogatepass")
    raise CorruptFileError(f"unknown tag {tag!r} in the state tree")
