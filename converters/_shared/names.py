"""Names that no other tensor has, made of those that stand in foreign files."""

from __future__ import annotations

from collections.abc import Container


def free_name(wanted: str, taken: Container[str]) -> str:
    """Return a name, numbered (``name#2``) where another has it already."""
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}#{number}", number + 1
    return name
