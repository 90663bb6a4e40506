"""Features that a reader must know: what a checkpoint states in ``requires``, and what it really uses.

A feature brings a dtype, an encoding or a kind that an older reader does not have, and would read wrongly or not at
all.
**To add one**: a row of ``schemas/vocabularies/features.json`` with the version that brings it and what it brings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from candle_spec import resources
from candle_spec.errors import UnknownVersionError
from candle_spec.manifest.spelling import nearest
from candle_spec.problems import Location, Problem, Severity

UNKNOWN: Final = "CKP1015"
_KINDS: Final = ("dtypes", "encodings", "kinds")


@cache
def registry() -> Mapping[str, Mapping[str, Any]]:
    """Return the features of this package's format by name: ``since``, and the names that each brings."""
    return {row["id"]: row for row in resources.read_json("vocabularies/features.json")["features"]}


def unknown(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield an error for each feature that is required and not known here."""
    stated = document.get("requires")
    for index, name in enumerate(stated if isinstance(stated, list) else ()):
        if isinstance(name, str) and name not in registry():
            near = "" if ":" in name else nearest(name, registry())
            hint = f"did you mean {near!r}?" if near else "read it with a package that has the feature"
            message = f"it requires the feature {name!r}, which is not known here: nothing in it can be read rightly"
            yield Problem(UNKNOWN, Severity.ERROR, message, Location(pointer=f"/requires/{index}"), hint)


def refuse_unknown(document: Mapping[str, Any], location: str) -> None:
    """Refuse to read more than the manifest of a checkpoint that requires what is not known.

    Raises:
        UnknownVersionError: There is such a feature.
    """
    for found in unknown(document):
        raise UnknownVersionError(found.message, location=location, hint=found.hint, code=found.code)


def misstated(document: Mapping[str, Any], entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is wrong with ``requires``: a feature of the registry that is used and not listed, or the reverse.

    Args:
        document: The manifest.
        entries: Its inventory.
    """
    stated = {name for name in document.get("requires", ()) if name in registry()}
    needed = used(document, entries)
    yield from (f"the feature {name!r} is used and not listed" for name in sorted(needed - stated))
    yield from (f"the feature {name!r} is listed and not used" for name in sorted(stated - needed))


def used(document: Mapping[str, Any], entries: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the features of the registry that a manifest and its inventory use."""
    if not registry():
        return set()
    weights = document["weights"]
    names = {"kinds": {weights["kind"], *(group["kind"] for group in weights.get("groups", ()))}}
    names |= {"dtypes": set(), "encodings": set()}
    for entry in entries:
        encoding = entry.get("encoding", {})
        names["encodings"] |= {encoding["name"]} if encoding else set()
        names["dtypes"] |= {entry["dtype"], *(part["dtype"] for part in encoding.get("parts", {}).values())}
    brought = {name: row["brings"] for name, row in registry().items()}
    return {name for name, row in brought.items() if any(names[kind] & set(row.get(kind, ())) for kind in _KINDS)}
