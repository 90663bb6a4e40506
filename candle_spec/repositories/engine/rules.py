"""The rules of a template: assertions that must, should or may hold of a record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from candle_spec.errors import LimitExceededError
from candle_spec.repositories.engine.record import Finding, Kind
from candle_spec.repositories.engine.source import gather, values
from candle_spec.repositories.language.conditions import Condition, ConditionParser, holds
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


WORK: Final = 2_000_000
"""Values that the rules of one template may look at."""


def apply(rules: list[Rule], documents: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield a finding for every rule that a record breaks; one of level must makes it invalid.

    Raises:
        LimitExceededError: The rules look at more values than ``WORK``.
    """
    looks = count(1)
    for rule in rules:
        document = documents.get(rule.record)
        if document is None:
            continue
        if rule.each is None:
            yield from _ask(rule, {"": document}, "", looks)
            continue
        for listed, origin in values(document, rule.each.parts):
            for index, item in enumerate(listed if isinstance(listed, list) else [listed]):
                yield from _ask(rule, {"": document, "item": item}, f"{origin}/{index}", looks)


def _ask(rule: Rule, scope: Mapping[str, Any], at: str, looks: Iterator[int]) -> Iterator[Finding]:
    def look(pointer: Pointer, names: Mapping[str, Any]) -> Any:
        if next(looks) > WORK:
            raise LimitExceededError(f"the rules look at more than {WORK} values", location=f"rule {rule.id}")
        return gather(names[pointer.scope], pointer)[0]

    def bind(names: Mapping[str, Any]) -> Any:
        return lambda pointer: look(pointer, names)

    def more(name: str, item: Any) -> Any:
        return bind({**scope, name: item})

    if rule.when and not holds(rule.when, bind(scope), more):
        return
    if holds(rule.assertion, bind(scope), more):
        return
    kind = Kind.INVALID if rule.level is Demand.MUST else Kind.MISSING_RECOMMENDED
    if rule.level is Demand.MAY:
        kind = Kind.UNVERIFIED
    place = at or (f"/{'/'.join(rule.assertion.pointer.parts)}" if rule.assertion.pointer else "")
    words = f"{rule.message} ({rule.hint})" if rule.hint else rule.message
    yield Finding(kind, f"{rule.record}:{place}", rule.level, message=f"{words} [{rule.id}]")
