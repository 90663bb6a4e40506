"""Which keywords of JSON Schema (draft 2020-12) hold schemas, and which are about one type."""

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


KEYWORDS: Final = {
    "object": (
        "additionalProperties dependentRequired dependentSchemas maxProperties minProperties patternProperties"
        " properties propertyNames required unevaluatedProperties"
    ).split(),
    "array": (
        "contains items maxContains maxItems minContains minItems prefixItems unevaluatedItems uniqueItems"
    ).split(),
    "string": "maxLength minLength pattern".split(),
    "number": "exclusiveMaximum exclusiveMinimum maximum minimum multipleOf".split(),
}
"""Keywords that say something of values of one type alone; ``number`` stands for ``integer``, too."""


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
