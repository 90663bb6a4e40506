"""The server's validation of metadata, step by step as its code does it.

Sources, all of DME (https://github.com/CBIIT/HPC_DME_APIs): ``HpcDomainValidator.isValidMetadataEntries``,
``HpcMetadataServiceImpl.validateCollectionTypeUpdate``, ``HpcMetadataValidator.validateMetadata``. Where the order of
two steps decides which refusal a caller sees, it is the order of that code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from candle_spec.standin import java
from candle_spec.standin.messages import refusal
from candle_spec.standin.rules import Rule, system_attributes

TYPE: Final = "collection_type"
_DATE: Final = "yyyy-MM-dd"


@dataclass(slots=True)
class Entry:
    """One entry of a request; an empty value asks for the attribute to be deleted."""

    attribute: str
    value: str
    date_format: str | None = None


@dataclass(slots=True)
class _Run:
    """One validation: the entries of the request as they change, and the values that the rules see."""

    entries: list[Entry]
    values: dict[str, str]
    mandatory: list[str] = field(default_factory=list)
    conditional: list[str] = field(default_factory=list)


def entries_of(rows: Iterable[Mapping[str, Any]]) -> list[Entry]:
    """Return the entries of a request."""
    return [Entry(_text(row.get("attribute")), _text(row.get("value")), row.get("dateFormat")) for row in rows]


def _text(value: Any) -> str:
    """A member as the server reads it: what is no text becomes one, nothing becomes an empty one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def check_complete(entries: Sequence[Entry], *, new: bool) -> None:
    """Trim all entries; refuse one without an attribute, and what is new without a value.

    What is empty is looked for first and trimmed afterwards: white space is no empty value, but becomes one.

    Raises:
        RefusedError: With the server's words.
    """
    empty: list[str] = []
    for entry in entries:
        if not entry.attribute:
            raise refusal("empty_entry")
        if new and not entry.value:
            empty.append(entry.attribute)
        else:
            entry.attribute, entry.value = java.trim(entry.attribute), java.trim(entry.value)
    if empty:
        raise refusal("empty_values", attributes=java.shown(empty))


def check_type_stays(entries: Iterable[Entry], stored: Mapping[str, str]) -> None:
    """Refuse to change the type of a collection.

    Raises:
        RefusedError: With the server's words.
    """
    for entry in entries:
        if entry.attribute == TYPE and TYPE in stored:
            if entry.value != stored[TYPE]:
                raise refusal("type_change")
            return


def validate(
    entries: Sequence[Entry],
    rules: Sequence[Rule],
    *,
    stored: Mapping[str, str] | None = None,
    collection_type: str = "",
    restricted: bool = False,
) -> list[Entry]:
    """Return the entries as they are to be stored: defaults added, what does not count made empty.

    Args:
        entries: Of the request, complete.
        rules: Those of collections or those of files.
        stored: All metadata of what is updated, the server's own included; ``None`` for what is new.
        collection_type: Of the collection that a file is in.
        restricted: Whether something new may only have attributes that a rule declares.

    Raises:
        RefusedError: With the server's words.
    """
    declared = {rule.attribute for rule in rules} if restricted and not stored else None
    run = _Run(list(entries), dict(stored or {}))
    _merge(run, declared)
    kind = collection_type or run.values.get(TYPE)
    for rule in rules:
        if rule.enabled and (kind is None or not rule.collection_types or kind in rule.collection_types):
            _apply(rule, run)
    if run.mandatory:
        raise refusal("missing_mandatory", attributes=java.shown(run.mandatory))
    if run.conditional:
        raise refusal("missing_conditional", attributes=java.shown(run.conditional))
    return run.entries


def _merge(run: _Run, declared: set[str] | None) -> None:
    """Put the entries over what is stored; an attribute comes once, is declared, and is not the server's own."""
    given: set[str] = set()
    for entry in run.entries:
        if not entry.value:
            run.values.pop(entry.attribute, None)
            continue
        if entry.attribute in given:
            raise refusal("not_unique", attribute=entry.attribute)
        given.add(entry.attribute)
        run.values[entry.attribute] = _in_system_format(entry)
        if declared is not None and entry.attribute not in declared:
            raise refusal("not_declared", attribute=entry.attribute)
    for attribute in system_attributes():
        if attribute in given:
            raise refusal("system_attribute", attribute=attribute)


def _in_system_format(entry: Entry) -> str:
    """The value as the rules see it: a date with a format of its own in that of the server."""
    if entry.date_format is None:
        return entry.value
    try:
        return java.format_date(java.parse_date(entry.value, entry.date_format), _DATE)
    except ValueError as error:
        raise refusal("own_format", attribute=entry.attribute) from error


def _apply(rule: Rule, run: _Run) -> None:
    """Apply one rule; a value that is not valid ends the validation, what is missing is told at its end."""
    name = rule.attribute
    if not rule.controller or _matches(rule, run.values):
        if rule.default and name not in run.values:
            run.entries.append(Entry(name, rule.default))
            run.values[name] = rule.default
        elif rule.controller and not run.values.get(name):
            run.conditional.append(name)
    else:
        run.values.pop(name, None)
        for entry in run.entries:
            if entry.attribute == name:
                entry.value = ""
                break
    value = run.values.get(name, "")
    if rule.mandatory and not value:
        run.mandatory.append(name)
    if rule.valid_values and value and value not in rule.valid_values:
        raise refusal("invalid_value", attribute=name, value=value, values=java.shown(rule.valid_values))
    if rule.date_format and value:
        _store_date(rule, value, run)


def _matches(rule: Rule, values: Mapping[str, str]) -> bool:
    """Whether what controls a rule has a value that it counts for: a pattern for all of it, or none for any."""
    if rule.controller not in values:
        return False
    return not rule.controller_value or re.fullmatch(rule.controller_value, values[rule.controller]) is not None


def _store_date(rule: Rule, value: str, run: _Run) -> None:
    """Let the date be stored in the form of the rule."""
    try:
        shown = java.format_date(java.parse_date(value, _DATE), rule.date_format)
    except ValueError as error:
        raise refusal("rule_format", attribute=rule.attribute, value=value, format=rule.date_format) from error
    run.entries[:] = [entry for entry in run.entries if entry.attribute != rule.attribute]
    run.entries.append(Entry(rule.attribute, shown))
