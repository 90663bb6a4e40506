"""The rules of a template: assertions that must, should or may hold of a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from candle_spec.repositories.language.conditions import Condition, ConditionParser
from candle_spec.repositories.language.terms import Mistake, Pointer, parse_pointer
from candle_spec.repositories.language.tree import Demand


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        record: The document it is about.
        each: The list whose items it is about, named ``item``.
    """

    id: str
    level: Demand
    record: str
    each: Pointer | None
    when: Condition | None
    assertion: Condition
    message: str
    hint: str


def parse(document: Mapping[str, Any]) -> tuple[list[Rule], list[Mistake]]:
    """Return the rules of ``rules.yaml``, and what is wrong with them."""
    found: list[Rule] = []
    parser = ConditionParser({}, [])
    for index, about in enumerate(document.get("rules") or ()):
        at = f"/rules/{index}"
        if not isinstance(about, dict) or not {"id", "level", "record", "assert", "message"} <= about.keys():
            continue  # its schema says so
        listed = parse_pointer(str(about["each"]), {}, ()) if "each" in about else None
        if isinstance(listed, str):
            parser.wrong.append((f"{at}/each", listed))
            continue
        scopes = ("item",) if listed else ()
        assertion = parser.parse(about["assert"], f"{at}/assert", scopes)
        when = parser.parse(about["when"], f"{at}/when", scopes) if "when" in about else None
        if assertion and about["level"] in list(Demand):
            level, message, hint = Demand(about["level"]), str(about["message"]), str(about.get("hint", ""))
            found.append(Rule(str(about["id"]), level, str(about["record"]), listed, when, assertion, message, hint))
    return found, [Mistake(at, message) for at, message in parser.wrong]
