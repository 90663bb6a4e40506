"""What changed between two schemas, and how much: whether a document that was valid still is.

* **major**: a valid document may be refused now, a member is gone, or nobody can tell.
* **minor**: only documents are valid now that were not: a new member, a wider range. Where it is no member and no value
  of an open list, readers of the older version refuse what is new: it needs a feature in ``requires``.
* **patch**: words.

Schemas are compared keyword by keyword; a ``$ref`` is followed on both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from candle_spec import pointer
from candle_spec.errors import CorruptFileError
from tools.schema_diff import keywords
from tools.schema_diff.keywords import WORDS, Change, Size

Schemas = Mapping[str, Any]
"""The schemas of one side, by identifier."""

_APART: Final = frozenset({"$id", "$schema", "type", "enum", "const"})


def changes(old: str, new: str, before: Schemas, after: Schemas) -> list[Change]:
    """Return all changes from one schema to another, each once.

    Args:
        old: Identifier of the schema as it was.
        new: Its identifier now.
        before: All schemas as they were, every ``$ref`` absolute.
        after: All schemas as they are, likewise.

    Raises:
        CorruptFileError: A ``$ref`` leads to nothing.
    """
    comparison = _Comparison(before, after)
    found = dict.fromkeys(comparison.schemas(before[old], after[new], f"{old}#", f"{new}#"))
    return list(found)


class _Comparison:
    """Compares two schemas; what was compared once, for example because both refer to it twice, is not again."""

    def __init__(self, before: Schemas, after: Schemas) -> None:
        self._before = before
        self._after = after
        self._done: set[tuple[str, str, bool]] = set()
        self._turned = False
        self._single: dict[str, Callable[[Any, Any, str], Iterator[Change]]] = {
            "required": keywords.required,
            "pattern": keywords.opaque,
            "multipleOf": keywords.opaque,
            "uniqueItems": keywords.unique,
            "dependentRequired": keywords.dependent_required,
        }

    def schemas(self, old: Any, new: Any, was: str, now: str) -> Iterator[Change]:
        """Yield the changes of a schema, which stood at ``was`` and stands at ``now``."""
        if (was, now, self._turned) not in self._done:
            self._done.add((was, now, self._turned))
            yield from self._compared(old, new, was, now)

    def _compared(self, old: Any, new: Any, was: str, now: str) -> Iterator[Change]:
        if isinstance(old, bool) or isinstance(new, bool):
            yield from keywords.boolean(old, new, now)
            return
        if "$ref" in old or "$ref" in new:
            yield from self._reference(old, new, was, now)
            return
        yield from keywords.types(old, new, now)
        yield from keywords.values(old, new, now)
        silent = keywords.about_others(old) | keywords.about_others(new) | _APART
        for keyword in {**old, **new}:
            if keyword not in silent:
                yield from self._keyword(keyword, old, new, was, now)

    def _reference(self, old: Any, new: Any, was: str, now: str) -> Iterator[Change]:
        """Compare what is referred to, and what stands beside the reference, which may have become its target."""
        if "$ref" in old and "$ref" in new:
            first, second = _found(self._before, old["$ref"]), _found(self._after, new["$ref"])
            yield from self.schemas(first, second, _place(old["$ref"]), _place(new["$ref"]))
            yield from self._compared(_without(old), _without(new), was, now)
        elif "$ref" in old:
            yield from self._compared(_joined(old, _found(self._before, old["$ref"])), new, was, now)
        else:
            yield from self._compared(old, _joined(new, _found(self._after, new["$ref"])), was, now)

    def _keyword(self, keyword: str, old: Any, new: Any, was: str, now: str) -> Iterator[Change]:
        a, b, at = old.get(keyword), new.get(keyword), now + pointer.join([keyword])
        before = was + pointer.join([keyword])
        if keyword in WORDS:
            if a != b:
                yield Change(Size.PATCH, at, "other words")
        elif keyword in keywords.LEAST | keywords.MOST:
            yield from keywords.bound(a, b, at, least=keyword in keywords.LEAST)
        elif keyword in self._single:
            yield from self._single[keyword](a, b, at)
        elif keyword in ("properties", "patternProperties", "$defs", "dependentSchemas"):
            yield from self._named(keyword, old, new, before, at)
        elif keyword in ("allOf", "anyOf", "oneOf", "prefixItems"):
            yield from self._listed(keyword, old, new, before, at)
        elif keyword in ("additionalProperties", "items", "propertyNames", "then", "else"):
            yield from self.schemas(old.get(keyword, True), new.get(keyword, True), before, at)
        elif keyword in ("contains", "if", "not") and (a is None or b is None):
            size = Size.MAJOR if a is None or keyword == "if" else Size.MINOR
            yield Change(size, at, "is new" if a is None else "is gone")
        elif keyword in ("contains", "if", "not"):
            pairs = [(a, b, before, at)]
            yield from self._opposed(pairs, f"below {keyword!r} it may turn around")
        elif a != b:
            yield Change(Size.MAJOR, at, f"what a change of {keyword!r} means is not known")

    def _named(self, keyword: str, old: Any, new: Any, was: str, now: str) -> Iterator[Change]:
        a, b = old.get(keyword, {}), new.get(keyword, {})
        for name in a:
            at = now + pointer.join([name])
            if name in b:
                yield from self.schemas(a[name], b[name], was + pointer.join([name]), at)
            else:
                gone = Size.MINOR if keyword == "dependentSchemas" else Size.MAJOR
                yield Change(gone, at, f"{name!r} is gone")
        for name in b:
            if name not in a:
                yield _added(keyword, name, old, now + pointer.join([name]))

    def _listed(self, keyword: str, old: Any, new: Any, was: str, now: str) -> Iterator[Change]:
        a, b = old.get(keyword, []), new.get(keyword, [])
        met = list(zip(range(len(a)), range(len(b)), strict=False)) if keyword == "prefixItems" else _pairs(a, b)
        pairs = [(a[one], b[other], f"{was}/{one}", f"{now}/{other}") for one, other in met]
        if keyword == "oneOf":
            yield from self._opposed(pairs, "exactly one must hold")
        else:
            yield from (change for pair in pairs for change in self.schemas(*pair))
        fewer, more = (Size.MAJOR, Size.MAJOR)
        if keyword == "allOf" or not b:
            fewer, more = (Size.MINOR, Size.MAJOR)
        elif keyword == "anyOf" and a:
            fewer, more = (Size.MAJOR, Size.MINOR)
        gone, added = set(range(len(a))) - {one for one, _ in met}, set(range(len(b))) - {one for _, one in met}
        yield from (Change(fewer, now, f"item {each} is gone") for each in sorted(gone))
        yield from (Change(more, f"{now}/{each}", "is new") for each in sorted(added))

    def _opposed(self, pairs: Iterable[tuple[Any, Any, str, str]], why: str) -> list[Change]:
        """Compare where every change but one of words is a major one: which way it goes cannot be told."""
        before, self._turned = self._turned, True
        found = [change for pair in pairs for change in self.schemas(*pair)]
        self._turned = before
        return [
            change if change.size is Size.PATCH else Change(Size.MAJOR, change.place, f"{change.words}; {why}")
            for change in found
        ]


def _found(schemas: Schemas, reference: str) -> Any:
    """Return what an absolute reference leads to."""
    identifier, _, fragment = reference.partition("#")
    target = pointer.get(schemas.get(identifier), fragment)
    if target is None:
        raise CorruptFileError(f"a schema refers to {reference}, which is not there")
    return target


def _place(reference: str) -> str:
    return reference if "#" in reference else f"{reference}#"


def _without(schema: Any) -> Any:
    return {key: value for key, value in schema.items() if key != "$ref"}


def _joined(schema: Any, target: Any) -> Any:
    """Return a schema that has its target in it instead of the reference."""
    beside = _without(schema)
    if isinstance(target, dict) and not (target.keys() & beside.keys()) - WORDS:
        return {**target, **beside}
    return {**beside, "allOf": [target, *beside.get("allOf", ())]}


def _added(keyword: str, name: str, old: Any, at: str) -> Change:
    if keyword == "$defs":
        return Change(Size.MINOR, at, f"{name!r} is new")
    if keyword == "properties" and old.get("additionalProperties", True) is False:
        return Change(Size.MINOR, at, f"the member {name!r} is new")
    return Change(Size.MAJOR, at, f"{name!r} is new, where documents may have had one of any value")


def _pairs(a: list[Any], b: list[Any]) -> list[tuple[int, int]]:
    """Return which item has become which: what is written alike, in any order, then the others in order."""
    left, right = list(range(len(a))), list(range(len(b)))
    pairs: list[tuple[int, int]] = []
    for old in range(len(a)):
        new = next((each for each in right if keywords.text(a[old]) == keywords.text(b[each])), None)
        if new is not None:
            pairs.append((old, new))
            left.remove(old)
            right.remove(new)
    return pairs + list(zip(left, right, strict=False))
