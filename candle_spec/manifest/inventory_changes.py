"""Changes of what a manifest says of its tensors as a whole, which must be computed from the inventory."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from candle_spec import pointer
from candle_spec.digests import payload_digest
from candle_spec.errors import UnknownVersionError
from candle_spec.manifest.changes import Document, Facts, Staying, holders
from candle_spec.names import from_json


@dataclass(frozen=True, slots=True)
class Refuse(Staying):
    """Texts that match a pattern as a whole meant what the new version cannot tell: for a reason, none is migrated."""

    at: str
    pattern: str
    reason: str

    def apply(self, document: Document, facts: Facts) -> None:
        for holder, key in holders(document, self.at, whole=True):
            text = holder[key]
            if isinstance(text, str) and re.fullmatch(self.pattern, text):
                raise UnknownVersionError(
                    f"{text[:80]!r}: {self.reason}",
                    location=self.at,
                    hint="convert the native checkpoint again",
                    code="CKP1011",
                )


@dataclass(frozen=True, slots=True)
class Recount(Staying):
    """Counts of elements leave out tensors of certain dtypes, and of other roles than some.

    A count that was wrong stays, so that it is found.

    Attributes:
        model: The count of all groups of kind ``model``.
        groups: The groups, each with its own count, which has the same name.
        without: Dtypes that are not counted any longer.
        roles: Roles that are counted; where none is stated, that is.
    """

    model: str
    groups: str
    without: Sequence[str]
    roles: Sequence[str]

    def apply(self, document: Document, facts: Facts) -> None:
        rows = inventory(document, facts)
        if rows is None:
            return
        models = [row for row in rows if str(row.get("group")).partition(".")[0] == "model"]
        for holder, name in holders(document, self.model):
            self._count(holder, name, models)
        name = pointer.split(self.model)[-1]
        for holder, key in holders(document, self.groups, whole=True):
            group = holder[key]
            if isinstance(group, dict):
                self._count(group, name, [row for row in rows if row.get("group") == group.get("id")])

    def _count(self, holder: dict[str, Any], name: str, rows: Sequence[dict[str, Any]]) -> None:
        every, counted = _elements(rows), _elements([row for row in rows if self.is_counted(row)])
        if every is not None and counted is not None and holder.get(name) == every:
            holder[name] = counted

    def is_counted(self, row: dict[str, Any]) -> bool:
        return row.get("dtype") not in self.without and row.get("role", self.roles[0]) in self.roles


@dataclass(frozen=True, slots=True)
class RemoveUntrue(Staying):
    """A list of dtypes is gone where it is not that of the counted tensors of the models; integers may be left out.

    Attributes:
        at: The list.
        count: What is counted.
        integers: The dtypes that may be left out.
    """

    at: str
    count: Recount
    integers: Sequence[str]

    def apply(self, document: Document, facts: Facts) -> None:
        rows = inventory(document, facts)
        if rows is None:
            return
        models = [row for row in rows if str(row.get("group")).partition(".")[0] == "model"]
        if not models and document["weights"].get("kind") != "tensors":
            return  # the model is its payload
        dtypes = {str(row.get("dtype")) for row in models if "alias_of" not in row and self.count.is_counted(row)}
        for holder, key in holders(document, self.at):
            stated = {str(name) for name in holder[key]} if isinstance(holder[key], list) else set()
            if not dtypes - set(self.integers) <= stated <= dtypes:
                del holder[key]


class CoverTensors(Staying):
    """The content digest of a payload covers the models' tensors beside it, too; one that was wrong stays.

    Names of several models are preceded by their group; entries that break the schema are left to it.
    """

    def apply(self, document: Document, facts: Facts) -> None:
        weights = document.get("weights")
        if not isinstance(weights, dict) or weights.get("kind") != "payload":
            return
        models = [row for row in inventory(document, facts) or () if _is_of_model(row)]
        files = _payload_rows(document, weights)
        if not models or files is None or weights.get("content_digest") != payload_digest(files):
            return
        several = len({row["group"] for row in models}) > 1
        rows = [
            (f"{row['group']}/{name}" if several else name, row["dtype"], row["shape"], row["digest"])
            for row in models
            for name in [from_json(row["name"])]
        ]
        weights["content_digest"] = payload_digest(files, rows)


def _is_of_model(row: dict[str, Any]) -> bool:
    sound = all(isinstance(row.get(name), str) for name in ("group", "dtype", "digest"))
    sound = sound and isinstance(row.get("name"), (str, dict)) and isinstance(row.get("shape"), list)
    return sound and row["group"].partition(".")[0] == "model"


def _payload_rows(document: Document, weights: Document) -> list[tuple[str, str, int, str]] | None:
    """Return role, media type, size and digest of each file of a payload, ``None`` where one is not listed."""
    listed = {str(row.get("path")): row for row in _objects([document.get("files") or []])}
    found: list[tuple[str, str, int, str]] = []
    for entry in _objects([weights.get("payload") or []]):
        row = listed.get(str(entry.get("path")), {})
        size = row.get("size")
        if type(size) is not int:
            return None
        found.append((str(entry.get("role")), str(row.get("media_type")), size, str(row.get("digest"))))
    return found


def inventory(document: Document, facts: Facts) -> list[dict[str, Any]] | None:
    """Return the entries of the inventory, inline or in its files; ``None`` where a file is not here, or none is."""
    weights = document.get("weights")
    if not isinstance(weights, dict):
        return None
    paths = weights.get("inventory")
    lists = [facts.tensors(str(path)) for path in paths] if isinstance(paths, list) else [weights.get("tensors")]
    return list(_objects(lists)) if all(isinstance(rows, list) for rows in lists) else None


def _objects(lists: Sequence[Any]) -> Iterator[dict[str, Any]]:
    return (row for rows in lists for row in rows if isinstance(row, dict))


def _elements(rows: Sequence[dict[str, Any]]) -> int | None:
    """Return the number of elements of tensors that are no aliases; ``None`` where a shape is none."""
    shapes = [row.get("shape") for row in rows if "alias_of" not in row]
    total = 0
    for shape in shapes:
        if not isinstance(shape, list) or not all(type(size) is int for size in shape):
            return None
        total += math.prod(shape)
    return total
