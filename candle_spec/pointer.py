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
    """Set the member at ``pointer`` in place, making the objects on the way; lists are not made or grown."""
    parts = split(pointer)
    if not parts:
        raise InvalidInputError("the whole document cannot be replaced")
    target: Any = document
    for part in parts[:-1]:
        target = target[int(part)] if isinstance(target, list) else target.setdefault(part, {})
    if isinstance(target, list):
        target[int(parts[-1])] = value
    else:
        target[parts[-1]] = value


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
