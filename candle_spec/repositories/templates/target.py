"""Check a document with the target's own schema, whatever its draft, without fetching anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from candle_spec import pointer as pointers
from candle_spec.errors import CorruptFileError
from candle_spec.repositories.templates.folder import Folder

_BACKTRACKS = 100_000
"""Steps that a pattern with look-around may take; patterns without take time linear in the text."""


def validator(folder: Folder, reference: str) -> Any:
    """Return the validator of a schema of a template: ``file`` or ``file#/pointer``.

    Raises:
        CorruptFileError: The file is no JSON Schema, or names one that the template does not have.
    """
    import jsonschema_rs

    name, _, fragment = reference.partition("#")
    schema = folder.json(name)
    others = [(other, folder.json(other)) for other in folder.schemas() if other != name]
    resources = _resources(name, schema, others)
    if fragment:
        resources.append((f"urn:template:{name}", schema))
        schema = {"$schema": schema.get("$schema", ""), "$ref": f"urn:template:{name}#{fragment}"}
    problem: Exception | None = None
    linear = jsonschema_rs.RegexOptions()
    for patterns in (linear, jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS)):
        try:
            kind = jsonschema_rs.validator_cls_for(schema)
            registry = jsonschema_rs.Registry(resources)
            return kind(schema, registry=registry, pattern_options=patterns, offline=True)
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            problem = problem or error
    message = str(problem).partition("\n")[0]
    raise CorruptFileError(f"it is no JSON Schema that can be used: {message}", location=f"{folder.label}/{name}")


def _resources(name: str, schema: Any, others: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The other schemas by ``$id``, and by file name beside each ``$id``: vendored copies often have another name."""
    resources = {str(each.get("$id") or other): each for other, each in others if isinstance(each, dict)}
    ids = [each["$id"] for _, each in [(name, schema), *others] if isinstance(each, dict) and "$id" in each]
    beside = {urljoin(base, other): each for base in ids for other, each in others if base.startswith("http")}
    return list((beside | resources).items())


def faults(document: Any, folder: Folder, reference: str) -> Iterator[tuple[str, str]]:
    """Yield ``(pointer, sentence)`` of everything in a document that its schema refuses."""
    checker = validator(folder, reference)
    if checker.is_valid(document):
        return
    for error in checker.iter_errors(document):
        text = error.message if len(error.message) <= 300 else error.message[:299] + "…"
        yield pointers.join(list(error.instance_path)), text
