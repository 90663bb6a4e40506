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


def check_collection(
    entries: Sequence[Mapping[str, Any]], rules: Rules, *, path: str, existing: Mapping[str, str] | None = None
) -> Checked:
    """Check the metadata of a collection.

    Args:
        entries: Rows of ``attribute`` and ``value``.
        rules: The rules of the base path.
        path: The collection's path, which the server puts into one message.
        existing: The stored metadata where the collection is there already: the entries are merged into it.
    """
    checked = Checked()
    if not entries:
        checked.faults.append(Fault("Null or empty metadata entries"))
    given = _basics(entries, checked, rules, new=existing is None, suffix=f". Path - {path}")
    if existing is not None and given.get("collection_type", "") not in ("", existing.get("collection_type")):
        checked.faults.append(Fault("Collection type can't be updated", ("collection_type",)))
    _merge(given, existing, checked)
    _apply(rules.collection_rules, checked, checked.values.get("collection_type", ""), _formats(entries))
    return checked


def check_file(
    entries: Sequence[Mapping[str, Any]], rules: Rules, *, existing: Mapping[str, str] | None = None
) -> Checked:
    """Check the metadata of a file; it may have none."""
    checked = Checked()
    given = _basics(entries, checked, rules, new=existing is None, suffix="")
    _merge(given, existing, checked)
    _apply(rules.file_rules, checked, "", _formats(entries))
    return checked


def _basics(
    entries: Sequence[Mapping[str, Any]], checked: Checked, rules: Rules, *, new: bool, suffix: str
) -> dict[str, str]:
    """Steps 1 to 4: empty, twice, not declared, reserved."""
    rows = [(trim(entry.get("attribute")), trim(entry.get("value"))) for entry in entries]
    if any(not name for name, _ in rows):
        checked.faults.append(Fault("Empty metadata entry in request"))
    empty = tuple(name for name, value in rows if name and not value)
    if new and empty:
        checked.faults.append(Fault(f"The following entries cannot be empty: {', '.join(empty)}{suffix}", empty))
    given: dict[str, str] = {}
    for name, value in rows:
        if name in given:
            checked.faults.append(Fault(f"Metadata attribute is not unique: {name}", (name,)))
        given[name] = value
    given.pop("", None)
    if rules.restricted and new:
        for name in given:
            if name not in rules.declared() | SYSTEM_ATTRIBUTES:
                checked.faults.append(Fault(f"Metadata attribute is not declared in the system: {name}", (name,)))
    for name in given:
        if name in SYSTEM_ATTRIBUTES:
            checked.faults.append(Fault(f"System generated metadata cannot be set/changed: {name}", (name,)))
    return given


def trim(text: Any) -> str:
    """Return text without ASCII space at its ends, as Java's ``trim`` does; ``""`` for none."""
    return str(text).strip(ASCII_SPACE) if text is not None else ""


def _merge(given: Mapping[str, str], existing: Mapping[str, str] | None, checked: Checked) -> None:
    merged = {**(existing or {}), **given}
    checked.values = {name: value for name, value in merged.items() if value}


def _formats(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {trim(entry.get("attribute")): str(entry["dateFormat"]) for entry in entries if entry.get("dateFormat")}


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
        checked.faults.extend(_date(rule, checked, formats.get(name, "yyyy-MM-dd")))


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


def _date(rule: Rule, checked: Checked, given_format: str) -> Iterator[Fault]:
    value = checked.values[rule.attribute]
    try:
        moment = datetime.strptime(value, _strptime(given_format))
    except ValueError:
        yield Fault(f"Metadata format is invalid: {rule.attribute} - {value} ({given_format})", (rule.attribute,))
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
