"""Look through everything that would be sent: secrets are refused, what is personal needs the caller's word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from candle_spec import pointer
from candle_spec.publish.bundle import Item
from candle_spec.validation.private_words import EMAIL, personal_in, secrets_in

_TEXTS: Final = (".json", ".yaml", ".yml", ".md", ".txt", ".csv", ".tsv", ".toml", ".cff", ".py", ".xml")
_LARGEST: Final = 64 << 20
_HEADER: Final = 16 << 20
_PEOPLE: Final = ("/creators", "/contributors", "/contact")


@dataclass(frozen=True, slots=True)
class Leak:
    """Something that should not be sent: where it stands and what it is, never the thing itself."""

    path: str
    line: int
    column: int
    what: str
    secret: bool

    @property
    def place(self) -> str:
        """File, line and column."""
        return f"{self.path}:{self.line}:{self.column}"


def leaks(items: Iterable[Item], manifest: Mapping[str, Any]) -> list[Leak]:
    """Return all that was found, the secrets first.

    The e-mail addresses of those whom the manifest names as people are meant to be read.
    """
    known = frozenset(_addresses(manifest))
    found = [leak for item in items for leak in _of(item, known)]
    return sorted(dict.fromkeys(found), key=lambda leak: not leak.secret)


def _addresses(manifest: Mapping[str, Any]) -> Iterator[str]:
    for name in _PEOPLE:
        for _, value in pointer.leaves(manifest.get(name[1:]) or {}):
            if isinstance(value, str):
                yield from (match.group() for match in EMAIL.finditer(value))


def _of(item: Item, known: frozenset[str]) -> Iterator[Leak]:
    text = _text(item)
    for secret, hits in ((True, secrets_in(text)), (False, personal_in(text, known))):
        for position, what in hits:
            line = text.count("\n", 0, position) + 1
            column = position - text.rfind("\n", 0, position)
            yield Leak(item.path, line, column, what, secret)


def _text(item: Item) -> str:
    """The text of a file; of weights, the header with its names."""
    if item.path.endswith(".safetensors"):
        return _start(item, _HEADER).decode("utf-8", "replace") if item.size else ""
    if item.path.lower().endswith(_TEXTS) and item.size <= _LARGEST:
        return b"".join(item.blocks()).decode("utf-8", "replace")
    return ""


def _start(item: Item, most: int) -> bytes:
    """The header of a safetensors file: eight bytes with its length, then JSON."""
    if item.local is None:
        return b""
    with item.local.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return file.read(min(length, most))
