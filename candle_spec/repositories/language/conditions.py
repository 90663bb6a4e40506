"""Conditions: the small total language of ``$when`` and of ``rules.yaml``. Every condition ends, whatever the text.

A pointer alone means that there is a value. Of a value that is not there, ``equals`` and ``in`` do not hold, and what
bounds a value (``form``, ``max_bytes``, …) does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from candle_spec.repositories.language.forms import FORMS
from candle_spec.repositories.language.terms import Pointer, parse_pointer
from candle_spec.repositories.values import is_absent

Lookup = Callable[[Pointer], Any]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition.

    Attributes:
        name: Which one.
        pointer: What it is about; ``None`` for those that join others.
        argument: What it compares with.
        inner: The conditions that it joins.
        item: For ``every``, the name of the item.
    """

    name: str
    pointer: Pointer | None = None
    argument: Any = None
    inner: tuple[Condition, ...] = ()
    item: str = ""


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "equals": lambda value, argument: bool(value == argument),
    "in": lambda value, argument: value in argument,
}
_BOUNDS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "form": lambda value, argument: isinstance(value, str) and FORMS[argument].fits(value),
    "max_bytes": lambda value, argument: not isinstance(value, str) or len(value.encode()) <= argument,
    "max_characters": lambda value, argument: not isinstance(value, str) or len(value) <= argument,
    "min_characters": lambda value, argument: not isinstance(value, str) or len(value) >= argument,
    "max_items": lambda value, argument: not isinstance(value, list) or len(value) <= argument,
    "min_items": lambda value, argument: not isinstance(value, list) or len(value) >= argument,
    "at_most": lambda value, argument: not _number(value) or value <= argument,
    "at_least": lambda value, argument: not _number(value) or value >= argument,
}
_ALONE: Final = ("present", "absent", "unique")
_JOINS: Final = ("all", "any", "not")

DEPTH: Final = 20
"""Nesting of conditions."""

NAMES: Final = (*_ALONE, *_COMPARE, *_BOUNDS, *_JOINS, "every")
"""All conditions there are."""


def holds(condition: Condition, lookup: Lookup, bind: Callable[[str, Any], Lookup] | None = None) -> bool:
    """Whether a condition holds.

    Args:
        condition: The condition.
        lookup: Gives the value of a pointer.
        bind: Gives a lookup in which a name stands for an item; for ``every``.
    """
    match condition.name:
        case "all":
            return all(holds(each, lookup, bind) for each in condition.inner)
        case "any":
            return any(holds(each, lookup, bind) for each in condition.inner)
        case "not":
            return not holds(condition.inner[0], lookup, bind)
    value = lookup(condition.pointer) if condition.pointer else None
    if condition.name in ("present", "absent"):
        return is_absent(value) == (condition.name == "absent")
    if condition.name in _COMPARE:
        return value is not None and _COMPARE[condition.name](value, condition.argument)
    if is_absent(value):
        return True
    if condition.name == "unique":
        return not isinstance(value, list) or len({repr(item) for item in value}) == len(value)
    if condition.name == "every":
        items = value if isinstance(value, list) else [value]
        return bind is None or all(holds(condition.inner[0], bind(condition.item, item), bind) for item in items)
    return _BOUNDS[condition.name](value, condition.argument)


@dataclass(slots=True)
class ConditionParser:
    """Parses conditions; collects what is wrong as ``(pointer in the document, sentence)``."""

    aliases: Mapping[str, str]
    wrong: list[tuple[str, str]]
    _depth: int = 0

    def parse(self, source: Any, at: str, scopes: Sequence[str]) -> Condition | None:
        """Return the condition, or ``None`` where it has a fault."""
        if self._depth >= DEPTH:
            self.wrong.append((at, f"conditions are nested more than {DEPTH} deep"))
            return None
        self._depth += 1
        try:
            return self._one(source, at, scopes)
        finally:
            self._depth -= 1

    def _one(self, source: Any, at: str, scopes: Sequence[str]) -> Condition | None:
        if isinstance(source, str):
            pointer = self._pointer(source, at, scopes)
            return Condition("present", pointer) if pointer else None
        if not isinstance(source, dict) or len(source) != 1:
            self.wrong.append((at, "a condition is a pointer, or an object of one member"))
            return None
        ((name, about),) = source.items()
        below = f"{at}/{name}"
        if name in _JOINS:
            return self._join(name, about, below, scopes)
        if name == "every":
            return self._every(about, below, scopes)
        if name in _ALONE:
            pointer = self._pointer(about, below, scopes)
            return Condition(name, pointer) if pointer else None
        if name not in NAMES:
            self.wrong.append((below, f"there is no condition {name!r}; there are {', '.join(NAMES)}"))
            return None
        if not isinstance(about, list) or len(about) != 2:
            self.wrong.append((below, f"{name} takes a pointer and a value, as a list of two"))
            return None
        pointer = self._pointer(about[0], below, scopes)
        if not self._fits(name, about[1], below):
            return None
        return Condition(name, pointer, about[1]) if pointer else None

    def _fits(self, name: str, argument: Any, at: str) -> bool:
        if name == "form" and argument not in FORMS:
            self.wrong.append((at, f"there is no form {argument!r}; there are {', '.join(FORMS)}"))
            return False
        if name == "in" and not isinstance(argument, list):
            self.wrong.append((at, "in takes a list of values"))
            return False
        if name in _BOUNDS and name != "form" and not _number(argument):
            self.wrong.append((at, f"{name} takes a number"))
            return False
        return True

    def _join(self, name: str, about: Any, at: str, scopes: Sequence[str]) -> Condition | None:
        parts = about if name != "not" and isinstance(about, list) else [about]
        inner = [self.parse(part, f"{at}/{i}" if name != "not" else at, scopes) for i, part in enumerate(parts)]
        return Condition(name, inner=tuple(each for each in inner if each)) if all(inner) and inner else None

    def _every(self, about: Any, at: str, scopes: Sequence[str]) -> Condition | None:
        if not isinstance(about, dict) or not {"of", "that"} <= about.keys():
            self.wrong.append((at, "every takes of (a pointer), as (a name) and that (a condition)"))
            return None
        name = str(about.get("as", "item"))
        pointer = self._pointer(about["of"], at, scopes)
        inner = self.parse(about["that"], f"{at}/that", [*scopes, name])
        return Condition("every", pointer, inner=(inner,), item=name) if pointer and inner else None

    def _pointer(self, text: Any, at: str, scopes: Sequence[str]) -> Pointer | None:
        found = parse_pointer(text, self.aliases, scopes) if isinstance(text, str) else f"{text!r} is no pointer"
        if isinstance(found, str):
            self.wrong.append((at, found))
            return None
        return found
