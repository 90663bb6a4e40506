"""Queries over metadata: operators, levels, the join of queries, and the filter of what a user may see.

Semantics follow the SQL of DME (https://github.com/CBIIT/HPC_DME_APIs, ``HpcMetadataDAOImpl``): EQUAL minds case, LIKE
does not; without a filter any level counts, inherited ones too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from candle_spec.standin.database import Node
from candle_spec.standin.dme import Dme
from candle_spec.standin.facts import limit
from candle_spec.standin.messages import refusal
from candle_spec.standin.paths import parent

_NUMBERS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "LESS_THAN": lambda a, b: a < b,
    "LESS_OR_EQUAL": lambda a, b: a <= b,
    "GREATER_THAN": lambda a, b: a > b,
    "GREATER_OR_EQUAL": lambda a, b: a >= b,
}
OPERATORS: Final = (
    "EQUAL NOT_EQUAL LIKE NUM_LESS_THAN NUM_LESS_OR_EQUAL NUM_GREATER_THAN NUM_GREATER_OR_EQUAL TIMESTAMP_LESS_THAN "
    "TIMESTAMP_LESS_OR_EQUAL TIMESTAMP_GREATER_THAN TIMESTAMP_GREATER_OR_EQUAL PATH_EQUAL PATH_LIKE"
).split()

_ORACLE_DATE: Final = (
    ("YYYY", "%Y"),
    ("HH24", "%H"),
    ("MM", "%m"),
    ("DD", "%d"),
    ("MI", "%M"),
    ("SS", "%S"),
)


class MalformedError(Exception):
    """A request that the service cannot read at all."""


@dataclass(frozen=True, slots=True)
class Row:
    """One metadata entry as a query sees it: its level from the item (1) upwards, and the level's label."""

    attribute: str
    value: str
    level: int
    label: str


def rows_of(dme: Dme, node: Node) -> list[Row]:
    """Return the metadata of an item with all that it inherits."""
    found: list[Row] = []
    path, level = node.path, 1
    current: Node | None = node
    while current is not None and path != dme.rules.base_path:
        values = dme.database.metadata(current.id)
        label = "DataObject" if current.kind == "file" else values.get("collection_type", "")
        found += [Row(name, value, level, label) for name, value in values.items()]
        path, level = parent(path), level + 1
        current = dme.database.node(path)
    return found


def allowed(rows: Iterable[Row], groups: Iterable[str]) -> bool:
    """Whether a collection query may show an item: an asset that is public, or of one of the caller's groups."""
    mine = tuple(groups)
    return any(
        row.attribute == "access_group"
        and row.label == "Asset"
        and (row.value == "public" or any(like(f"%{group}%", row.value) for group in mine))
        for row in rows
    )


def matches(query: Mapping[str, Any], node: Node, rows: list[Row]) -> bool:
    """Whether an item satisfies a compound query that was checked."""
    results = [matches(inner, node, rows) for inner in query.get("compoundQueries") or ()]
    results += [_simple(inner, node, rows) for inner in query.get("queries") or ()]
    return all(results) if query["operator"] == "AND" else any(results)


def check(query: Any, depth: int = 1) -> None:
    """Refuse a query that is not complete.

    Raises:
        RefusedError: With the server's words.
        MalformedError: A member has a type or a value that it cannot have.
    """
    if query is None:
        raise refusal("null_query")
    if not isinstance(query, dict):
        raise MalformedError
    if depth > limit("query_depth"):
        raise refusal("query_depth", depth=limit("query_depth"))
    operator = query.get("operator")
    if operator is None:
        raise refusal("null_join", query=_shown(query), operators="AND, OR")
    if operator not in ("AND", "OR"):
        raise MalformedError
    if not query.get("queries") and not query.get("compoundQueries"):
        raise refusal("empty_query", query=_shown(query))
    for simple in query.get("queries") or ():
        _check_simple(simple)
    for inner in query.get("compoundQueries") or ():
        check(inner, depth + 1)


def _check_simple(query: Any) -> None:
    if not isinstance(query, dict):
        raise MalformedError
    operator, match = query.get("operator"), query.get("attributeMatch", "EXACT")
    if operator is None:
        raise refusal("null_operator", query=_shown(query), operators=", ".join(OPERATORS))
    if operator not in OPERATORS or match not in ("ANY", "EXACT", "PATH"):
        raise MalformedError
    if match == "EXACT" and not query.get("attribute"):
        raise refusal("null_attribute", query=_shown(query))
    if match == "ANY" and query.get("attribute"):
        raise refusal("any_attribute", query=_shown(query))
    if query.get("value") in (None, ""):
        raise refusal("null_value", query=_shown(query))
    if query.get("levelFilter") is not None:
        _check_level(query["levelFilter"])
    if operator.startswith("TIMESTAMP") and not query.get("format"):
        raise refusal("no_format", query=_shown(query))


def _check_level(level: Mapping[str, Any]) -> None:
    if not level.get("operator"):
        raise refusal("no_level_operator", operators=", ".join(OPERATORS))
    if level.get("level") is None and not level.get("label"):
        raise refusal("no_level")
    if level.get("level") is not None and level.get("label") is not None:
        raise refusal("two_levels")


def _simple(query: Mapping[str, Any], node: Node, rows: list[Row]) -> bool:
    operator, value = str(query["operator"]), str(query["value"])
    if operator.startswith("PATH_") or query.get("attributeMatch") == "PATH":
        return _compare(operator.removeprefix("PATH_"), node.path, value, "")
    name = None if query.get("attributeMatch") == "ANY" else query["attribute"]
    return any(
        (name is None or row.attribute == name)
        and _at_level(query.get("levelFilter"), row)
        and _compare(operator, row.value, value, str(query.get("format", "")))
        for row in rows
    )


def _at_level(level: Mapping[str, Any] | None, row: Row) -> bool:
    if level is None:
        return row.level >= 1
    if level.get("label") is not None:
        return _compare(str(level["operator"]), row.label, str(level["label"]), "")
    return _compare(str(level["operator"]), str(row.level), str(level["level"]), "")


def _compare(operator: str, stored: str, wanted: str, form: str) -> bool:
    if operator == "EQUAL":
        return stored == wanted
    if operator == "NOT_EQUAL":
        return stored != wanted
    if operator == "LIKE":
        return like(wanted, stored)
    kind, _, comparison = operator.partition("_")
    try:
        if kind == "NUM":
            return _NUMBERS[comparison](float(stored), float(wanted))
        return _NUMBERS[comparison](_moment(stored, form), _moment(wanted, form))
    except ValueError:  # a value that is no number or no date is no hit
        return False


def _moment(text: str, form: str) -> float:
    for token, directive in _ORACLE_DATE:
        form = form.replace(token, directive)
    return datetime.strptime(text, form).timestamp()


def like(pattern: str, text: str) -> bool:
    """SQL's LIKE without regard of case: ``%`` any characters, ``_`` one."""
    parts = (".*" if one == "%" else "." if one == "_" else re.escape(one) for one in re.sub("%+", "%", pattern))
    return re.fullmatch("".join(parts), text, re.IGNORECASE | re.DOTALL) is not None


def _shown(query: Mapping[str, Any]) -> str:
    """A query in the way in which Java shows an object; the real one has the object's address in it."""
    return ",".join(f"{key}={value}" for key, value in query.items())
