"""What a migration changes in a manifest, in lines that a person reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from candle_spec import pointer
from candle_spec.conversion.migration.plan import Plan
from candle_spec.manifest import migrations

Kind = Literal["renamed", "changed", "removed", "added", "moved"]
_SHOWN: Final = 60
_SOURCES: Final = "/field_sources"


@dataclass(frozen=True, slots=True)
class Line:
    """Something that is different, at one place or, alike, at several.

    Attributes:
        kind: What happens.
        old: The place before; ``*`` stands for the items of a list. ``""`` where there was nothing.
        new: The place afterwards; ``""`` where there is nothing.
        count: At how many places.
        value: What stands there, where it is one and short: before and after where it changes.
    """

    kind: Kind
    old: str
    new: str
    count: int = 1
    value: str = ""

    def __str__(self) -> str:
        where = self.old if self.new in ("", self.old) else f"{self.old} -> {self.new}" if self.old else self.new
        times = f"  ({self.count} places)" if self.count > 1 else ""
        return f"{self.kind:<8} {where}{times}{'  ' + self.value if self.value else ''}"


def difference(made: Plan) -> list[Line]:
    """Return what is different in the manifest, in its order; alike lines are one."""
    found: dict[tuple[Kind, str, str], dict[tuple[str, str], str]] = {}
    for kind, old, new, value in (*_manifest(made), *_documents(made)):
        alike = found.setdefault((kind, _pattern(old), _pattern(new)), {})
        alike[old, new] = value
    return [
        Line(kind, old, new, len(alike), next(iter(alike.values())) if len(set(alike.values())) == 1 else "")
        for (kind, old, new), alike in found.items()
    ]


def _manifest(made: Plan) -> Iterator[tuple[Kind, str, str, str]]:
    old, new = _leaves(made.before), _leaves(made.migrated)
    seen: set[str] = set()
    for at, value in old.items():
        to = migrations.moved(at, made.version)
        below = [place for place in (to, f"{to}/0") if place in new]
        if to is None or not below:
            yield "removed", at, "", _short(value)
            continue
        seen.update(below)
        if to != at:
            yield "renamed", *_without_same_end(at, to), ""
        if new[below[0]] != value or below[0] != to:
            yield "changed", to, to, f"{_short(value)} -> {_short(pointer.get(made.migrated, to))}"
    yield from (("added", "", at, _short(value)) for at, value in new.items() if at not in seen)
    rows = sum(before != after for before, after in _rows(made))
    if rows:
        yield "changed", _SOURCES, _SOURCES, f"{rows} follow what they point to"


def _without_same_end(old: str, new: str) -> tuple[str, str]:
    """Return two pointers up to the last part in which they differ: that part has another name, and all below it."""
    before, after = old.split("/"), new.split("/")
    while before[-1] == after[-1]:
        del before[-1], after[-1]
    return "/".join(before), "/".join(after)


def _rows(made: Plan) -> Iterator[tuple[Any, Any]]:
    before, after = (list(document.get("field_sources", ())) for document in (made.before, made.migrated))
    known = {json.dumps(row, sort_keys=True) for row in after}
    yield from ((row, row if json.dumps(row, sort_keys=True) in known else None) for row in before)


def _documents(made: Plan) -> Iterator[tuple[Kind, str, str, str]]:
    listed = {row["path"] for row in made.migrated["files"]}
    for path, data in made.documents.items():
        if path in listed:
            yield "changed", path, path, "its version"
        else:
            yield "moved", "", path, f"{len(data):,} bytes out of the manifest"
    if "manifest_digest" in made.after:
        yield "changed", "/manifest_digest", "/manifest_digest", "sealed anew"
    yield "added", "", "/migrations", f"from {made.version}"


def _leaves(document: Any) -> dict[str, Any]:
    about = {key: value for key, value in document.items() if key not in ("field_sources", "manifest_digest")}
    return dict(pointer.leaves(about))


def _pattern(at: str) -> str:
    if not at.startswith("/"):
        return at
    return "/" + "/".join("*" if part.isdigit() else part for part in at[1:].split("/"))


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
