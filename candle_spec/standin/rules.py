"""The rules of metadata that a stand-in follows: its own (``rules.json``), or others in the server's shape.

Shape: ``HpcMetadataValidationRule`` and ``HpcDataHierarchy`` of DME (https://github.com/CBIIT/HPC_DME_APIs,
``HpcMetadataTypes.xsd``, ``HpcDataManagementConfigurationDAOImpl.metadataValidationRulesFromJSON``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from candle_spec.errors import CorruptFileError
from candle_spec.standin import java
from candle_spec.standin.facts import document


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, with the members of the server's own that its validation looks at; ``""`` stands for none."""

    attribute: str
    mandatory: bool = False
    enabled: bool = True
    controller: str = ""
    controller_value: str = ""
    valid_values: tuple[str, ...] = ()
    default: str = ""
    collection_types: tuple[str, ...] = ()
    date_format: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """A level of the hierarchy: a type of collection, whether it takes files, and the levels below."""

    collection_type: str
    takes_files: bool
    below: tuple[Level, ...] = ()

    def lines(self, above: str = "") -> Iterator[str]:
        """Yield the types of every line down to a leaf: ``/Program/Study/Asset``."""
        line = f"{above}/{self.collection_type}"
        if not self.below:
            yield line
        for level in self.below:
            yield from level.lines(line)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules below one base path."""

    base_path: str
    top: Level
    collections: tuple[Rule, ...]
    files: tuple[Rule, ...] = ()
    restricted: bool = False
    title: str = ""

    def level(self, types: Sequence[str]) -> Level | None:
        """Return the level that a line of types leads to; ``None`` where the hierarchy has no such line."""
        among: tuple[Level, ...] = (self.top,)
        found: Level | None = None
        for name in types:
            found = next((level for level in among if level.collection_type == name), None)
            if found is None:
                return None
            among = found.below
        return found


@cache
def packaged() -> RuleSet:
    """Return the stand-in's own rules."""
    return read_rules(document("rules.json"), location="rules.json")


@cache
def system_attributes() -> tuple[str, ...]:
    """Return the attributes that the server makes itself, in the order in which it looks for them in a request."""
    return tuple(java.hash_order(document("rules.json")["systemGeneratedMetadataAttributes"]))


def read_rules(found: Any, *, location: str) -> RuleSet:
    """Read rules in the server's shape: one rule set, or the answer of DME's ``/dm/model``.

    Args:
        found: The parsed JSON.
        location: Where it is from, for messages.

    Raises:
        CorruptFileError: It is neither.
    """
    try:
        rules = _with_assets(found["docRules"]) if "docRules" in found else found
        return RuleSet(
            base_path=rules["basePath"],
            top=_level(rules["dataHierarchy"]),
            collections=tuple(map(_rule, rules.get("collectionMetadataValidationRules") or ())),
            files=tuple(map(_rule, rules.get("dataObjectMetadataValidationRules") or ())),
            restricted=rules.get("restrictMetadata") is True,
            title=rules.get("title") or "",
        )
    except (KeyError, TypeError, AttributeError, StopIteration) as error:
        raise CorruptFileError(
            f"these are no metadata rules in the server's shape: {error}",
            location=location,
            hint="candle-spec modac rules show --json writes such a file",
        ) from error


def _with_assets(documents: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the rule set of MoDaC among those of all archives of the server: the one that has assets."""
    every = (rules for one in documents for rules in one["rules"])
    return next(rules for rules in every if any("/Asset" in line for line in _level(rules["dataHierarchy"]).lines()))


def _rule(row: Mapping[str, Any]) -> Rule:
    return Rule(
        attribute=row["attribute"],
        mandatory=bool(row.get("mandatory")),
        enabled=row.get("ruleEnabled", True) is not False,
        controller=row.get("controllerAttribute") or "",
        controller_value=row.get("controllerValue") or "",
        valid_values=tuple(row.get("validValues") or ()),
        default=row.get("defaultValue") or "",
        collection_types=tuple(row.get("collectionTypes") or ()),
        date_format=row.get("dateFormat") or "",
    )


def _level(row: Mapping[str, Any]) -> Level:
    below = tuple(map(_level, row.get("subCollectionsHierarchies") or ()))
    return Level(row["collectionType"], row.get("isDataObjectContainer") is True, below)
