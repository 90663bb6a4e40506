"""Read YAML as people write manifests: one document, YAML 1.2 (core schema), and nothing that surprises.

Readers of YAML 1.1 and 1.2 make different values of the same text: ``no`` is false or text, ``010`` is eight or ten,
``1e-5`` is text or a number. Such text is refused, with the spelling that all read alike. A date is text. Tags other
than those of JSON's types, merge keys and keys that are no text are refused; aliases are expanded within bounds.
The core schema: https://yaml.org/spec/1.2.2/#103-core-schema
"""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from candle_spec import limits, pointer
from candle_spec.canonical import decode
from candle_spec.errors import CandleSpecError, CorruptFileError, LimitExceededError
from candle_spec.manifest.yaml_scalars import resolve

Places = dict[str, tuple[int, int]]

_CORE: Final = "tag:yaml.org,2002:"


def load_yaml(data: bytes, *, location: str, lenient: bool = False) -> tuple[Any, Places]:
    """Return the value of a YAML document and the places of its values by JSON Pointer.

    ``lenient``, for documents of others, keeps as text what readers differ about, and keys that are no text; only
    ``1e-5`` is the number that YAML 1.2 takes it for.
    Raises LimitExceededError and CorruptFileError as :func:`candle_spec.manifest.documents.load_document`.
    """
    if len(data) > limits.YAML_BYTES:
        message = f"the YAML document has {len(data)} bytes, more than {limits.YAML_BYTES}"
        raise LimitExceededError(message, location=location, hint="write it as JSON", code="CKP0004")
    text = decode(data, location=location)
    _check_lines(text, location)
    builder = _Builder(location, lenient)
    for event in _events(text, location):
        builder.take(event)
    return builder.value(), builder.places


