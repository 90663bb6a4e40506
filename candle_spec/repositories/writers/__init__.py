"""The closed set of writers: each makes the bytes of one document of a record, the same bytes every time."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Final

Writer = Callable[[Any, Mapping[str, Any]], bytes]

WRITERS: Final[Mapping[str, tuple[str, str]]] = {
    "json": ("text", "json"),
    "yaml": ("yaml_text", "yaml"),
    "front-matter": ("text", "front_matter"),
    "csv": ("tables", "csv"),
    "xlsx": ("tables", "xlsx"),
    "xml": ("xml_text", "xml"),
}
"""Module and function of each writer, imported when it writes. It takes the document and its entry in ``outputs``."""


def write(document: Any, output: Mapping[str, Any]) -> bytes:
    """Return the bytes of a document."""
    module, function = WRITERS[output["writer"]]
    writer: Writer = getattr(importlib.import_module(f"{__name__}.{module}"), function)
    return writer(document, output)
