"""Evaluations beside a sealed manifest: what they say by themselves (L2), and of which model they speak (L4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from candle_spec.checkpoint.later_evaluations import SCHEMA, evaluation_files, own_digest
from candle_spec.checkpoint.layout import EVALUATIONS
from candle_spec.errors import CandleSpecError
from candle_spec.manifest.identifiers import fault_of
from candle_spec.problems import Location, Problem
from candle_spec.validation.catalogue import from_error, problem
from candle_spec.validation.context import Context, at
from candle_spec.validation.rules.semantics import dated, evaluated
from candle_spec.validation.rules.uses import expand

_MOST_FAULTS: Final = 20
"""Faults shown of one document: the first ones tell."""


def values(context: Context) -> Iterator[Problem]:
    """Measured values obey the rules of those in the manifest."""
    for path in _paths(context):
        document = _sound(context, path)
        if document is None:
            continue  # said elsewhere
        yield from (replace(each, location=Location(path, each.location.pointer)) for each in faults_of(document))


def faults_of(document: dict[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the values of a document that obeys its schema."""
    yield from evaluated(document["evaluations"])
    yield from dated(document, ("/created", "/evaluations/*/date"))
    for scheme in ("orcid", "ror"):
        for pattern in (f"/creators/*/{scheme}", f"/creators/*/affiliation/*/{scheme}"):
            for place, text in expand(document, pattern):
                if fault := fault_of(scheme, text):
                    yield at("CKP2001", fault, pointer=place)


def documents(context: Context) -> Iterator[Problem]:
    """Each is a document of its schema, as it was written, and speaks of this model."""
    for path in _paths(context):
        context.count("later evaluations")
        try:
            document = context.side_document(path)
        except CandleSpecError as error:
            yield replace(from_error(error, path, "CKP4040"), code="CKP4040", requirement="CS-043")
            continue
        faults = context.side_faults(path, SCHEMA, document)
        for found in faults[:_MOST_FAULTS]:
            where = Location(path, found.location.pointer)
            yield problem("CKP4040", f"{found.location.pointer}: {found.message}", where)
        if faults:
            continue
        if document["digest"] != own_digest(document):
            yield at("CKP4041", "digest is not the digest of this document", file=path, pointer="/digest")
        if document["content_digest"] != context.manifest["weights"].get("content_digest"):
            message = "it speaks of a model with another content digest"
            yield at("CKP4042", message, file=path, pointer="/content_digest")


def _paths(context: Context) -> list[str]:
    listed = [record["path"] for record in context.manifest["files"]]
    return [f"{EVALUATIONS}/{path.name}" for path in evaluation_files(context.root, listed)]


def _sound(context: Context, path: str) -> dict[str, Any] | None:
    """Return a document that obeys its schema."""
    try:
        document = context.side_document(path)
    except CandleSpecError:
        return None
    return None if context.side_faults(path, SCHEMA, document) else document


L2_RULES = (values,)
L4_RULES = (documents,)
