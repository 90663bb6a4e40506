"""Metadata rules of MoDaC as data, in the server's own JSON shape, and the documents they can be imported from.

Shape: ``HpcMetadataValidationRule`` of NCI's Data Management Environment (DME), the server behind MoDaC
(https://github.com/CBIIT/HPC_DME_APIs, ``HpcMetadataTypes.xsd``). The rules of the live service are not published;
the packaged starter rules are a reconstruction and say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

from candle_spec import resources
from candle_spec.errors import CorruptFileError

VALUE_BYTES: Final = 2_700
"""UTF-8 bytes of one metadata value (a column of the server's data base)."""

SYSTEM_ATTRIBUTES: Final = frozenset(
    """uuid registered_by registered_by_name configuration_id s3_archive_configuration_id source_file_container_id
    source_file_id archive_file_container_id archive_file_id data_transfer_request_id data_transfer_status
    data_transfer_method data_transfer_type data_transfer_started data_transfer_completed source_file_size
    archive_caller_object_id checksum metadata_updated registration_event_required link_source_path link_created
    collection_created extracted_metadata_attributes deep_archive_status deep_archive_date deleted_date
    dme_data_id""".split()
)
"""Attributes that the server makes itself; sending one is refused."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: an attribute, whether it must be there, and what its value may be.

    Attributes:
        attribute: The metadata attribute.
        mandatory: Whether it must have a value whatever the others are.
        valid_values: The closed list of values; empty where any value is accepted.
        default_value: Taken where the attribute is absent.
        controller_attribute: The rule counts only where this attribute has a value that matches ``controller_value``.
        controller_value: A pattern for the whole value; empty matches any.
        collection_types: Types of collection that it is for; empty for all.
        date_format: The form in which a date is stored (``yyyy-MM-dd``); empty for no date.
        enabled: Whether it counts at all.
        description: What the owner of the rules says about it.
    """

    attribute: str
    mandatory: bool = False
    valid_values: tuple[str, ...] = ()
    default_value: str = ""
    controller_attribute: str = ""
    controller_value: str = ""
    collection_types: tuple[str, ...] = ()
    date_format: str = ""
    enabled: bool = True
    description: str = ""

    def concerns(self, collection_type: str) -> bool:
        """Whether it is for a collection of that type; a collection without a type must satisfy all rules."""
        return self.enabled and (
            not self.collection_types or not collection_type or collection_type in self.collection_types
        )


@dataclass(frozen=True, slots=True)
class Container:
    """One place in the hierarchy: a type of collection, whether files may be in it, and what may be below."""

    collection_type: str
    holds_files: bool
    below: tuple[Container, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of one base path."""

    base_path: str
    hierarchy: Container
    collection_rules: tuple[Rule, ...]
    file_rules: tuple[Rule, ...] = ()
    restricted: bool = False
    title: str = field(default="", compare=False)

    def closed(self) -> dict[str, tuple[str, ...]]:
        """Attributes of collections with a closed list of values."""
        return {rule.attribute: rule.valid_values for rule in self.collection_rules if rule.valid_values}

    def with_values(self, values: Mapping[str, Iterable[str]]) -> Rules:
        """Return the same rules with other lists of values."""
        changed = tuple(
            replace(rule, valid_values=tuple(values[rule.attribute])) if rule.attribute in values else rule
            for rule in self.collection_rules
        )
        return replace(self, collection_rules=changed)


@cache
def starter() -> Rules:
    """Return the packaged rules: a reconstruction, with the vocabularies that are known."""
    (name,) = (name for name in resources.names("repositories/modac") if name.endswith("/rules/starter.json"))
    return parse(resources.read_json(name), location=name)


def parse(document: Any, *, location: str) -> Rules:
    """Read rules: one rule set in the server's shape, the answer of DME's ``/dm/model``, or of ``/addCollection``.

    Args:
        document: The parsed JSON.
        location: Where it is from, for messages.

    Raises:
        CorruptFileError: It has none of these shapes.
    """
    try:
        if isinstance(document, list):
            return _from_entries(document)
        if "docRules" in document:
            document = _main_rules(document["docRules"])
        return Rules(
            base_path=document["basePath"],
            hierarchy=_container(document["dataHierarchy"]),
            collection_rules=tuple(_rule(rule) for rule in document.get("collectionMetadataValidationRules") or ()),
            file_rules=tuple(_rule(rule) for rule in document.get("dataObjectMetadataValidationRules") or ()),
            restricted=bool(document.get("restrictMetadata")),
            title=str(document.get("title", "")),
        )
    except (KeyError, TypeError, AttributeError, StopIteration) as error:
        raise CorruptFileError(
            f"these are no metadata rules of MoDaC: {error}",
            location=location,
            hint="give a rule set of DME, the answer of its /dm/model, or the JSON of MoDaC's /addCollection page",
        ) from error


def dump(rules: Rules) -> dict[str, Any]:
    """Return rules in the server's shape."""
    return {
        "title": rules.title,
        "basePath": rules.base_path,
        "restrictMetadata": rules.restricted,
        "dataHierarchy": _dump_container(rules.hierarchy),
        "collectionMetadataValidationRules": [_dump_rule(rule) for rule in rules.collection_rules],
        "dataObjectMetadataValidationRules": [_dump_rule(rule) for rule in rules.file_rules],
    }


def _main_rules(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """Return MoDaC's own rule set among those of all archives: the one whose hierarchy has assets."""
    every = [rules for document in documents for rules in document["rules"]]
    return next(rules for rules in every if '"Asset"' in str(rules["dataHierarchy"]).replace("'", '"'))


def _rule(rule: Mapping[str, Any]) -> Rule:
    return Rule(
        attribute=str(rule["attribute"]),
        mandatory=bool(rule.get("mandatory")),
        valid_values=tuple(str(value) for value in rule.get("validValues") or ()),
        default_value=str(rule.get("defaultValue") or ""),
        controller_attribute=str(rule.get("controllerAttribute") or ""),
        controller_value=str(rule.get("controllerValue") or ""),
        collection_types=tuple(rule.get("collectionTypes") or ()),
        date_format=str(rule.get("dateFormat") or ""),
        enabled=bool(rule.get("ruleEnabled", True)),
        description=str(rule.get("description") or ""),
    )


def _dump_rule(rule: Rule) -> dict[str, Any]:
    members: dict[str, Any] = {
        "attribute": rule.attribute,
        "mandatory": rule.mandatory,
        "controllerAttribute": rule.controller_attribute,
        "controllerValue": rule.controller_value,
        "validValues": list(rule.valid_values),
        "defaultValue": rule.default_value,
        "collectionTypes": list(rule.collection_types),
        "dateFormat": rule.date_format,
        "ruleEnabled": rule.enabled,
        "description": rule.description,
    }
    return {key: value for key, value in members.items() if value or isinstance(value, bool)}


def _container(node: Mapping[str, Any]) -> Container:
    below = tuple(_container(child) for child in node.get("subCollectionsHierarchies") or ())
    return Container(str(node["collectionType"]), bool(node.get("isDataObjectContainer")), below)


def _dump_container(container: Container) -> dict[str, Any]:
    return {
        "collectionType": container.collection_type,
        "isDataObjectContainer": container.holds_files,
        "subCollectionsHierarchies": [_dump_container(child) for child in container.below],
    }


def _from_entries(entries: list[dict[str, Any]]) -> Rules:
    """Return the starter rules with those of MoDaC's ``/addCollection`` page in the place of an asset's.

    Layout: ``DoeMetadataAttrEntry`` (https://github.com/CBIIT/nci-doe-data-sharing): the lists of values as pairs of
    key and value. The page shows the rules that hold for one value of the controller attribute.
    """
    found: dict[str, Rule] = {}
    for entry in entries:
        name = entry["attrName"]
        controller = entry.get("controllerAttrName") or entry.get("controllerAttribute") or ""
        found[name] = Rule(
            attribute=name,
            mandatory=bool(entry.get("mandatory")) and not controller,
            valid_values=tuple(str(pair["key"]) for pair in entry.get("validValues") or ()),
            default_value=str(entry.get("defaultValue") or ""),
            controller_attribute=str(controller),
            controller_value=str(entry.get("controllerAttrValue") or "") if controller else "",
            collection_types=("Asset",),
            description=str(entry.get("description") or ""),
        )
    if not found:
        raise KeyError("no entry in the list")
    base = starter()
    kept = tuple(rule for rule in base.collection_rules if rule.attribute not in found or not _of_asset(rule))
    return replace(base, collection_rules=(*kept, *found.values()), title="imported from MoDaC's own page")


def _of_asset(rule: Rule) -> bool:
    return rule.collection_types == ("Asset",)
