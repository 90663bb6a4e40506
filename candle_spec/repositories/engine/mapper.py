"""Map a manifest to the record of a repository, and check the record before anyone writes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from candle_spec import pointer as pointers
from candle_spec.atomic import Staging
from candle_spec.errors import InvalidInputError
from candle_spec.manifest import collection
from candle_spec.repositories.engine.broken_rules import broken
from candle_spec.repositories.engine.evaluator import Evaluator
from candle_spec.repositories.engine.record import Finding, Record
from candle_spec.repositories.engine.source import Source
from candle_spec.repositories.kinds import Kind
from candle_spec.repositories.language.tree import Demand
from candle_spec.repositories.templates import target
from candle_spec.repositories.templates.template import Template
from candle_spec.repositories.values import is_absent
from candle_spec.repositories.writers import write


def map_source(template: Template, source: Source) -> Record:
    """Return the record that a template makes.

    Args:
        template: The template.
        source: The manifest with what description and site add (:func:`candle_spec.repositories.engine.source.merge`).

    Raises:
        InvalidInputError: The template does not read this version of the manifest.
    """
    _in_range(template, source.document)
    source.read.clear()
    record = Record(template.key, {})
    for output in template.outputs:
        if output["id"] not in template.tree.records:
            continue
        evaluator = Evaluator(template.tree, source, template.vocabularies, output["id"])
        document = evaluator.run()
        record.findings += evaluator.findings
        if not is_absent(document):
            record.documents[output["id"]] = document
    ignored = template.tree.ignore
    record.findings += [
        Finding(
            Kind.NO_PLACE,
            "",
            source=at,
            provenance=str(source.origin(at)),
            message="the repository has no place for it",
        )
        for at in source.unread()
        if not any(at == each or at.startswith(f"{each}/") for each in ignored)
    ]
    record.findings += list(_check(template, record, source))
    return record


def _check(template: Template, record: Record, source: Source) -> Iterator[Finding]:
    """What the target's schema, the rules and the schema of the template's extension find."""
    missing = {finding.target for finding in record.of(Kind.MISSING_MANDATORY)}
    for output in template.outputs:
        document = record.documents.get(output["id"])
        if document is not None and "schema" in output:
            for at, message in target.faults(document, template.folder, output["schema"]):
                place = f"{output['id']}:{at}"
                if not any(each.startswith(f"{place}/") and _names(message, each) for each in missing):
                    yield Finding(Kind.INVALID, place, Demand.MUST, message=message)
    yield from broken(template.rules, record.documents)
    answers = pointers.get(source.document, pointers.join(["extensions", template.extension_uri]))
    if template.extension_uri and answers is not None:
        for at, message in target.faults(answers, template.folder, "extension.schema.json"):
            place = pointers.join(["extensions", template.extension_uri]) + at
            origin = str(source.origin(place))
            yield Finding(Kind.INVALID, "", source=place, provenance=origin, message=message)


def _names(message: str, place: str) -> bool:
    """Whether a schema's sentence only says again that a mandatory field is missing."""
    return "required" in message and f'"{place.rpartition("/")[2]}"' in message


def _in_range(template: Template, manifest: Mapping[str, Any]) -> None:
    core = template.about["core"]
    version = collection.precedence(str(manifest.get("schema_version", collection.CURRENT)))
    low, high = collection.precedence(core["from"]), collection.precedence(core.get("below", "999999.0.0"))
    if not low <= version < high:
        stated = f"{core['from']} to {core['below']}" if "below" in core else f"{core['from']} and newer"
        message = f"{template.key} reads manifests of version {stated}, not {manifest.get('schema_version')}"
        raise InvalidInputError(message, hint="migrate the manifest, or use another version of the template")


def write_record(template: Template, record: Record, folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Write the record's files into a new folder, all or none, and return their paths.

    Args:
        template: The template that made the record.
        record: The record.
        folder: The folder to make.
        overwrite: Replace it if it exists.

    Raises:
        OutputExistsError: It exists.
    """
    files = write_documents(template, record)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with Staging(folder, overwrite=overwrite) as staging:
        for name, data in files.items():
            staging.write(name, data)
        staging.commit()
    return [folder / name for name in files]


def write_documents(template: Template, record: Record) -> dict[str, bytes]:
    """Return the record's files by path."""
    return {
        output["file"]: write(record.documents[output["id"]], output)
        for output in template.outputs
        if output["id"] in record.documents
    }
