"""Compile a template: its YAML documents, texts and extension as one JSON document, which loads in milliseconds."""

from __future__ import annotations

from candle_spec.canonical import pretty
from candle_spec.errors import CorruptFileError
from candle_spec.repositories.templates.folder import Folder
from candle_spec.repositories.templates.template import read_sources


def compile_template(folder: Folder) -> bytes:
    """Return the compiled form.

    Raises:
        CorruptFileError: A file cannot be read.
    """
    sources, _, failed = read_sources(folder)
    if failed:
        name, error = failed[0]
        raise CorruptFileError(error.message, location=error.location or name, hint=error.hint, code=error.code)
    return pretty(sources.to_json())
