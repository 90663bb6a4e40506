"""JSON Pointer (RFC 6901): build, split, get, set and iterate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from candle_spec.errors import InvalidInputError


def join(parts: Sequence[str | int]) -> str:
    """Return the pointer made of ``parts``; no parts give ``""``, the whole document."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def split(pointer: str) -> list[str]:
    """Return the unescaped parts of ``pointer``.

    Raises:
        InvalidInputError: The pointer is neither empty nor starts with ``/``.
    """
    if not pointer:
        return []
    if not pointer.startswith("/"):
        raise InvalidInputError(f"a JSON Pointer starts with '/', not {pointer!r}")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]


def get(document: Any, pointer: str, default: Any = None) -> Any:
    """Return the value at ``pointer``, or ``default`` where there is none."""
    value = document
    for part in split(pointer):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isascii() and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return default
    return value


def put(document: dict[str, Any], pointer: str, value: Any) -> None:
    """Set the member at ``pointer`` in place, making the objects on the way; lists are not made or grown.

    Raises:
        InvalidInputError: The pointer leads through a text or a number, or to no item of a list.
    """
    parts = split(pointer)
    if not parts:
        raise InvalidInputError("the whole document cannot be replaced")
    target: Any = document
    for depth, part in enumerate(parts):
        if isinstance(target, list):
            if not (part.isascii() and part.isdigit() and int(part) < len(target)):
                raise InvalidInputError(f"{join(parts[:depth])!r} is a list without an item {part!r}", location=pointer)
            key: Any = int(part)
        elif isinstance(target, dict):
            key = part
        else:
            raise InvalidInputError(f"{join(parts[:depth])!r} is no object: nothing lies below it", location=pointer)
        if depth == len(parts) - 1:
            target[key] = value
        else:
            target = target[key] if isinstance(target, list) else target.setdefault(key, {})


def leaves(document: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield ``(pointer, value)`` of every value that is not an object or a list."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from leaves(value, prefix + join([key]))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from leaves(value, f"{prefix}/{index}")
    else:
        yield prefix, document


def texts(document: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield ``(pointer, text)`` of every text; numbers, of which there may be a million, are passed over."""
    if isinstance(document, str):
        yield prefix, document
    elif isinstance(document, dict):
        for key, value in document.items():
            if isinstance(value, (str, dict, list)):
                yield from texts(value, prefix + join([key]))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            if isinstance(value, (str, dict, list)):
                yield from texts(value, f"{prefix}/{index}")


def copied(value: Any) -> Any:
    """Return a copy of a JSON value that shares no object and no list with it."""
    if isinstance(value, dict):
        return {key: copied(inner) if isinstance(inner, (dict, list)) else inner for key, inner in value.items()}
    if isinstance(value, list):
        return [copied(inner) if isinstance(inner, (dict, list)) else inner for inner in value]
    return value
