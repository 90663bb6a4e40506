"""From a repository's record back to a manifest: ``import.yaml``, the same language with the sides changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from candle_spec.errors import CorruptFileError, InvalidInputError
from candle_spec.manifest.documents import load_document
from candle_spec.repositories.evaluate import Evaluator
from candle_spec.repositories.pack import Pack
from candle_spec.repositories.source import Source

RECORD = "manifest"
"""Name of the record that ``import.yaml`` makes."""


def import_documents(pack: Pack, documents: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record says of a manifest.

    Args:
        pack: The template.
        documents: The record's documents by output; where there is only one output, ``import.yaml`` reads it directly.

    Raises:
        InvalidInputError: The template has no way back.
    """
    if pack.importing is None or RECORD not in pack.importing.records:
        raise InvalidInputError(f"{pack.key} has no way back: it has no import.yaml")
    first = pack.outputs[0]["id"]
    source = Source(dict(documents.get(first) or {}))
    made = Evaluator(pack.importing, source, pack.vocabularies, RECORD).run()
    return made if isinstance(made, dict) else {}


def read_record(pack: Pack, data: bytes, name: str) -> Any:
    """Return the document in a record's file: the pack's first output, read as it is written.

    Raises:
        CorruptFileError: It is not of that form.
    """
    output = pack.outputs[0]
    if output["writer"] != "front-matter":
        return load_document(data, name).value
    text = data.decode("utf-8", "replace")
    if not text.startswith("---\n") or "\n---" not in text[4:]:
        raise CorruptFileError("there is no front matter between two lines ---", location=name)
    head, _, body = text[4:].partition("\n---")
    from candle_spec.manifest.yaml import load_yaml

    value, _ = load_yaml(f"{head}\n".encode(), location=name, lenient=True)
    document = value if isinstance(value, dict) else {}
    return {**document, output.get("body", "body"): body.strip().removeprefix("-").strip()}
