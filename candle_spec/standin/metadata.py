"""The metadata of a request over what is stored: complete, valid, and such as the data base can hold.

Order: ``HpcMetadataServiceImpl`` and ``HpcDataManagementProxyImpl`` of DME (https://github.com/CBIIT/HPC_DME_APIs).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from candle_spec.standin.facts import limit
from candle_spec.standin.messages import RefusedError, message, refusal
from candle_spec.standin.rules import RuleSet
from candle_spec.standin.validator import Entry, check_complete, check_type_stays, entries_of, validate

Rows = Sequence[Mapping[str, Any]]


def of_new_collection(rows: Rows, rules: RuleSet, path: str) -> dict[str, str]:
    """Return the metadata of a new collection; what is not complete is told with its path.

    Raises:
        RefusedError: With the server's words.
    """
    entries = entries_of(rows)
    try:
        check_complete(entries, new=True)
    except RefusedError as refused:
        raise RefusedError(message("of_new_collection", message=refused, path=path)) from refused
    checked = validate(entries, rules.collections, restricted=rules.restricted)
    return _held({}, checked, "not_stored", path=path)


def of_collection(
    rows: Rows, rules: RuleSet, path: str, stored: Mapping[str, str], own: Mapping[str, str]
) -> dict[str, str] | None:
    """Return the metadata of a collection that is there; ``None`` where the request changes nothing: it is not checked.

    Args:
        rows: Of the request.
        rules: The rules.
        path: The collection.
        stored: All its metadata, the server's own included.
        own: Those of its users alone.

    Raises:
        RefusedError: With the server's words.
    """
    entries = entries_of(rows)
    if all(stored.get(entry.attribute) == entry.value for entry in entries):
        return None
    check_complete(entries, new=False)
    check_type_stays(entries, stored)
    checked = validate(entries, rules.collections, stored=stored, restricted=rules.restricted)
    return _held(own, checked, "not_updated", path=path)


def of_new_file(rows: Rows, rules: RuleSet, collection_type: str) -> dict[str, str]:
    """Return the metadata of a new file in a collection of a type.

    Raises:
        RefusedError: With the server's words.
    """
    entries = entries_of(rows)
    check_complete(entries, new=True)
    checked = validate(entries, rules.files, collection_type=collection_type, restricted=rules.restricted)
    return _held({}, checked, "not_stored_of_file")


def of_file(
    rows: Rows, rules: RuleSet, collection_type: str, stored: Mapping[str, str], own: Mapping[str, str]
) -> dict[str, str]:
    """Return the metadata of a file that is there; the arguments are those of :func:`of_collection`.

    Raises:
        RefusedError: With the server's words.
    """
    entries = entries_of(rows)
    check_complete(entries, new=False)
    checked = validate(
        entries, rules.files, stored=stored, collection_type=collection_type, restricted=rules.restricted
    )
    return _held(own, checked, "not_updated_of_file")


def _held(stored: Mapping[str, str], entries: Iterable[Entry], words: str, **members: str) -> dict[str, str]:
    """Return metadata with checked entries over them; an empty value deletes.

    The data base refuses, in ``words``, an attribute without a name and a value that is too long for its column.
    """
    values = dict(stored)
    for entry in entries:
        if not entry.value:
            if entry.attribute in stored:
                values.pop(entry.attribute, None)
            continue
        if not entry.attribute:
            raise refusal(words, reason="attribute is null or empty", **members)
        if len(entry.value.encode()) > limit("value_bytes"):
            raise refusal(words, reason=f"the value of {entry.attribute} is too long", **members)
        values[entry.attribute] = entry.value
    return values
