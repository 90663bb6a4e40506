"""Check metadata as the server does: its order of rules, its message texts. The first fault is what it would answer.

Order and texts follow ``HpcMetadataServiceImpl``, ``HpcDomainValidator`` and ``HpcMetadataValidator`` of DME
(https://github.com/CBIIT/HPC_DME_APIs).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from candle_spec.modac.rules import SYSTEM_ATTRIBUTES, Rule, Rules

ASCII_SPACE: Final = "".join(chr(code) for code in range(33))
"""What the server trims at both ends; U+00A0 is not among it."""

_JAVA_DATE: Final = (("yyyy", "%Y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"), ("mm", "%M"), ("ss", "%S"))


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason for which the server would refuse: its message, and the attributes it is about."""

    message: str
    attributes: tuple[str, ...] = ()
    valid_values: tuple[str, ...] = ()


@dataclass(slots=True)
class Checked:
    """Metadata after the check.

    Attributes:
        values: What would be stored, defaults included.
        faults: All faults in the server's order.
        blanked: Attributes that the server drops without a word: their controller does not match.
        defaulted: Attributes that got their default.
    """

    values: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    blanked: list[str] = field(default_factory=list)
    defaulted: list[str] = field(default_factory=list)


def entry_list(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Return metadata as the service takes it: a list of attribute and value."""
    return [{"attribute": name, "value": value} for name, value in values.items()]


def check_collection(entries: Sequence[Mapping[str, Any]], rules: Rules, *, path: str) -> Checked:
    """Check the metadata of a new collection.

    Args:
        entries: Rows of ``attribute`` and ``value``.
        rules: The rules of the base path.
        path: The collection's path, which the server puts into some messages.
    """
    checked = Checked()
    if not entries:
        checked.faults.append(Fault("Null or empty metadata entries"))
    _basics(entries, checked, rules.collection_rules, restricted=rules.restricted, suffix=f". Path - {path}")
    _apply(rules.collection_rules, checked, checked.values.get("collection_type", ""), _formats(entries))
    return checked


def check_file(entries: Sequence[Mapping[str, Any]], rules: Rules) -> Checked:
    """Check the metadata of a new file; it may have none."""
    checked = Checked()
    _basics(entries, checked, rules.file_rules, restricted=rules.restricted, suffix="")
    _apply(rules.file_rules, checked, "", _formats(entries))
    return checked


def _basics(
    entries: Sequence[Mapping[str, Any]], checked: Checked, rules: Iterable[Rule], *, restricted: bool, suffix: str
) -> None:
    """Steps 1 to 4: empty, twice, not declared, reserved. White space is no empty value, and then no value either."""
    rows = [(_text(entry.get("attribute")), _text(entry.get("value"))) for entry in entries]
    if any(not trim(name) for name, _ in rows):
        checked.faults.append(Fault(f"Empty metadata entry in request{suffix}"))
    empty = tuple(name for name, value in rows if not value)
    if empty:
        checked.faults.append(Fault(f"The following entries cannot be empty: {', '.join(empty)}{suffix}", empty))
    declared = {rule.attribute for rule in rules}
    for name, value in ((trim(name), trim(value)) for name, value in rows):
        if not value:
            continue
        if name in checked.values:
            checked.faults.append(Fault(f"Metadata attribute is not unique: {name}", (name,)))
        checked.values[name] = value
        if restricted and name not in declared:
            checked.faults.append(Fault(f"Metadata attribute is not declared in the system: {name}", (name,)))
    for name in checked.values:
        if name in SYSTEM_ATTRIBUTES:
            checked.faults.append(Fault(f"System generated metadata cannot be set/changed: {name}", (name,)))


def _text(value: Any) -> str:
    return str(value) if value is not None else ""


def trim(text: str) -> str:
    """Return text without ASCII space at its ends, as Java's ``trim`` does."""
    return text.strip(ASCII_SPACE)


def _formats(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    dated = (entry for entry in entries if entry.get("dateFormat"))
    return {trim(_text(entry.get("attribute"))): str(entry["dateFormat"]) for entry in dated}


def _apply(rules: Iterable[Rule], checked: Checked, collection_type: str, formats: Mapping[str, str]) -> None:
    """Steps 5 and 6: the rules one by one; what is missing is told at the end."""
    mandatory: list[str] = []
    conditional: list[str] = []
    for rule in rules:
        if rule.concerns(collection_type):
            _one(rule, checked, mandatory, conditional, formats)
    if mandatory:
        names = ", ".join(mandatory)
        checked.faults.append(Fault(f"Missing or empty mandatory metadata: {names}", tuple(mandatory)))
    if conditional:
        names = ", ".join(conditional)
        checked.faults.append(Fault(f"Missing or empty conditional metadata: {names}", tuple(conditional)))


def _one(
    rule: Rule, checked: Checked, mandatory: list[str], conditional: list[str], formats: Mapping[str, str]
) -> None:
    values, name = checked.values, rule.attribute
    controlled = bool(rule.controller_attribute)
    counts = not controlled or _controls(rule, values)
    if not counts and values.pop(name, None) is not None:
        checked.blanked.append(name)
    if counts and name not in values and rule.default_value:
        values[name] = rule.default_value
        checked.defaulted.append(name)
    if counts and controlled and name not in values:
        conditional.append(name)
    if rule.mandatory and name not in values:
        mandatory.append(name)
    value = values.get(name)
    if value and rule.valid_values and value not in rule.valid_values:
        listed = ", ".join(rule.valid_values)
        message = f"Invalid metadata value for attribute {name}: {value}. Valid values: [{listed}]"
        checked.faults.append(Fault(message, (name,), rule.valid_values))
    if value and rule.date_format:
        checked.faults.extend(_date(rule, checked, formats.get(name, "")))


def _controls(rule: Rule, values: Mapping[str, str]) -> bool:
    value = values.get(rule.controller_attribute)
    return value is not None and (not rule.controller_value or _matches(rule.controller_value, value))


def _matches(pattern: str, value: str) -> bool:
    if pattern == value:
        return True
    try:
        return len(value) < 256 and re.fullmatch(pattern, value) is not None
    except re.error:  # a rule written for another kind of pattern matches by its letters alone
        return False


def _date(rule: Rule, checked: Checked, own_format: str) -> Iterator[Fault]:
    value = checked.values[rule.attribute]
    try:
        moment = datetime.strptime(value, _strptime(own_format or "yyyy-MM-dd"))
    except ValueError:
        more = "" if own_format else f": {value}. Valid format: {rule.date_format}"
        yield Fault(f"Metadata format is invalid: {rule.attribute}{more}", (rule.attribute,))
        return
    checked.values[rule.attribute] = moment.strftime(_strptime(rule.date_format))


def _strptime(java: str) -> str:
    for token, directive in _JAVA_DATE:
        java = java.replace(token, directive)
    return java


_REFUSAL: Final = re.compile(
    r"Invalid metadata value for attribute (?P<name>[^\s:]{1,200}): (?P<value>.{0,4000}?)\. "
    r"Valid values: \[(?P<values>.{0,100000})\]",
    re.DOTALL,
)


def offered_values(message: str) -> tuple[str, str, tuple[str, ...]] | None:
    """Return attribute, refused value and the valid ones that a refusal names, or ``None`` for another message.

    A value that itself holds a comma and a space is cut at it: the message does not tell them apart.
    """
    match = _REFUSAL.search(message)
    if match is None:
        return None
    return match["name"], match["value"], tuple(value for value in match["values"].split(", ") if value)
