"""From a repository's record back to a manifest: ``import.yaml``, the same language with the sides changed."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from candle_spec import pointer as pointers
from candle_spec.atomic import Fs, replace_file
from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.digests import digest_json
from candle_spec.errors import CorruptFileError, InvalidInputError, MissingPathError
from candle_spec.manifest.documents import load_document
from candle_spec.manifest.schema import new_errors
from candle_spec.repositories.engine.evaluator import Evaluator
from candle_spec.repositories.engine.source import Source, refuse_what_is_no_json
from candle_spec.repositories.templates.template import Template
from candle_spec.repositories.values import is_absent

RECORD = "manifest"
"""Name of the record that ``import.yaml`` makes."""


def import_documents(template: Template, documents: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record says of a manifest.

    Args:
        template: The template.
        documents: The record's documents by output; ``import.yaml`` reads one of them.

    Raises:
        InvalidInputError: The template has no way back.
    """
    if template.importing is None or RECORD not in template.importing.records:
        raise InvalidInputError(f"{template.key} has no way back: it has no import.yaml")
    document = documents.get(read_output(template)["id"])
    if not isinstance(document, dict):
        raise InvalidInputError(f"the record is no object: {template.key} makes one")
    refuse_what_is_no_json(document)
    source = Source(document)
    made = Evaluator(template.importing, source, template.vocabularies, RECORD).run()
    return made if isinstance(made, dict) else {}


def read_output(template: Template) -> Mapping[str, Any]:
    """Return the output that ``import.yaml`` reads: the one that the template names, or its first."""
    named = template.about.get("reads", template.outputs[0]["id"])
    for output in template.outputs:
        if output["id"] == named:
            return output
    raise InvalidInputError(f"{template.key} reads {named!r}, which it does not make")


def read_record(template: Template, data: bytes, name: str) -> Any:
    """Return the document in a record's file: the output that the template reads back, as it is written.

    Raises:
        CorruptFileError: It is not of that form.
    """
    output = read_output(template)
    if output["writer"] not in ("front-matter", "yaml"):
        return load_document(data, name).value
    from candle_spec.manifest.yaml import load_yaml

    if output["writer"] == "yaml":
        value, _ = load_yaml(data, location=name, lenient=True)
        return value
    text = data.decode("utf-8", "replace")
    if not text.startswith("---\n") or "\n---" not in text[4:]:
        raise CorruptFileError("there is no front matter between two lines ---", location=name)
    head, _, body = text[4:].partition("\n---")
    value, _ = load_yaml(f"{head}\n".encode(), location=name, lenient=True)
    document = value if isinstance(value, dict) else {}
    return {**document, output.get("body", "body"): body.strip().removeprefix("-").strip()}


def read(template: Template, path: Path) -> dict[str, Any]:
    """Return what the record in a file says of a manifest.

    Raises:
        MissingPathError: There is no such file.
        CorruptFileError: It is not of the form in which the template writes records.
        InvalidInputError: The template has no way back.
    """
    if not path.is_file():
        raise MissingPathError("there is no such file", location=str(path))
    document = read_record(template, path.read_bytes(), str(path))
    return import_documents(template, {read_output(template)["id"]: document})


def differences(manifest: Mapping[str, Any], made: Mapping[str, Any], *, replace: bool) -> dict[str, Any]:
    """Return the values that a record has and a manifest lacks (or, with ``replace``, has otherwise), by pointer."""
    found: dict[str, Any] = {}

    def walk(value: Any, at: str) -> None:
        have = pointers.get(manifest, at) if at else manifest
        if isinstance(value, Mapping) and (have is None or isinstance(have, Mapping)):
            for key, inner in value.items():
                walk(inner, at + pointers.join([key]))
        elif not is_absent(value) and have != value and (replace or is_absent(have)):
            found[at] = value

    walk(made, "")
    return found


def with_changes(manifest: Mapping[str, Any], changes: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Return a manifest with values put in, each with its origin in ``field_sources``."""
    made: dict[str, Any] = copy.deepcopy(dict(manifest))
    rows = [row for row in made.get("field_sources", []) if row["pointer"] not in changes]
    for at, value in changes.items():
        pointers.put(made, at, value)
        rows.append({"pointer": at, "source": "user", "detail": origin, "value_digest": digest_json(value)})
    return {**made, "field_sources": rows}


def store(
    folder: Path, before: Mapping[str, Any], made: Mapping[str, Any], *, location: str = "", fs: Fs | None = None
) -> None:
    """Write a changed manifest into its checkpoint; one that was sealed is sealed again.

    Args:
        folder: The checkpoint.
        before: Its manifest.
        made: What is to stand there.
        location: What the change is from, for messages; by default the checkpoint.
        fs: The file system; replaced by tests.

    Raises:
        InvalidInputError: The new manifest has faults that the old one has not.
    """
    wrong = [f"{problem.location.pointer}: {problem.message}" for problem in new_errors(made, before)]
    if wrong:
        hint = "the manifest was left as it is: nothing was written into it"
        raise InvalidInputError("; ".join(wrong), location=location or str(folder), hint=hint)
    kept = {key: value for key, value in made.items() if key != "manifest_digest"}
    if "manifest_digest" in before:
        kept["manifest_digest"] = manifest_file.manifest_digest(kept)
    replace_file(folder / MANIFEST, manifest_file.dump(kept), fs=fs)
