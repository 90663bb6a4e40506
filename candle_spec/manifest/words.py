"""Faults in words: each becomes one or more problems with a permanent code, what was expected, and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from candle_spec import pointer
from candle_spec.errors import InvalidInputError
from candle_spec.manifest import collection
from candle_spec.manifest.engines import Fault, key_faults, telling
from candle_spec.manifest.spelling import nearest
from candle_spec.problems import Location, Problem, Severity

MISSING: Final = "CKP1001"
UNKNOWN: Final = "CKP1002"
WRONG: Final = "CKP1003"

_TYPES: Final = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
}
_ARTICLES: Final = {"object": "an object", "array": "a list", "string": "a string", "boolean": "a boolean",
                    "integer": "an integer", "number": "a number", "null": "null"}  # fmt: skip
_BOUNDS: Final = {
    "minimum": "is less than {}",
    "maximum": "is more than {}",
    "exclusiveMinimum": "is not more than {}",
    "exclusiveMaximum": "is not less than {}",
    "minLength": "has fewer than {} characters",
    "maxLength": "has more than {} characters",
    "minItems": "has fewer than {} items",
    "maxItems": "has more than {} items",
    "minProperties": "has fewer than {} members",
    "maxProperties": "has more than {} members",
}


def describe(fault: Fault, *, newer_minor: bool = False) -> Iterator[Problem]:
    """Yield the problems that a fault stands for.

    Args:
        fault: The fault.
        newer_minor: Whether the document is of a newer minor version than the schema: then members that are not
            known, and unknown values of open lists, are warnings.
    """
    if fault.keyword == "anyOf" and _is_open_list(fault):
        yield _enum(fault, _options(fault), severity=Severity.WARNING if newer_minor else Severity.ERROR)
    elif fault.keyword == "additionalProperties":
        yield from _unknown_keys(fault, Severity.WARNING if newer_minor else Severity.ERROR)
    elif fault.keyword in ("anyOf", "oneOf"):
        yield from _branches(fault)
    else:
        yield from _DESCRIBERS.get(fault.keyword, _other)(fault)


def _problem(
    code: str,
    fault: Fault,
    message: str,
    hint: str = "",
    *,
    key: str | None = None,
    severity: Severity = Severity.ERROR,
) -> Problem:
    path = fault.path if key is None else (*fault.path, key)
    return Problem(code, severity, message, Location(pointer=pointer.join(path)), hint)


def _name(fault: Fault) -> str:
    """How a message calls the value: by its key, or by its place in a list."""
    if not fault.path:
        return "the document"
    last = fault.path[-1]
    return repr(last) if isinstance(last, str) else f"item {last} of {_key_above(fault.path)}"


def _key_above(path: Sequence[str | int]) -> str:
    return next((repr(part) for part in reversed(path) if isinstance(part, str)), "the document")


def show(value: Any, limit: int = 80) -> str:
    """Return a value as JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _missing(fault: Fault) -> Iterator[Problem]:
    for key in fault.schema["required"]:
        if key not in fault.instance:
            yield _lacks(fault, key)


def _lacks(fault: Fault, key: str, because: str = "") -> Problem:
    about = _property(fault.location, key)
    title = f" ({about['title']})" if "title" in about else ""
    examples = about.get("examples") or ()
    hint = f"for example {show(key)}: {show(examples[0], 200)}" if examples else ""
    return _problem(MISSING, fault, f"{_name(fault)} lacks {key!r}{title}{because}", hint)


def _missing_dependent(fault: Fault) -> Iterator[Problem]:
    for present, needed in fault.schema["dependentRequired"].items():
        if present in fault.instance:
            for key in needed:
                if key not in fault.instance:
                    yield _lacks(fault, key, f", which must stand with {present!r}")


def _property(location: str, key: str) -> Mapping[str, Any]:
    """Return what the schema says of a member: beside the assertion, or in the schema of which that is a branch."""
    while "#/" in location:
        found = _properties(location).get(key)
        if isinstance(found, dict) and "title" in found:
            return found
        location = location.rpartition("/")[0]
    found = _properties(location.removesuffix("/")).get(key)
    return found if isinstance(found, dict) else {}


def _properties(location: str) -> Mapping[str, Any]:
    try:
        schema = collection.node(location)
    except InvalidInputError:
        return {}
    return schema.get("properties", {}) if isinstance(schema, dict) else {}


def _unknown_keys(fault: Fault, severity: Severity) -> Iterator[Problem]:
    known = fault.schema.get("properties", {})
    forms = [re.compile(form) for form in fault.schema.get("patternProperties", {})]
    for key in fault.instance:
        if key not in known and not any(form.search(key) for form in forms):
            near = nearest(key, known)
            listed = f"known: {', '.join(known)}" if len(known) <= 12 else ""
            hint = f"did you mean {near!r}?" if near else listed
            message = f"{_name(fault)} has no member {key!r} in this version"
            yield _problem(UNKNOWN, fault, message, hint, key=key, severity=severity)


def _keys(fault: Fault) -> Iterator[Problem]:
    """Keys that are not as keys of that object are."""
    for key in fault.instance:
        if refused := telling(key_faults(fault, key)):
            rule = refused[0]
            reason = {
                "pattern": f"is not of the form {rule.schema.get('pattern')}",
                "not": "holds a control character",
            }.get(rule.keyword) or _BOUNDS.get(rule.keyword, "breaks {}").format(rule.schema.get(rule.keyword))
            yield _problem(WRONG, fault, f"the key {show(key)} {reason}", _example(rule), key=key)


