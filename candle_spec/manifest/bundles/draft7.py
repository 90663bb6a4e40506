"""A flat bundle in draft 7 of JSON Schema, which editors and older validators know.

Draft 7: https://json-schema.org/draft-07/json-schema-release-notes.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from candle_spec.errors import CorruptFileError
from candle_spec.manifest.bundles.subschemas import rebuilt

URI: Final = "http://json-schema.org/draft-07/schema#"

_UNSAYABLE: Final = frozenset(
    {"$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef", "$vocabulary"}
    | {"maxContains", "minContains", "unevaluatedItems", "unevaluatedProperties"}
)
"""What draft 7 has no words for. To leave it out would allow what the schema refuses."""


def converted(bundle: Mapping[str, Any]) -> dict[str, Any]:
    """Return a bundle of draft 2020-12 in draft 7; the same documents are valid.

    Raises:
        CorruptFileError: It uses what draft 7 cannot say.
    """
    result: dict[str, Any] = _schema(bundle)
    return {**result, "$schema": URI}


def _schema(schema: Any) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    unsayable = sorted(_UNSAYABLE & schema.keys())
    if unsayable:
        raise CorruptFileError(f"draft 7 of JSON Schema has nothing for {unsayable[0]!r}", hint="use draft 2020-12")
    result = rebuilt(schema, lambda _, inner: _schema(inner))
    result = _list_items(_dependencies(result))
    if "$defs" in result:
        result["definitions"] = result.pop("$defs")
    return _reference(result)


def _dependencies(schema: dict[str, Any]) -> dict[str, Any]:
    """``dependencies`` were both: lists of members, and schemas."""
    members, schemas = schema.pop("dependentRequired", {}), schema.pop("dependentSchemas", {})
    if members or schemas:
        schema["dependencies"] = {**members, **schemas}
        for key in members.keys() & schemas.keys():
            schema["dependencies"][key] = {"allOf": [schemas[key], {"type": "object", "required": members[key]}]}
    return schema


def _list_items(schema: dict[str, Any]) -> dict[str, Any]:
    """``items`` were both: the first items, and all; what follows the first was ``additionalItems``."""
    if "prefixItems" in schema:
        following = {"additionalItems": schema.pop("items")} if "items" in schema else {}
        schema |= {"items": schema.pop("prefixItems"), **following}
    return schema


def _reference(schema: dict[str, Any]) -> dict[str, Any]:
    """What stands beside a ``$ref`` was passed over in draft 7: the reference goes into ``allOf``."""
    if "$ref" not in schema:
        return schema
    reference = {"$ref": schema["$ref"].replace("#/$defs/", "#/definitions/", 1)}
    others = {key: value for key, value in schema.items() if key != "$ref"}
    return {**others, "allOf": [reference, *others.get("allOf", ())]} if others else reference
