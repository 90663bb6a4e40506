"""The rules of a template that a record breaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, Final

from candle_spec.errors import LimitExceededError
from candle_spec.repositories.engine.record import Finding
from candle_spec.repositories.engine.source import gather, values
from candle_spec.repositories.kinds import Kind
from candle_spec.repositories.language.conditions import holds
from candle_spec.repositories.language.rules import Rule
from candle_spec.repositories.language.terms import Pointer
from candle_spec.repositories.language.tree import Demand

WORK: Final = 2_000_000
"""Values that the rules of one template may look at."""


def broken(rules: list[Rule], documents: Mapping[str, Any]) -> Iterator[Finding]:
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
