"""Changes of what a manifest says of program code: sentences become entries, files are named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from candle_spec.manifest.changes import Document, Facts, Staying, holders


@dataclass(frozen=True, slots=True)
class Describe(Staying):
    """Sentences become objects ``{path, kind, description}``; what stands before the first colon may be the path.

    Attributes:
        at: The sentences.
        kinds: How a sentence of each kind begins.
        other: The kind of all others.
    """

    at: str
    kinds: Mapping[str, str]
    other: str

    def apply(self, document: Document, facts: Facts) -> None:
        listed = {row.get("path") for row in _files(document)}
        for holder, key in holders(document, self.at, whole=True):
            text = holder[key]
            if not isinstance(text, str):
                continue  # what is wrong with it, its schema says
            path, colon, rest = text.partition(": ")
            named = {"path": path} if colon and rest and path in listed else {}
            said = rest if named else text
            kind = next((kind for start, kind in self.kinds.items() if re.match(start, said)), self.other)
            holder[key] = {**named, "kind": kind, "description": said}


@dataclass(frozen=True, slots=True)
class NameCode(Staying):
    """Where code is declared at all, each file of it is named.

    Attributes:
        at: The list of entries.
        where: Values that the row of a file has.
        named: The names of files of code, for those that are not here.
        kind: The kind of the new entries.
    """

    at: str
    where: Mapping[str, str]
    named: str
    kind: str

    def apply(self, document: Document, facts: Facts) -> None:
        for holder, key in holders(document, self.at):
            entries = holder[key]
            if not isinstance(entries, list) or not entries:
                continue
            known = {entry.get("path") for entry in entries if isinstance(entry, dict)}
            for row in _files(document):
                path, fits = row.get("path"), all(row.get(name) == value for name, value in self.where.items())
                if fits and path not in known and _is_code(str(path), self.named, facts):
                    entries.append({"path": path, "kind": self.kind})


@dataclass(frozen=True, slots=True)
class MarkCode(Staying):
    """A file that is code has the role of code, unless it has one that says what it is.

    Attributes:
        at: The rows of files.
        role: The role.
        named: The names of files of code, for those that are not here.
        but: Roles that stay.
    """

    at: str
    role: str
    named: str
    but: Sequence[str]

    def apply(self, document: Document, facts: Facts) -> None:
        for holder, key in holders(document, self.at, whole=True):
            row = holder[key]
            if not isinstance(row, dict) or row.get("role") in self.but:
                continue
            if _is_code(str(row.get("path")), self.named, facts):
                row["role"] = self.role


def _is_code(path: str, named: str, facts: Facts) -> bool:
    known = facts.is_code(path)
    return re.fullmatch(named, path) is not None if known is None else known


def _files(document: Document) -> Iterator[dict[str, Any]]:
    rows = document.get("files")
    return (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else iter(())
