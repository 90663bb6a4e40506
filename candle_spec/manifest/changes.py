"""What one version of a document has otherwise than the one before, as data: a few kinds of changes.

A change says where it applies (a JSON Pointer, ``*`` for each member or item), changes a document in place, and tells
where a pointer into the old document leads in the new one. What must be computed from files comes from :class:`Facts`:
a closed list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from candle_spec import pointer
from candle_spec.digests import digest_json
from candle_spec.errors import CorruptFileError

Document = dict[str, Any]


class Facts(Protocol):
    """What only files of the checkpoint tell; ``None`` where a file is not here."""

    def header(self, path: str) -> dict[str, Any] | None:
        """Return ``{"size", "digest"}`` of the first bytes of a safetensors file, its length field included."""
        ...

    def unpacked(self, path: str, size: int) -> str | None:
        """Return the digest of what a packed file holds, which must be ``size`` bytes."""
        ...

    def is_place(self, path: str, root: str) -> bool | None:
        """Return whether the root of a group is a place of the state tree in a file."""
        ...

    def tensors(self, path: str) -> list[Any] | None:
        """Return the entries of a file of the inventory."""
        ...

    def is_code(self, path: str) -> bool | None:
        """Return whether a file is program code or a pickle."""
        ...


class Change(Protocol):
    """One difference between two versions of a document."""

    def apply(self, document: Document, facts: Facts) -> None:
        """Change a document in place.

        Raises:
            CorruptFileError: The document contradicts itself, or a file is not what the document says.
        """
        ...

    def moved(self, parts: Sequence[str]) -> Sequence[str] | None:
        """Return where the value at a place of the old document stands now; ``None``: nowhere."""
        ...


class Staying:
    """A change that moves nothing."""

    def moved(self, parts: Sequence[str]) -> Sequence[str] | None:
        return parts


@dataclass(frozen=True, slots=True)
class Rename:
    """A member has another name."""

    at: str
    to: str

    def apply(self, document: Document, facts: Facts) -> None:
        for holder, key in holders(document, self.at):
            if self.to in holder:
                raise CorruptFileError(f"it has both {key!r} and {self.to!r}", location=self.at)
            members = {self.to if name == key else name: value for name, value in holder.items()}
            holder.clear()
            holder.update(members)

    def moved(self, parts: Sequence[str]) -> Sequence[str]:
        place = len(pointer.split(self.at)) - 1
        return [*parts[:place], self.to, *parts[place + 1 :]] if _is_below(parts, self.at) else parts


@dataclass(frozen=True, slots=True)
class Remove:
    """A member that said nothing more than others do is gone."""

    at: str

    def apply(self, document: Document, facts: Facts) -> None:
        for holder, key in holders(document, self.at):
            del holder[key]

    def moved(self, parts: Sequence[str]) -> Sequence[str] | None:
        return None if _is_below(parts, self.at) else parts


@dataclass(frozen=True, slots=True)
class RemoveDigest(Remove):
    """A digest beside a ``path`` is gone: the list of files states it, too, under the member ``listed``."""

    listed: str

    def apply(self, document: Document, facts: Facts) -> None:
        files = document.get("files")
        rows = [row for row in files if isinstance(row, dict)] if isinstance(files, list) else []
        stated = {str(row.get("path")): row.get(self.listed) for row in rows}
        for holder, key in holders(document, self.at):
            if holder[key] != stated.get(str(holder.get("path"))):
                message = f"it says {holder[key]!r} of {holder.get('path')!r}, and the list of files another digest"
                raise CorruptFileError(message, location=self.at)
        Remove.apply(self, document, facts)


@dataclass(frozen=True, slots=True)
class RemoveNowhere(Staying):
    """A root of a group is gone where it is no place of the state tree, whose path ``tree`` names: it said nothing."""

    at: str
    tree: str

    def apply(self, document: Document, facts: Facts) -> None:
        path = pointer.get(document, self.tree)
        for holder, key in holders(document, self.at):
            if isinstance(path, str) and holder[key] and facts.is_place(path, str(holder[key])) is False:
                del holder[key]


@dataclass(frozen=True, slots=True)
class MakeList(Staying):
    """A member that held one value holds a list of such values."""

    at: str

    def apply(self, document: Document, facts: Facts) -> None:
        for holder, key in holders(document, self.at):
            holder[key] = [holder[key]]


@dataclass(frozen=True, slots=True)
class NameAnew:
    """Identifiers have another form: the keys of an object, or texts.

    Attributes:
        at: The object whose keys, or the texts that, are identifiers.
        starts: The old beginning of an identifier and the new one; a colon in the rest becomes a slash.
        versions: The old and the new version at its end.
        keys: Whether they are keys.
    """

    at: str
    starts: Mapping[str, str]
    versions: tuple[str, str]
    keys: bool = False

    def apply(self, document: Document, facts: Facts) -> None:
        for holder, key in holders(document, self.at, whole=True):
            value = holder[key]
            if self.keys and isinstance(value, dict):
                holder[key] = {self._named(name): inner for name, inner in value.items()}
            elif not self.keys and isinstance(value, str):
                holder[key] = self._named(value)

    def moved(self, parts: Sequence[str]) -> Sequence[str]:
        place = len(pointer.split(self.at))
        if self.keys and len(parts) > place and _is_below(parts, self.at):
            return [*parts[:place], self._named(parts[place]), *parts[place + 1 :]]
        return parts

    def _named(self, identifier: str) -> str:
        for old, new in self.starts.items():
            if identifier.startswith(old):
                rest = identifier.removeprefix(old)
                if rest.endswith(f":{self.versions[0]}"):
                    rest = rest.removesuffix(self.versions[0]) + self.versions[1]
                return new + rest.replace(":", "/")
        return identifier


@dataclass(frozen=True, slots=True)
class AddHeader(Staying):
    """Rows of files that have certain values in their members get a member ``header``, computed from the file."""

    at: str
    where: Mapping[str, Sequence[str]]

    def apply(self, document: Document, facts: Facts) -> None:
        for holder, key in holders(document, self.at, whole=True):
            row = holder[key]
            if isinstance(row, dict) and all(row.get(name) in values for name, values in self.where.items()):
                header = facts.header(str(row.get("path")))
                if header is not None:
                    row["header"] = header


@dataclass(frozen=True, slots=True)
class AddUnpackedDigest(Staying):
    """An object with ``path`` and ``size`` gets a member ``digest``: of what the packed file holds."""

    at: str

    def apply(self, document: Document, facts: Facts) -> None:
        for holder, key in holders(document, self.at):
            about = holder[key]
            if isinstance(about, dict) and "digest" not in about and type(about.get("size")) is int:
                digest = facts.unpacked(str(about.get("path")), about["size"])
                if digest is not None:
                    about["digest"] = digest


def changed(document: Mapping[str, Any], changes: Sequence[Change], facts: Facts) -> Document:
    """Return a document after changes; the given one stays as it is.

    Its ``field_sources`` point to where their values stand now; the digest of a value that a change altered is taken
    anew, if it was right.
    """
    result: Document = pointer.copied(dict(document))
    for change in changes:
        change.apply(result, facts)
    if isinstance(sources := result.get("field_sources"), list):
        result["field_sources"] = [new for row in sources for new in _source(row, document, result, changes)]
    return result


def moved(at: str, changes: Sequence[Change]) -> str | None:
    """Return where a pointer into the old document leads in the new one; ``None``: nowhere."""
    parts: Sequence[str] | None = pointer.split(at)
    for change in changes:
        if parts is not None:
            parts = change.moved(parts)
    return None if parts is None else pointer.join(parts)


def _source(row: Any, before: Mapping[str, Any], after: Document, changes: Sequence[Change]) -> Iterator[Any]:
    if not isinstance(row, dict) or not isinstance(at := row.get("pointer"), str) or not at.startswith("/"):
        yield row  # what is wrong with it, its schema says
        return
    new = moved(at, changes)
    if new is None:
        return
    missing = object()
    value = pointer.get(after, new, missing)
    if value is missing and pointer.get(before, at, missing) is not missing:
        return  # a change removed what was not true
    was_right = row.get("value_digest") == digest_json(pointer.get(before, at))
    yield {**row, "pointer": new} | ({"value_digest": digest_json(value)} if was_right and value is not missing else {})


def _is_below(parts: Sequence[str], pattern: str) -> bool:
    """Whether a place is one that a pattern means, or lies below it."""
    wanted = pointer.split(pattern)
    return len(parts) >= len(wanted) and all(want in ("*", part) for want, part in zip(wanted, parts, strict=False))


def holders(document: Any, pattern: str, *, whole: bool = False) -> Iterator[tuple[Any, Any]]:
    """Yield what holds each value that a pattern means, and its key or number there.

    Args:
        document: The document.
        pattern: The pattern.
        whole: Whether an item of a list is meant, too; else members of objects only.
    """
    *before, last = pointer.split(pattern)
    found = [document]
    for part in before:
        found = [value for holder in found for value in _members(holder, part)]
    for holder in found:
        if last == "*" and isinstance(holder, list) and whole:
            yield from ((holder, number) for number in range(len(holder)))
        elif isinstance(holder, dict) and last in holder:
            yield holder, last


def _members(value: Any, part: str) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values() if part == "*" else [value[part]] if part in value else []
    elif isinstance(value, list) and part == "*":
        yield from value
