"""The closed set of writers: each makes the bytes of one document of a record, the same bytes every time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from candle_spec.canonical import pretty
from candle_spec.repositories.writers import tables, text, yaml_text

Writer = Callable[[Any, Mapping[str, Any]], bytes]

WRITERS: Final[Mapping[str, Writer]] = {
    "json": lambda document, _: pretty(document),
    "yaml": lambda document, _: yaml_text.dump(document).encode("utf-8"),
    "front-matter": text.front_matter,
    "csv": tables.csv,
    "xlsx": tables.xlsx,
    "xml": text.xml,
}
"""All writers by name. Each takes the document and its entry in ``outputs`` of the template."""


def write(document: Any, output: Mapping[str, Any]) -> bytes:
    """Return the bytes of a document."""
    return WRITERS[output["writer"]](document, output)