def _type(fault: Fault) -> Iterator[Problem]:
    stated = fault.schema["type"]
    types = [stated] if isinstance(stated, str) else stated
    expected = " or ".join(_ARTICLES[each] for each in types)
    got = "null" if fault.instance is None else _TYPES.get(type(fault.instance), type(fault.instance).__name__)
    hint = _example(fault)
    if types == ["string"] and type(fault.instance) in (int, float, bool):
        hint = f"write it in quotes; {hint}" if hint else "write it in quotes"
    yield _problem(WRONG, fault, f"{_name(fault)} is {got}, not {expected}", hint)


def _example(fault: Fault) -> str:
    examples = fault.schema.get("examples") or ()
    return f"for example {show(examples[0], 200)}" if examples else ""


def _options(fault: Fault) -> list[Any]:
    if fault.keyword == "enum":
        return list(fault.schema["enum"])
    return list(fault.schema["anyOf"][0]["enum"])


def _is_open_list(fault: Fault) -> bool:
    """Open lists are written ``anyOf: [{enum: […]}, {$ref: own_value}]``."""
    first = fault.schema["anyOf"][0]
    return set(first) == {"enum"}


def _closed(fault: Fault) -> Iterator[Problem]:
    yield _enum(fault, _options(fault))


def _enum(fault: Fault, options: Sequence[Any], *, severity: Severity = Severity.ERROR) -> Problem:
    near = (
        nearest(fault.instance, [each for each in options if isinstance(each, str)])
        if isinstance(fault.instance, str)
        else ""
    )
    listed = (
        f"one of {', '.join(str(each) for each in options)}" if len(options) <= 25 else "see the schema for the list"
    )
    own = "; a value of your own starts with x-" if fault.keyword == "anyOf" else ""
    hint = f"did you mean {near!r}?" if near else listed + own
    message = f"{_name(fault)} is {show(fault.instance)}, which is not in the list of known values"
    return _problem(WRONG, fault, message, hint, severity=severity)


def _const(fault: Fault) -> Iterator[Problem]:
    yield _problem(WRONG, fault, f"{_name(fault)} is {show(fault.instance)}, not {show(fault.schema['const'])}")


def _pattern(fault: Fault) -> Iterator[Problem]:
    message = f"{_name(fault)} is {show(fault.instance)}, which is not of the form {fault.schema['pattern']}"
    yield _problem(WRONG, fault, message, _example(fault))


def _not(fault: Fault) -> Iterator[Problem]:
    refused = fault.schema["not"]
    if not refused:
        yield _problem(UNKNOWN, fault, f"{_name(fault)} must not stand here", str(fault.schema.get("description", "")))
    elif "pattern" in refused:
        yield _problem(
            WRONG, fault, f"{_name(fault)} holds a control character (such as a line break): {show(fault.instance)}"
        )
    else:
        hint = str(fault.schema.get("description", ""))
        yield _problem(WRONG, fault, f"{_name(fault)} is {show(fault.instance)}, which is refused", hint)


def _false(fault: Fault) -> Iterator[Problem]:
    yield _problem(UNKNOWN, fault, f"{_name(fault)} must not stand here")


def _unique(fault: Fault) -> Iterator[Problem]:
    yield _problem(WRONG, fault, f"{_name(fault)} holds an item twice")


def _other(fault: Fault) -> Iterator[Problem]:
    if fault.keyword in ("minLength", "minItems", "minProperties") and not fault.instance:
        yield _problem(WRONG, fault, f"{_name(fault)} is empty", _example(fault))
    elif fault.keyword in _BOUNDS:
        bound = _BOUNDS[fault.keyword].format(fault.schema[fault.keyword])
        yield _problem(WRONG, fault, f"{_name(fault)} {bound}", _example(fault))
    else:
        yield _problem(WRONG, fault, f"{_name(fault)} breaks the rule {fault.keyword} of the schema")


def _branches(fault: Fault) -> Iterator[Problem]:
    """Report the branch that fits best: where only members lack, one problem that names all of them."""
    if all(
        len(branch) == 1 and branch[0].keyword == "required" and branch[0].path == fault.path
        for branch in fault.branches
    ):
        keys = [key for branch in fault.branches for key in branch[0].schema["required"]]
        yield _problem(
            MISSING, fault, f"{_name(fault)} has none of {', '.join(map(repr, keys))}", "one of them is needed"
        )
    elif not fault.branches:
        yield _problem(WRONG, fault, f"{_name(fault)} fits more than one of the forms that exclude each other")
    else:
        best = min(fault.branches, key=lambda branch: _distance(branch, fault.path))
        for each in telling(best):
            yield from describe(each)


def _distance(branch: Sequence[Fault], path: tuple[str | int, ...]) -> tuple[bool, int, int]:
    wrong_type = any(each.keyword == "type" and each.path == path for each in branch)
    return wrong_type, -max((len(each.path) for each in branch), default=0), len(branch)


_DESCRIBERS: Final[Mapping[str, Callable[[Fault], Iterator[Problem]]]] = {
    "required": _missing,
    "dependentRequired": _missing_dependent,
    "propertyNames": _keys,
    "type": _type,
    "enum": _closed,
    "const": _const,
    "pattern": _pattern,
    "not": _not,
    "false": _false,
    "uniqueItems": _unique,
}