def _check_lines(text: str, location: str) -> None:
    """Bound the nesting within a line."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.count("[") + line.count("{") <= limits.YAML_LINE_DEPTH:
            continue
        steps = (1 if bracket in "[{" else -1 for bracket in re.findall(r"[][{}]", line))
        if max(itertools.accumulate(steps)) > limits.YAML_LINE_DEPTH:
            message = f"more than {limits.YAML_LINE_DEPTH} brackets are open in one line"
            raise LimitExceededError(message, location=f"{location}:{number}", code="CKP0004")


def _events(text: str, location: str) -> Iterator[Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLStreamError

    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{location}:{mark.line + 1}:{mark.column + 1}" if mark else location
        raise CorruptFileError(f"not YAML: {error.problem}", location=where, code="CKP0002") from error
    except (YAMLError, YAMLStreamError, ValueError) as error:
        if isinstance(error, CandleSpecError):
            raise
        message = str(error).partition("\n")[0]
        raise CorruptFileError(f"not YAML: {message}", location=location, code="CKP0002") from error
    except RecursionError as error:
        raise LimitExceededError("the document is nested too deeply", location=location, code="CKP0004") from error


@dataclass(slots=True)
class _Open:
    """An object or list that is being read."""

    value: dict[str, Any] | list[Any]
    at: str
    anchor: str | None
    key: str | None = None
    """The key whose value comes next, in an object."""


@dataclass(slots=True)
class _Builder:
    """Makes values from the parser's events, without recursion."""

    location: str
    lenient: bool = False
    places: Places = field(default_factory=dict)
    _stack: list[_Open] = field(default_factory=list)
    _anchors: dict[str, Any] = field(default_factory=dict)
    _roots: list[Any] = field(default_factory=list)
    _aliases: int = 0
    _nodes: int = 0

    def value(self) -> Any:
        """Return the document's value."""
        if not self._roots:
            raise CorruptFileError("the document is empty", location=self.location, code="CKP0002")
        return self._roots[0]

    def take(self, event: Any) -> None:
        """Take one event."""
        kind = type(event).__name__
        if kind == "DocumentStartEvent":
            self._document(event)
        elif kind == "ScalarEvent":
            self._scalar(event)
        elif kind == "AliasEvent":
            self._alias(event)
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            self._start(event, {} if kind == "MappingStartEvent" else [])
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            self._end()

    def _document(self, event: Any) -> None:
        if self._roots:
            self._refuse(event, "the file holds more than one YAML document", "write one", code="CKP0002")
        if event.version is not None and tuple(event.version) != (1, 2):
            self._refuse(event, f"%YAML {'.'.join(map(str, event.version))} is declared", "YAML 1.2 is read")

    def _scalar(self, event: Any) -> None:
        tag = _tag(event)
        if tag not in (None, "!", f"{_CORE}str"):
            self._refuse(event, f"the tag {tag} is not read", "leave it out")
        quoted = event.style not in (None, "") or tag is not None
        parent = self._stack[-1] if self._stack else None
        if parent is not None and isinstance(parent.value, dict) and parent.key is None:
            self._key(event, _joined(event.value) if quoted else self._plain(event), parent)
        else:
            value = _joined(event.value) if quoted else self._plain(event)
            self._put(event, value, nodes=1)
            if event.anchor is not None:
                self._anchors[event.anchor] = value

    def _plain(self, event: Any) -> Any:
        try:
            return resolve(event.value, lenient=self.lenient)
        except CandleSpecError as error:
            error.location = self._where(event)
            raise

    def _key(self, event: Any, key: Any, parent: _Open) -> None:
        key = key if isinstance(key, str) or not self.lenient else str(event.value)
        if not isinstance(key, str):
            self._refuse(event, f"the key {event.value!r} is not text", "put it in quotes")
        if key in parent.value:
            self._refuse(event, f"the key {key!r} appears twice", code="CKP0003")
        parent.key = key
        self.places[parent.at + pointer.join([key])] = _position(event)

    def _alias(self, event: Any) -> None:
        self._aliases += 1
        if self._aliases > limits.YAML_ALIASES:
            message = f"the document has more than {limits.YAML_ALIASES} aliases"
            raise LimitExceededError(message, location=self._where(event), code="CKP0004")
        if any(each.anchor == event.anchor for each in self._stack):
            self._refuse(event, f"the alias {event.anchor!r} stands inside what it names", "write it out")
        if event.anchor not in self._anchors:
            self._refuse(event, f"the alias {event.anchor!r} names nothing", code="CKP0002")
        parent = self._stack[-1] if self._stack else None
        if parent is not None and isinstance(parent.value, dict) and parent.key is None:
            self._refuse(event, "an alias stands as a key", "write the key out")
        value = self._anchors[event.anchor]
        nodes, depth = _extent(value)
        self._count(event, nodes)
        self._check_depth(event, depth)
        self._put(event, copy.deepcopy(value), nodes=0)

    def _start(self, event: Any, value: dict[str, Any] | list[Any]) -> None:
        tag = _tag(event)
        if tag not in (None, "!", f"{_CORE}map" if isinstance(value, dict) else f"{_CORE}seq"):
            self._refuse(event, f"the tag {tag} is not read", "leave it out")
        parent = self._stack[-1] if self._stack else None
        if parent is not None and isinstance(parent.value, dict) and parent.key is None:
            self._refuse(event, "an object or a list stands as a key", "keys are text")
        self._check_depth(event, 1)
        at = self._put(event, value, nodes=1)
        self._stack.append(_Open(value, at, event.anchor))

    def _end(self) -> None:
        closed = self._stack.pop()
        if closed.anchor is not None:
            self._anchors[closed.anchor] = closed.value

    def _put(self, event: Any, value: Any, *, nodes: int) -> str:
        """Put a value where the parser stands, and return its pointer."""
        self._count(event, nodes)
        if not self._stack:
            self._roots.append(value)
            self.places[""] = _position(event)
            return ""
        parent = self._stack[-1]
        if isinstance(parent.value, dict):
            key = str(parent.key)
            parent.value[key] = value
            parent.key = None
            return parent.at + pointer.join([key])
        at = f"{parent.at}/{len(parent.value)}"
        parent.value.append(value)
        self.places[at] = _position(event)
        return at

    def _count(self, event: Any, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > limits.YAML_NODES:
            message = f"the document has more than {limits.YAML_NODES} values when its aliases are expanded"
            raise LimitExceededError(message, location=self._where(event), code="CKP0004")

    def _check_depth(self, event: Any, more: int) -> None:
        if len(self._stack) + more > limits.JSON_DEPTH:
            message = f"the document is nested more than {limits.JSON_DEPTH} deep"
            raise LimitExceededError(message, location=self._where(event), code="CKP0004")

    def _where(self, event: Any) -> str:
        line, column = _position(event)
        return f"{self.location}:{line}:{column}"

    def _refuse(self, event: Any, message: str, hint: str = "", *, code: str = "CKP0007") -> NoReturn:
        raise CorruptFileError(message, location=self._where(event), hint=hint, code=code)


def _joined(text: str) -> str:
    """Join the halves of surrogate pairs, which JSON's escapes write apart."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _tag(event: Any) -> str | None:
    return None if event.tag is None else str(event.tag)


def _position(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _extent(value: Any) -> tuple[int, int]:
    """Return how many values there are in ``value``, and how deep they are nested."""
    nodes, deepest = 0, 0
    stack = [(value, 0)]
    while stack:
        item, depth = stack.pop()
        nodes += 1
        if isinstance(item, (dict, list)):
            deepest = max(deepest, depth + 1)
            inner = item.values() if isinstance(item, dict) else item
            stack.extend((each, depth + 1) for each in inner)
    return nodes, deepest
