"""What JSON Schema cannot state: which Python values are JSON at all, and which numbers all readers agree about.

JSON has one kind of number, the format has two. To JSON Schema ``1.0`` is an integer, and an integer may be of any
size. Here a count is written without a fraction, so that every language reads an integer; and an integer beyond
±(2^53-1) is tagged, so that every language reads *that* integer (RFC 8785 has no form for it either).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from candle_spec import pointer
from candle_spec.canonical import MAX_SAFE_INTEGER
from candle_spec.problems import Location, Problem, Severity

Path = tuple[str | int, ...]

_HARMLESS: Final = frozenset({bool, type(None)})


@dataclass(slots=True)
class Findings:
    """What one pass over a document found.

    Attributes:
        not_json: Values that no JSON text holds; a schema cannot be asked about such a document.
        problems: Numbers that JSON readers do not agree about.
        whole: Whether there are floats without a fraction, which only the schema can judge.
    """

    not_json: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    whole: bool = False


def scan(document: Any) -> Findings:
    """Look at every value of a document once; made for speed, for nearly all values are harmless."""
    found = Findings()
    stack: list[tuple[Any, Any]] = [([document], None)]
    while stack:
        value, trail = stack.pop()
        if type(value) is dict:
            members: Any = value.items()
            for key in value:
                if type(key) is not str or not key.isascii():
                    _key(key, (trail, key), found)
        else:
            members = enumerate(value)
        for key, item in members:
            kind = type(item)
            if kind is str:
                if not item.isascii():
                    _text(item, (trail, key), found)
            elif kind is dict or kind is list:
                stack.append((item, (trail, key)))
            elif kind is int:
                if not -MAX_SAFE_INTEGER <= item <= MAX_SAFE_INTEGER:
                    _integer(item, (trail, key), found)
            elif kind not in _HARMLESS:
                _value(item, (trail, key), found)
    return found


def _key(key: Any, trail: Any, found: Findings) -> None:
    if not isinstance(key, str):
        found.not_json.append(_wrong(_path(trail), f"the key {key!r} is not a string", "write it in quotes"))
    elif not _is_unicode(key):
        found.not_json.append(_wrong(_path(trail), f"the key {key!r} is not Unicode", code="CKP0006"))


def _text(text: str, trail: Any, found: Findings) -> None:
    if not _is_unicode(text):
        message = "the text is not Unicode: it holds half of a surrogate pair"
        found.not_json.append(_wrong(_path(trail), message, code="CKP0006"))


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _integer(value: int, trail: Any, found: Findings) -> None:
    message = "the integer is beyond ±(2^53-1), where JSON readers round it"
    hint = f'write {{"$int": "{value}"}} where the schema takes tagged numbers' if value.bit_length() < 1000 else ""
    found.problems.append(_wrong(_path(trail), message, hint))


def _value(value: Any, trail: Any, found: Findings) -> None:
    if type(value) is not float:
        found.not_json.append(_wrong(_path(trail), f"a {type(value).__name__} is not a value of JSON"))
    elif not math.isfinite(value):
        hint = f'write {{"$float": "{value!r}"}} where the schema takes tagged numbers'
        found.not_json.append(_wrong(_path(trail), f"{value!r} is not a JSON number", hint))
    elif value.is_integer():
        found.whole = True


def _path(trail: Any) -> Path:
    parts: list[str | int] = []
    while trail is not None:
        trail, key = trail
        parts.append(key)
    return tuple(reversed(parts))[1:]


def _wrong(path: Iterable[Any], message: str, hint: str = "", code: str = "CKP1003") -> Problem:
    text = pointer.join([str(part) for part in path]).encode("utf-8", "backslashreplace").decode("utf-8")
    return Problem(code, Severity.ERROR, message, Location(pointer=text), hint)


def integers_with_fraction(document: Any, wrong_types: Callable[[Any], set[Path]]) -> list[Problem]:
    """Return a problem for each whole float that stands where the schema wants an integer.

    Args:
        document: The document.
        wrong_types: Gives the places of a document whose type the schema refuses: each whole float is given a
            fraction, in a copy, and the schema is asked once.
    """
    refused = {path: _at(document, path) for path in wrong_types(_with_fractions(document))}
    return [
        _wrong(path, f"{value!r} has a fraction, but an integer stands here", f"write {int(value)}")
        for path, value in refused.items()
        if type(value) is float and value.is_integer()
    ]


def _with_fractions(document: Any) -> Any:
    """Return a copy of a document in which no float is whole."""
    made = [document]
    waiting: list[Any] = [made]
    while waiting:
        holder = waiting.pop()
        for key, item in holder.items() if type(holder) is dict else enumerate(holder):
            if type(item) is float:
                if item.is_integer():
                    holder[key] = 0.5
            elif type(item) is dict or type(item) is list:
                holder[key] = item.copy()
                waiting.append(holder[key])
    return made[0]


def _at(document: Any, path: Path) -> Any:
    for part in path:
        document = document[part]
    return document
