"""The words of the mapping language that all its parts use: pointers, transforms to apply, mistakes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from candle_spec import pointer as pointers

_POINTER: Final = re.compile(r"(?:(?P<scope>[a-z][a-z0-9_-]*):)?(?P<path>(?:/[^/]*)*)")


@dataclass(frozen=True, slots=True)
class Mistake:
    """A fault of a template, at a JSON Pointer of one of its documents."""

    at: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Pointer:
    """A place in what is read: ``/model/task``, ``item:/name``, ``modac:/access_group``; ``*`` is every item.

    Attributes:
        scope: ``""`` for the source document, else the name that an ``$each`` gave.
        parts: The unescaped parts. An extension's alias has become its place under ``extensions``.
        text: As it was written.
    """

    scope: str
    parts: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Use:
    """One transform to apply, with its argument."""

    name: str
    argument: Any = None


def parse_pointer(text: str, aliases: Mapping[str, str], scopes: Sequence[str]) -> Pointer | str:
    """Return a pointer, or one sentence saying what is wrong with it.

    Args:
        text: As written.
        aliases: URI of each extension by its short name.
        scopes: Names that enclosing ``$each`` have given.
    """
    match = _POINTER.fullmatch(text)
    if match is None or not text:
        return f"{text!r} is no pointer: it is written /a/b, or name:/a/b"
    scope, parts = match["scope"] or "", tuple(pointers.split(match["path"]))
    if scope in scopes or not scope:
        return Pointer(scope, parts, text)
    if scope in aliases:
        return Pointer("", ("extensions", aliases[scope], *parts), text)
    known = ", ".join([*scopes, *aliases]) or "none here"
    return f"{scope!r} in {text!r} is neither an extension nor the name of an enclosing $each (known: {known})"


def manifest_pointer(pointer: Pointer) -> str:
    """Return the JSON Pointer in the manifest of a pointer that starts at the source document."""
    return pointers.join(pointer.parts)
