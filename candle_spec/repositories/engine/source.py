"""What a mapping reads: the manifest, what model description and site profile add to it, where each value is from.

The three have one shape, that of the manifest; the nearest wins: the manifest, then the description, then the site.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final

from candle_spec import pointer as pointers
from candle_spec.digests import digest_json
from candle_spec.errors import InvalidInputError
from candle_spec.manifest.documents import Document
from candle_spec.manifest.plain import scan
from candle_spec.repositories.language.terms import Pointer
from candle_spec.repositories.values import is_absent

SOURCES: Final = "field_sources"
_DETAIL: Final = 2000

NOT_METADATA: Final = (
    "$schema",
    "schema_version",
    "manifest_digest",
    "migrations",
    "field_sources",
    "conforms_to",
    "extensions",
)
"""Members of the manifest that speak about the manifest itself: no target needs a place for them."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value of the manifest is from.

    Attributes:
        source: ``file``, ``config``, ``path``, ``environment``, ``user`` or ``inferred``.
        detail: Which file and line.
    """

    source: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.source}: {self.detail}" if self.detail else self.source


@dataclass(slots=True)
class Source:
    """A merged document, with the origins of its values and the pointers that were read."""

    document: dict[str, Any]
    origins: dict[str, Origin] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)

    def origin(self, at: str) -> Origin:
        """Return where the value at a JSON Pointer is from: its own origin, or that of what it stands in."""
        while at and at not in self.origins:
            at = at.rpartition("/")[0]
        return self.origins.get(at, Origin("file", "candle-checkpoint.json"))

    def unread(self) -> Iterator[str]:
        """Yield the parts of the document, two levels deep, of which nothing was read."""
        taken = {at for pointer in self.read for at in _upwards(pointer)}
        for key, value in self.document.items():
            at = pointers.join([key])
            if key in NOT_METADATA or is_absent(value):
                continue
            if not isinstance(value, dict):
                if at not in taken:
                    yield at
                continue
            if at not in self.read:
                below = [pointers.join([key, name]) for name, inner in value.items() if not is_absent(inner)]
                yield from (each for each in below if each not in taken)


def _upwards(at: str) -> Iterator[str]:
    while at:
        yield at
        at = at.rpartition("/")[0]


def merge(manifest: Mapping[str, Any], *added: Document) -> Source:
    """Return what a mapping reads.

    Args:
        manifest: The manifest; it is not changed.
        added: Documents in the manifest's shape, the nearest first.

    Raises:
        InvalidInputError: The manifest holds what no JSON text holds, such as half of a surrogate pair.
    """
    refuse_what_is_no_json(manifest)
    source = Source(copy.deepcopy(dict(manifest)))
    stated = manifest.get("field_sources")
    for entry in stated if isinstance(stated, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("pointer"), str):  # a manifest need not be valid here
            source.origins[entry["pointer"]] = Origin(str(entry.get("source")), str(entry.get("detail", "")))
    for document in added:
        if isinstance(document.value, dict):
            own = {key: value for key, value in document.value.items() if key != SOURCES}
            _add(source, document, source.document, own, "")
            _refine(source, document)
    return source


def _refine(source: Source, document: Document) -> None:
    """Take over what a description says of where its values are from; a value changed since then is the user's."""
    rows = document.value.get(SOURCES)
    for row in rows if isinstance(rows, list) else ():
        at = row.get("pointer") if isinstance(row, dict) else None
        if not isinstance(at, str) or row.get("value_digest") != digest_json(pointers.get(document.value, at)):
            continue
        name = PurePath(document.location).name
        for place, origin in list(source.origins.items()):
            if origin.detail.startswith(f"{name}:") and (place == at or at.startswith(f"{place}/")):
                detail = f"{row.get('detail', '')}, taken in {origin.detail}"
                source.origins[at] = Origin(str(row.get("source")), detail[:_DETAIL])


def refuse_what_is_no_json(document: Any) -> None:
    """Refuse a value that cannot be written again.

    Raises:
        InvalidInputError: There is one; the location is its pointer.
    """
    for problem in scan(document).not_json[:1]:
        raise InvalidInputError(
            problem.message, location=problem.location.pointer, hint=problem.hint, code=problem.code
        )


def _add(source: Source, document: Document, into: dict[str, Any], value: Mapping[str, Any], at: str) -> None:
    for key, inner in value.items():
        here = at + pointers.join([key])
        if is_absent(into.get(key)):
            into[key] = copy.deepcopy(inner)
            line, _ = document.positions.find(here)
            source.origins[here] = Origin("user", f"{PurePath(document.location).name}:{line}")
        elif isinstance(into[key], dict) and isinstance(inner, Mapping):
            _add(source, document, into[key], inner, here)


def values(root: Any, parts: tuple[str, ...], origin: str = "") -> Iterator[tuple[Any, str]]:
    """Yield the values at the parts of a pointer with their places; ``*`` is every item of a list or object."""
    if not parts:
        if not is_absent(root):
            yield root, origin
        return
    part, rest = parts[0], parts[1:]
    if part == "*" and isinstance(root, (dict, list)):
        members = root.items() if isinstance(root, dict) else enumerate(root)
        for key, inner in members:
            yield from values(inner, rest, origin + pointers.join([key]))
    elif isinstance(root, dict) and part in root:
        yield from values(root[part], rest, origin + pointers.join([part]))
    elif isinstance(root, list) and part.isascii() and part.isdigit() and int(part) < len(root):
        yield from values(root[int(part)], rest, f"{origin}/{part}")


def gather(root: Any, pointer: Pointer, origin: str = "") -> tuple[Any, str]:
    """Return the value of a pointer and its place; a pointer with ``*`` gives the list of all values, or ``None``."""
    found = list(values(root, pointer.parts, origin))
    if not found:
        return None, ""
    if "*" not in pointer.parts:
        return found[0]
    star = pointer.parts.index("*")
    return [value for value, _ in found], origin + pointers.join(pointer.parts[:star])
