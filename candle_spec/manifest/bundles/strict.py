"""The same schema, its types spelled out: what ajv's strict mode asks for (https://ajv.js.org/strict-mode.html).

Strict types: a schema has one type, and only keywords of that type. A schema of several types becomes ``anyOf`` of the
types, and what is about one of them stands below ``if``/``then`` of that type, so that a fault is still found where it
is. Strict required: what is required is named in ``properties``. Neither changes which documents are valid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from candle_spec.manifest.bundles.subschemas import IN_PLACE, KEYWORDS, rebuilt

_Types = frozenset[str]
_UNKNOWN: Final[_Types] = frozenset()


def strict(schema: Any, context: _Types = _UNKNOWN) -> Any:
    """Return the same schema, its types spelled out.

    Args:
        schema: A schema of draft 2020-12.
        context: Types that the value is known to have, by a schema that holds this one.
    """
    if not isinstance(schema, Mapping):
        return schema
    named = _with_required_named(schema)
    stated = frozenset([named["type"]] if isinstance(named.get("type"), str) else named.get("type", ()))
    types = stated or context
    parts = _parts(named)
    if len(stated - {"null"}) > 1 or (not types and parts):
        return _by_type(named, stated, parts)
    return rebuilt(named, lambda keyword, inner: strict(inner, _context(keyword, types)))


def _parts(schema: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the keywords that are about one type, by type."""
    found = {kind: {key: schema[key] for key in keywords if key in schema} for kind, keywords in KEYWORDS.items()}
    return {kind: keywords for kind, keywords in found.items() if keywords}


def _by_type(schema: Mapping[str, Any], stated: _Types, parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return a schema of several types, or of any, with the keywords of each type below a condition."""
    apart = {"type", *(key for keywords in parts.values() for key in keywords)}
    kept = {key: value for key, value in schema.items() if key not in apart}
    result = rebuilt(kept, lambda keyword, inner: strict(inner, _context(keyword, _UNKNOWN)))
    conditions: list[Any] = [{"anyOf": [{"type": each} for each in schema["type"]]}] if stated else []
    for kind, keywords in parts.items():
        whole = kind == "number" and "integer" in stated and "number" not in stated
        about = "integer" if whole else kind
        if not stated or about in stated:
            conditions.append({"if": {"type": about}, "then": strict({"type": about, **keywords})})
    if conditions:
        result["allOf"] = [*conditions, *result.get("allOf", ())]
    return result


def _context(keyword: str, types: _Types) -> _Types:
    if keyword in IN_PLACE:
        return types
    return frozenset({"string"}) if keyword == "propertyNames" else _UNKNOWN


def _with_required_named(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Name in ``properties`` what is required, unless that would allow what is refused now."""
    known = schema.get("properties", {})
    unnamed = [name for name in schema.get("required", ()) if name not in known]
    if not unnamed or {"additionalProperties", "unevaluatedProperties"} & schema.keys():
        return schema
    return {**schema, "properties": {**known, **dict.fromkeys(unnamed, True)}}
