"""The native formats that are read, for ``candle-spec formats`` and the docs."""

from __future__ import annotations

from dataclasses import asdict, dataclass

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
        Format(id=converter.name, title=converter.title, suffixes=tuple(converter.suffixes), **asdict(converter.card))
        for converter in converters()
    ]
    return sorted(rows, key=lambda row: (row.family.lower(), row.id))
