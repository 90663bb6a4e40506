"""Mutants: from a valid document, one faulty document for every assertion of its schema that the document reaches.

Each keyword has its operators: ``required`` drops a member, ``maxLength`` makes a text too long, and so on. A mutant
breaks the assertion for which it was made (and may break others with it, as a text that is too long may also not fit
its pattern). A check that does not report it with the expected code does not hold that assertion.

    found = set()
    for keyword_path, pointer, operator, mutated in mutants("checkpoint", document):
        ... validate mutated, expect expected_code(operator) among the errors at or below or above pointer
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from candle_spec import pointer as json_pointer
from candle_spec.manifest import collection
from candle_spec.manifest.engines import reference_validator

Path = tuple[str | int, ...]

ASSERTIONS = frozenset(
    (
        *("type", "enum", "const", "pattern", "not", "anyOf", "oneOf"),
        *("minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        *("minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
        *("required", "dependentRequired", "additionalProperties", "propertyNames"),
    )
)
"""Keywords that refuse values; the others apply schemas to places, or say something."""

_CODES = {"drop": "CKP1001", "drop-all": "CKP1001", "unknown-key": "CKP1002", "forbidden": "CKP1002"}


def expected_code(operator: str) -> str:
    """Return the code of the finding that a mutant of this operator must give."""
    return _CODES.get(operator.partition(":")[0], "CKP1003")


class Mutant(NamedTuple):
    """A faulty document.

    Attributes:
        keyword_path: The assertion that it breaks: the way through the schemas (with ``$ref``) to the keyword.
        pointer: The value that breaks it.
        operator: How it was broken.
        document: The faulty document; it shares all unchanged values with the valid one.
    """

    keyword_path: str
    pointer: str
    operator: str
    document: Any


@dataclass(frozen=True, slots=True)
class Site:
    """A schema object that applies to a value of the document.

    Attributes:
        way: The way through the schemas to it.
        schema: The schema object.
        base: Identifier of the schema document in which it stands.
        location: Its absolute location.
        path: The place of the value.
        value: The value.
    """

    way: str
    schema: Mapping[str, Any]
    base: str
    location: str
    path: Path
    value: Any

    def inner(self, *parts: str, schema: Any, path: Path | None = None, value: Any = None) -> Site:
        """Return the site of a subschema, for the same value or one below."""
        at = json_pointer.join(parts)
        if path is None:
            return Site(self.way + at, schema, self.base, self.location + at, self.path, self.value)
        return Site(self.way + at, schema, self.base, self.location + at, path, value)


def mutants(schema: str, document: Any, version: str = collection.CURRENT) -> Iterator[Mutant]:
    """Yield the mutants of a valid document: each operator once for every keyword path.

    Args:
        schema: Name of its schema.
        document: The document; it is not changed.
        version: Version of the schema.
    """
    seen: set[tuple[str, str]] = set()
    for site in sites(schema, document, version):
        for keyword in site.schema:
            for operator, new, path in _broken(site, keyword):
                way = f"{site.way}/{keyword}"
                if (way, operator) not in seen:
                    seen.add((way, operator))
                    yield Mutant(way, json_pointer.join(path), operator, replaced(document, site.path, new))


def reached(schema: str, document: Any, version: str = collection.CURRENT) -> set[str]:
    """Return the absolute locations of the assertions for which :func:`mutants` makes a mutant of the document."""
    return {
        f"{site.location}/{keyword}"
        for site in sites(schema, document, version)
        for keyword in site.schema
        if next(iter(_broken(site, keyword)), None) is not None
    }


def assertions(identifier: str) -> set[str]:
    """Return the absolute locations of all assertions of a packaged schema document."""
    return set(_assertions(collection.documents()[identifier], f"{identifier}#"))


def _assertions(schema: Any, location: str) -> Iterator[str]:
    if not isinstance(schema, dict):
        return
    for keyword, value in schema.items():
        at = f"{location}/{keyword.replace('~', '~0').replace('/', '~1')}"
        if keyword == "additionalProperties" and value is not False:
            yield from _assertions(value, at)
        elif keyword in ASSERTIONS:
            yield at
        elif keyword in ("properties", "patternProperties", "$defs", "dependentSchemas"):
            for name, inner in value.items():
                yield from _assertions(inner, f"{at}/{name.replace('~', '~0').replace('/', '~1')}")
        elif keyword in ("then", "else", "items"):
            yield from _assertions(value, at)
        elif keyword == "allOf":
            for index, inner in enumerate(value):
                yield from _assertions(inner, f"{at}/{index}")


def sites(schema: str, document: Any, version: str = collection.CURRENT) -> Iterator[Site]:
    """Yield every schema object that applies to a value of a valid document; branches of ``anyOf`` are none."""
    identifier = collection.schema_id(schema, version)
    root = collection.read(schema, version)
    yield from _sites(Site(schema, root, identifier, f"{identifier}#", (), document))


def _sites(site: Site) -> Iterator[Site]:
    yield site
    schema, value = site.schema, site.value
    if "$ref" in schema:
        target, _, fragment = schema["$ref"].partition("#")
        base = target or site.base
        location = f"{base}#{fragment}"
        yield from _sites(Site(f"{site.way}/$ref", collection.node(location), base, location, site.path, value))
    for index, inner in enumerate(schema.get("allOf", ())):
        yield from _sites(site.inner("allOf", str(index), schema=inner))
    if "if" in schema:
        branch = "then" if _fits(site, "if") else "else"
        if branch in schema:
            yield from _sites(site.inner(branch, schema=schema[branch]))
    if "anyOf" in schema and "enum" in schema["anyOf"][0] and value not in schema["anyOf"][0]["enum"]:
        yield from _sites(site.inner("anyOf", "1", schema=schema["anyOf"][1]))  # a value of one's own in an open list
    if isinstance(value, dict):
        yield from _members(site)
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from _sites(site.inner("items", schema=schema["items"], path=(*site.path, index), value=item))


def _members(site: Site) -> Iterator[Site]:
    properties = site.schema.get("properties", {})
    patterns = site.schema.get("patternProperties", {})
    additional = site.schema.get("additionalProperties")
    for key, item in site.value.items():
        path = (*site.path, key)
        if key in properties:
            yield from _sites(site.inner("properties", key, schema=properties[key], path=path, value=item))
        for pattern, inner in patterns.items():
            if re.search(pattern, key):
                yield from _sites(site.inner("patternProperties", pattern, schema=inner, path=path, value=item))
        if isinstance(additional, dict) and not _is_named(site, key):
            yield from _sites(site.inner("additionalProperties", schema=additional, path=path, value=item))
        if key in site.schema.get("dependentSchemas", {}):
            inner = site.schema["dependentSchemas"][key]
            yield from _sites(site.inner("dependentSchemas", key, schema=inner))
    for key, inner in properties.items():
        if inner is False or inner.get("not") == {}:
            yield site.inner("properties", key, schema={"not": {}}, path=(*site.path, key), value=None)


def _is_named(site: Site, key: str) -> bool:
    """Whether the schema names a member, or a pattern that it fits."""
    patterns = site.schema.get("patternProperties", {})
    return key in site.schema.get("properties", {}) or any(re.search(pattern, key) for pattern in patterns)


def _fits(site: Site, keyword: str) -> bool:
    validator = reference_validator("common/text", collection.CURRENT)
    fits: bool = validator.evolve(schema={"$ref": f"{site.location}/{keyword}"}).is_valid(site.value)
    return fits


def replaced(document: Any, path: Path, value: Any) -> Any:
    """Return the document with another value at ``path``; nothing of the given one is changed."""
    if not path:
        return value
    result = copy.copy(document)
    if isinstance(result, dict):
        result[path[0]] = replaced(result.get(path[0]), path[1:], value)
    else:
        result[int(path[0])] = replaced(result[int(path[0])], path[1:], value)
    return result


Broken = Iterator[tuple[str, Any, Path]]
"""Operator, the new value for the site, the place of the fault."""


def _broken(site: Site, keyword: str) -> Broken:
    make = _OPERATORS.get(keyword)
    kind = _KINDS.get(keyword)
    if make is not None and (kind is None or isinstance(site.value, kind)):
        for operator, new in make(site):
            yield operator, new, site.path


_SAMPLES: dict[str, Any] = {"null": None, "boolean": True, "string": "text", "number": 1.5, "array": [], "object": {}}


def _type(site: Site) -> Iterator[tuple[str, Any]]:
    stated = site.schema["type"]
    accepted = {stated} if isinstance(stated, str) else set(stated)
    for name, sample in _SAMPLES.items():
        if name not in accepted:
            yield f"wrong-type:{name}", sample
    if "integer" in accepted and "number" not in accepted and type(site.value) is int:
        yield "whole-float", float(site.value)


def _pattern(site: Site) -> Iterator[tuple[str, Any]]:
    value, pattern = site.value, site.schema["pattern"]
    strict = re.compile(pattern.removesuffix("$") + r"\Z")
    for new in ("§" + value, value + " §", value[::-1], value.swapcase(), "§", ""):
        if not strict.search(new):
            yield "pattern-break", new
            break
    if not strict.search(value + "\n"):
        yield "line-feed", value + "\n"
    foreign = re.sub("[0-9]", lambda match: chr(0x660 + int(match[0])), value)
    if foreign != value and not strict.search(foreign):
        yield "foreign-digits", foreign


def _not(site: Site) -> Iterator[tuple[str, Any]]:
    refused = site.schema["not"]
    if refused == {}:
        yield "forbidden", _sample(site)
    elif "enum" in refused:
        yield "refused-value", refused["enum"][0]
    elif isinstance(site.value, str):
        yield "control-character", site.value + "\x07"
        yield "line-feed", site.value + "\n"


def _sample(site: Site) -> Any:
    """A value for a member that must not stand there: the first example of the member where it may."""
    key = site.path[-1]
    location = site.location
    while "#/" in location:
        location = location.rpartition("/")[0]
        node = collection.node(location)
        about = node.get("properties", {}).get(key, {}) if isinstance(node, dict) else {}
        if "examples" in about:
            return about["examples"][0]
    raise AssertionError(f"no example of {key!r}")


def _length(site: Site, *, more: bool) -> Iterator[tuple[str, Any]]:
    if more:
        limit = site.schema["maxLength"]
        yield "too-long", site.value + (site.value[-1:] or "a") * (limit + 1 - len(site.value))
    else:
        yield "too-short", site.value[: site.schema["minLength"] - 1]


def _range(keyword: str, step: float) -> Callable[[Site], Iterator[tuple[str, Any]]]:
    def make(site: Site) -> Iterator[tuple[str, Any]]:
        if isinstance(site.value, (int, float)) and not isinstance(site.value, bool):
            yield "out-of-range", site.schema[keyword] + step

    return make


def _items(site: Site, *, more: bool) -> Iterator[tuple[str, Any]]:
    if not more:
        yield "too-few", site.value[: site.schema["minItems"] - 1]
        return
    items = site.value or [_item(site)]
    count = site.schema["maxItems"] + 1
    yield "too-many", (items * (count // len(items) + 1))[:count]


def _item(site: Site) -> Any:
    """An item for a list that is empty: one of the examples of the list, or of its items."""
    for example in site.schema.get("examples", ()):
        if example:
            return example[0]
    about = site.schema["items"]
    if "$ref" in about:
        target, _, fragment = about["$ref"].partition("#")
        about = collection.node(f"{target or site.base}#{fragment}")
    return about["examples"][0] if "examples" in about else {"integer": 1, "string": "text"}[about["type"]]


def _unique(site: Site) -> Iterator[tuple[str, Any]]:
    if site.value:
        yield "twice", [*site.value, site.value[0]]


def _properties(site: Site, *, more: bool) -> Iterator[tuple[str, Any]]:
    if not more:
        yield "too-few", dict(list(site.value.items())[: site.schema["minProperties"] - 1])
        return
    filler = next(iter(site.value.values()), "1")
    extra = {f"k{index}": filler for index in range(site.schema["maxProperties"] + 1 - len(site.value))}
    yield "too-many", {**site.value, **extra}


def _required(site: Site) -> Iterator[tuple[str, Any]]:
    for key in site.schema["required"]:
        yield f"drop:{key}", {name: item for name, item in site.value.items() if name != key}


def _dependent(site: Site) -> Iterator[tuple[str, Any]]:
    for present, needed in site.schema["dependentRequired"].items():
        for key in needed if present in site.value else ():
            yield f"drop:{present}:{key}", {name: item for name, item in site.value.items() if name != key}


def _additional(site: Site) -> Iterator[tuple[str, Any]]:
    if site.schema["additionalProperties"] is False:
        key = next(key for key in ("notAMember", "$notAMember") if not _is_named(site, key))
        yield "unknown-key", {**site.value, key: 1}


def _names(site: Site) -> Iterator[tuple[str, Any]]:
    rules = site.schema["propertyNames"]
    if "$ref" in rules:
        rules = collection.node(rules["$ref"])
    value: Any = next(iter(site.value.values()), {})
    if "pattern" in rules:
        yield "key-pattern-break", {**site.value, " §": value}
    if rules.get("minLength"):
        yield "key-too-short", {**site.value, "": value}
    if "maxLength" in rules:
        yield "key-too-long", {**site.value, "k:" + "k" * rules["maxLength"]: value}


def _enum(site: Site) -> Iterator[tuple[str, Any]]:
    options = site.schema["enum"]
    if isinstance(site.value, str):
        yield from (("unlisted", new) for new in (site.value + "_", site.value.swapcase()) if new not in options)
        yield "line-feed", site.value + "\n"
    else:
        yield "unlisted", max(options) + 1


def _const(site: Site) -> Iterator[tuple[str, Any]]:
    yield "other-constant", (not site.value) if isinstance(site.value, bool) else f"{site.value}_"


def _any(site: Site) -> Iterator[tuple[str, Any]]:
    branches = site.schema["anyOf"]
    if "enum" in branches[0]:
        yield "unlisted", f"{site.value}_"
        yield "line-feed", f"{site.value}\n"
        yield "own-value-malformed", "x-"
    elif all(set(branch) == {"required"} for branch in branches):
        keys = {key for branch in branches for key in branch["required"]}
        yield "drop-all", {name: item for name, item in site.value.items() if name not in keys}


_KINDS: dict[str, type] = {
    **dict.fromkeys(("pattern", "minLength", "maxLength"), str),
    **dict.fromkeys(("minItems", "maxItems", "uniqueItems"), list),
    **dict.fromkeys(("minProperties", "maxProperties", "required", "dependentRequired"), dict),
    **dict.fromkeys(("additionalProperties", "propertyNames"), dict),
}
"""Keywords that say something of values of one type only."""

_OPERATORS: dict[str, Callable[[Site], Iterator[tuple[str, Any]]]] = {
    "type": _type,
    "pattern": _pattern,
    "not": _not,
    "minLength": lambda site: _length(site, more=False),
    "maxLength": lambda site: _length(site, more=True),
    "minimum": _range("minimum", -1),
    "maximum": _range("maximum", 1),
    "exclusiveMinimum": _range("exclusiveMinimum", 0),
    "exclusiveMaximum": _range("exclusiveMaximum", 0),
    "minItems": lambda site: _items(site, more=False),
    "maxItems": lambda site: _items(site, more=True),
    "uniqueItems": _unique,
    "minProperties": lambda site: _properties(site, more=False),
    "maxProperties": lambda site: _properties(site, more=True),
    "required": _required,
    "dependentRequired": _dependent,
    "additionalProperties": _additional,
    "propertyNames": _names,
    "enum": _enum,
    "const": _const,
    "anyOf": _any,
}
