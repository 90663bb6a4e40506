"""What a change of one keyword means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from candle_spec import pointer
from candle_spec.manifest.bundles.subschemas import KEYWORDS

WORDS: Final = frozenset({"title", "description", "examples", "$comment", "default", "deprecated"})
LEAST: Final = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"})
MOST: Final = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"})
_TYPES: Final = ("null", "boolean", "integer", "number", "string", "array", "object")


class Size(IntEnum):
    """How much a change is."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes:
        size: How much it is.
        place: Where: the identifier of the schema and a JSON Pointer into it.
        words: What changed, and for what is not plain, why it is of this size.
    """

    size: Size
    place: str
    words: str


def boolean(old: Any, new: Any, at: str) -> Iterator[Change]:
    if old == new and type(old) is type(new):
        return
    if old is False:
        yield Change(Size.MINOR, at, "is allowed now")
    elif new is False:
        yield Change(Size.MAJOR, at, "is refused now")
    elif new is True:
        yield Change(Size.MINOR, at, "anything is allowed now")
    elif new.keys() <= WORDS:
        yield Change(Size.PATCH, at, "words are new")
    else:
        yield Change(Size.MAJOR, at, "anything was allowed, not all is now")


def _kinds(schema: Any) -> set[str]:
    stated = schema.get("type", list(_TYPES))
    found = {stated} if isinstance(stated, str) else set(stated)
    return found | {"integer"} if "number" in found else found


def about_others(schema: Any) -> set[str]:
    """Return the keywords about types that a schema does not take: they say nothing."""
    kinds = _kinds(schema) | ({"number"} if "integer" in _kinds(schema) else set())
    return {keyword for kind, keywords in KEYWORDS.items() if kind not in kinds for keyword in keywords}


def types(old: Any, new: Any, at: str) -> Iterator[Change]:
    before, after = _kinds(old), _kinds(new)
    yield from (Change(Size.MAJOR, f"{at}/type", f"{kind} is refused now") for kind in sorted(before - after))
    yield from (Change(Size.MINOR, f"{at}/type", f"{kind} is allowed now") for kind in sorted(after - before))


def values(old: Any, new: Any, at: str) -> Iterator[Change]:
    """Compare ``enum`` and ``const``, which is an ``enum`` of one."""
    before, after = _allowed(old), _allowed(new)
    place = f"{at}/{'const' if 'const' in new else 'enum'}"
    if before is None and after is not None:
        yield Change(Size.MAJOR, place, "only some values are allowed now")
    elif before is not None and after is None:
        yield Change(Size.MINOR, place, "other values are allowed now")
    elif before is not None and after is not None:
        yield from (Change(Size.MAJOR, place, f"{value} is gone") for value in sorted(before - after))
        yield from (Change(Size.MINOR, place, f"{value} is new") for value in sorted(after - before))


def _allowed(schema: Any) -> set[str] | None:
    stated = [*([schema["enum"]] if "enum" in schema else []), *([[schema["const"]]] if "const" in schema else [])]
    every = [{text(value) for value in each} for each in stated]
    return set.intersection(*every) if every else None


def bound(a: Any, b: Any, at: str, *, least: bool) -> Iterator[Change]:
    if a == b:
        return
    if a is None or b is None:
        size, words = (Size.MAJOR, f"is {b} now") if a is None else (Size.MINOR, f"was {a}, is gone")
    else:
        narrower = b > a if least else b < a
        size, words = Size.MAJOR if narrower else Size.MINOR, f"was {a}, is {b}"
    yield Change(size, at, words)


def required(a: Any, b: Any, at: str) -> Iterator[Change]:
    before, after = a or [], b or []
    yield from (Change(Size.MAJOR, at, f"{name!r} is required now") for name in after if name not in before)
    yield from (Change(Size.MINOR, at, f"{name!r} is required no more") for name in before if name not in after)


def dependent_required(a: Any, b: Any, at: str) -> Iterator[Change]:
    for name in {**(a or {}), **(b or {})}:
        yield from required((a or {}).get(name), (b or {}).get(name), at + pointer.join([name]))


def unique(a: Any, b: Any, at: str) -> Iterator[Change]:
    if bool(a) != bool(b):
        yield Change(Size.MAJOR if b else Size.MINOR, at, "items must differ now" if b else "items may be equal now")


def opaque(a: Any, b: Any, at: str) -> Iterator[Change]:
    """Compare what cannot be compared, such as patterns."""
    if a is not None and b is None:
        yield Change(Size.MINOR, at, f"{a} is gone")
    elif a is None:
        yield Change(Size.MAJOR, at, f"{b} is new")
    elif a != b:
        yield Change(Size.MAJOR, at, "whether it takes all that it took is not known")


def text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
