"""The native formats that are read, for ``candle-spec formats`` and the docs."""

from __future__ import annotations

from dataclasses import dataclass

from candle_spec.conversion.registry import converters


@dataclass(frozen=True, slots=True)
class Format:
    """One converter and its card."""

    id: str
    family: str
    title: str
    suffixes: tuple[str, ...]
    kept: str
    not_kept: str
    restore: str
    extra: str


def formats() -> list[Format]:
    """Return all formats, sorted by family and name."""
    rows = [
        Format(
            converter.name,
            converter.card.family,
            converter.title,
            tuple(converter.suffixes),
            converter.card.kept,
            converter.card.not_kept,
            converter.card.restore,
            converter.card.extra,
        )
        for converter in converters()
    ]
    return sorted(rows, key=lambda row: (row.family.lower(), row.id))
