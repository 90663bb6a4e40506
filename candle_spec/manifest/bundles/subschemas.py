"""Which keywords of JSON Schema (draft 2020-12) hold schemas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

SINGLE: Final = frozenset(
    {"additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"}
    | {"unevaluatedItems", "unevaluatedProperties"}
)
"""Their value is a schema."""

LISTED: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
"""Their value is a list of schemas."""

NAMED: Final = frozenset({"$defs", "dependentSchemas", "patternProperties", "properties"})
"""Their value is an object of schemas."""

IN_PLACE: Final = frozenset({"allOf", "anyOf", "dependentSchemas", "else", "if", "not", "oneOf", "then"})
"""Their schemas are about the same value as the schema that holds them."""


def rebuilt(schema: Mapping[str, Any], of: Callable[[str, Any], Any]) -> dict[str, Any]:
    """Return a schema in which each schema directly within has become what ``of(keyword, schema)`` gives."""
    result: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in SINGLE:
            result[keyword] = of(keyword, value)
        elif keyword in LISTED:
            result[keyword] = [of(keyword, each) for each in value]
        elif keyword in NAMED:
            result[keyword] = {name: of(keyword, each) for name, each in value.items()}
        else:
            result[keyword] = value
    return result
