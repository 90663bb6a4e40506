"""Read a document that a person or a program wrote, as JSON or as YAML, and know on which line each value stands."""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol

from candle_spec import limits, pointer
from candle_spec.canonical import loads_with_note
from candle_spec.errors import LimitExceededError
from candle_spec.problems import Problem

YAML_SUFFIXES: Final = (".yaml", ".yml")

_NEAR_THE_TOP: Final = 4096
_SPACE: Final = re.compile(r"[ \t\n\r]*")


class Positions(Protocol):
    """Where the values of a document stand in its text."""

    def find(self, at: str) -> tuple[int, int]:
        """Return line and column, from 1, of the value at a JSON Pointer: of its key, where it is a member.

        Where there is no such value, its nearest ancestor is taken.
        """
        ...


@dataclass(frozen=True, slots=True)
class Document:
    """A document and where its values stand.

    Attributes:
        value: The value, as JSON.
        location: The file's name, for messages.
        positions: Where the values stand; worked out when asked.
        plain: Whether it is known to hold only values that all JSON readers read alike.
    """

    value: Any
    location: str
    positions: Positions
    plain: bool = False

    def locate(self, problem: Problem) -> Problem:
        """Return the problem with line and column of its pointer."""
        line, column = self.positions.find(problem.location.pointer)
        return replace(problem, location=replace(problem.location, line=line, column=column))


def load_document(source: str | Path | bytes, location: str = "", most: int = limits.JSON_BYTES) -> Document:
    """Read a document strictly: JSON, or YAML where the name ends with ``.yaml`` or ``.yml``.

    Args:
        source: A path, or the bytes themselves.
        location: The file's name, for messages; by default the path.
        most: Bytes that it may have.

    Raises:
        OSError: The file cannot be read.
        LimitExceededError: Too large, nested too deeply, too many aliases (``CKP0004``).
        CorruptFileError: Not UTF-8 (``CKP0001``), neither JSON nor YAML (``CKP0002``), a duplicate key (``CKP0003``),
            a byte-order mark (``CKP0005``), a number that is not finite (``CKP0006``), or YAML that readers of YAML
            1.1 and 1.2 read differently (``CKP0007``).
    """
    name = location or (str(source) if not isinstance(source, bytes) else "document")
    if isinstance(source, bytes):
        data = source
    else:
        _bounded(Path(source), name, most)
        data = Path(source).read_bytes()
    if name.lower().endswith(YAML_SUFFIXES):
        from candle_spec.manifest.yaml import load_yaml

        value, places = load_yaml(data, location=name)
        return Document(value, name, YamlPositions(places))
    value, plain = loads_with_note(data, location=name)
    return Document(value, name, JsonPositions(data), plain)


def _bounded(path: Path, name: str, most: int) -> None:
    size = path.stat().st_size
    if size > most:
        raise LimitExceededError(f"the document has {size} bytes, more than {most}", location=name, code="CKP0004")


@dataclass(frozen=True, slots=True)
class YamlPositions:
    """Positions noted while the YAML was read."""

    places: Mapping[str, tuple[int, int]]

    def find(self, at: str) -> tuple[int, int]:
        """See :class:`Positions`."""
        while at and at not in self.places:
            at = at.rpartition("/")[0]
        return self.places.get(at, (1, 1))


class JsonPositions:
    """Positions in a JSON text that is known to be sound, found level by level on the way to a pointer.

    Values before the way are skipped by the parser written in C, and each object or list is indexed once, as far as it
    was asked for: in a manifest of 10,000 tensors the last place takes tens of milliseconds, each further one next to
    nothing.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._decoder = json.JSONDecoder()
        self._indexed: dict[int, dict[str, tuple[int, int]]] = {}
        self._unread: dict[int, Iterator[tuple[str, tuple[int, int]]]] = {}

    @cached_property
    def _text(self) -> str:
        return self._data.decode("utf-8")

    @cached_property
    def _lines(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self._text))]

    def find(self, at: str) -> tuple[int, int]:
        """See :class:`Positions`."""
        shown = value = self._skip(0)
        for part in pointer.split(at):
            found = self._member(value, part)
            if found is None:
                break
            shown, value = found
        if shown < _NEAR_THE_TOP:  # the remark on the version, nearly always the only one: no table of lines for it
            return self._text.count("\n", 0, shown) + 1, shown - self._text.rfind("\n", 0, shown)
        line = bisect.bisect_right(self._lines, shown)
        return line, shown - self._lines[line - 1] + 1

    def _skip(self, offset: int) -> int:
        match = _SPACE.match(self._text, offset)
        return match.end() if match else offset

    def _member(self, offset: int, part: str) -> tuple[int, int] | None:
        """Return where key (or item) and value of a member stand, of the object or list at ``offset``."""
        opening = self._text[offset : offset + 1]
        if opening not in ("{", "["):
            return None
        known = self._indexed.setdefault(offset, {})
        unread = self._unread.setdefault(offset, self._index(offset, keyed=opening == "{"))
        while part not in known:
            found = next(unread, None)
            if found is None:
                return None
            known[found[0]] = found[1]
        return known[part]

    def _index(self, offset: int, *, keyed: bool) -> Iterator[tuple[str, tuple[int, int]]]:
        number = 0
        at = self._skip(offset + 1)
        while self._text[at] not in "}]":
            key, start = str(number), at
            number += 1
            if keyed:
                key, at = self._decoder.raw_decode(self._text, at)
                at = self._skip(self._skip(at) + 1)  # the colon
            yield key, (start, at)
            _, at = self._decoder.raw_decode(self._text, at)
            at = self._skip(at)
            if self._text[at] == ",":
                at = self._skip(at + 1)
