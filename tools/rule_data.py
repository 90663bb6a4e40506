"""Changes of the packaged rules of MoDaC, one datum at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from candle_spec import resources

LEVELS: Final = ("Program", "Study", "Asset", "Folder")
OTHER: Final = {"Model": "Dataset", "Dataset": "Model", "Yes": "No"}
"""Another value of what controls a rule, for each that one has."""
RULES: Final = "collectionMetadataValidationRules"
Row = dict[str, Any]
Edit = Callable[[Row], None]


def data_changes() -> Iterator[tuple[str, Callable[[], Row]]]:
    """Yield what is changed, and what makes the changed document."""
    (name,) = (one for one in resources.names("repositories/modac") if one.endswith("/rules/starter.json"))
    document = resources.read_json(name)
    rules = document[RULES]
    for index, rule in enumerate(rules):
        for what, edit in _of_rule(rule):
            yield f"{rule['attribute']}: {what}", partial(_changed, document, partial(_edit_rule, index, edit))
        if index + 1 < len(rules) and _told_together(rule, rules[index + 1]):
            yield f"{rule['attribute']} after the next one", partial(_changed, document, partial(_swap, index))
    yield "basePath", partial(_changed, document, _set("basePath", "/OTHER"))
    yield "restrictMetadata", partial(_changed, document, _set("restrictMetadata", True))
    for depth in range(5):
        yield f"level {depth}: files", partial(_changed, document, partial(_edit_level, depth, _turn_files))
        renamed = _set("collectionType", "Other")
        yield f"level {depth}: its type", partial(_changed, document, partial(_edit_level, depth, renamed))
        yield f"level {depth}: what is below", partial(_changed, document, partial(_edit_level, depth, _turn_below))


def _of_rule(rule: Row) -> Iterator[tuple[str, Edit]]:
    if "defaultValue" not in rule or "controllerAttribute" in rule:  # else it is always there
        yield "mandatory", _set("mandatory", not rule["mandatory"])
    yield "one valid value", _set("validValues", ["only this"])
    if not any(rule.get(name) for name in ("mandatory", "validValues", "defaultValue", "controllerAttribute")):
        return  # it says nothing: nothing else can be told of it
    yield "off", _set("ruleEnabled", False)
    yield "another name", _set("attribute", f"{rule['attribute']}x")
    yield "another default", _set("defaultValue", "Pending")
    yield "another controller", _set("controllerAttribute", "curation_status")
    values = rule.get("validValues", [])
    for value in values:
        yield f"without {value}", _set("validValues", [one for one in values if one != value])
        yield f"{value.upper()} as well", _set("validValues", [*values, value.upper()])
    for member in ("defaultValue", "controllerAttribute", "controllerValue", "validValues"):
        if member in rule:
            yield f"without {member}", partial(_without, member)
    if "controllerValue" in rule:
        yield "another controllerValue", _set("controllerValue", OTHER[rule["controllerValue"]])
    types = rule.get("collectionTypes", [])
    for level in LEVELS:
        others = [one for one in types if one != level] or ["None"]
        yield f"turned for {level}", _set("collectionTypes", others if level in types else [*types, level])


def _told_together(first: Row, second: Row) -> bool:
    """Whether one refusal names both when both are missing."""
    told = first["mandatory"] or ("controllerAttribute" in first and "defaultValue" not in first)
    members = ("mandatory", "controllerAttribute", "controllerValue", "defaultValue")
    alike = all(first.get(name) == second.get(name) for name in members)
    shared = set(first.get("collectionTypes", LEVELS)) & set(second.get("collectionTypes", LEVELS))
    return told and alike and bool(shared)


def _changed(document: Row, edit: Edit) -> Row:
    made = copy.deepcopy(document)
    edit(made)
    return made


def _edit_rule(index: int, edit: Edit, document: Row) -> None:
    edit(document[RULES][index])


def _swap(index: int, document: Row) -> None:
    rules = document[RULES]
    rules[index], rules[index + 1] = rules[index + 1], rules[index]


def _edit_level(depth: int, edit: Edit, document: Row) -> None:
    level = document["dataHierarchy"]
    for _ in range(depth):
        level = level["subCollectionsHierarchies"][0]
    edit(level)


def _set(member: str, value: Any) -> Edit:
    return lambda row: row.update({member: value})


def _without(member: str, row: Row) -> None:
    del row[member]


def _turn_files(level: Row) -> None:
    level["isDataObjectContainer"] = not level["isDataObjectContainer"]


def _turn_below(level: Row) -> None:
    """Nothing below a level that has something, and one level more below the last."""
    level["subCollectionsHierarchies"] = [] if level["subCollectionsHierarchies"] else [dict(level)]
