"""What the template of MoDaC makes of a checkpoint or a series, for a publication: one mapping, one set of lists.

``map``, ``readiness`` and ``publish`` read the same source with the same template; what was learnt of the service's
lists (:class:`candle_spec.modac.vocabulary.Knowledge`) takes the place of the packaged ones in all three.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from candle_spec import pointer as pointers
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.errors import InvalidInputError
from candle_spec.modac.plan import epochs_of, is_series
from candle_spec.modac.records import AssetRecord, read_record
from candle_spec.modac.vocabulary import NAMES, Knowledge
from candle_spec.repositories.engine.record import Finding, Record
from candle_spec.repositories.engine.source import Origin, Source
from candle_spec.repositories.kinds import Kind
from candle_spec.repositories.questions.description import gather
from candle_spec.repositories.templates.template import Template
from candle_spec.repositories.vocabulary import Vocabulary

if TYPE_CHECKING:
    from candle_spec.modac.checks import PlanProblem

TEMPLATE: Final = "modac"


def informed(template: Template, knowledge: Knowledge) -> Template:
    """Return the template with the lists of values that are known of the service."""
    lists = dict(template.vocabularies)
    for attribute, name in NAMES.items():
        known = knowledge.vocabulary(attribute)
        if name in lists and known.state != "unknown":
            terms = {value: lists[name].terms.get(value, ()) for value in known.values}
            lists[name] = Vocabulary(name, known.state, terms)
    return replace(template, vocabularies=lists)


def source_of(path: Path, model_file: Path | None = None, site: Path | None = None) -> Source:
    """Return what a mapping reads of a checkpoint; of a series, of its last checkpoint.

    Raises:
        MissingPathError: It is neither.
        CorruptFileError: A description says what no manifest may.
    """
    checkpoint = Checkpoint(epochs_of(path)[-1] if is_series(path) else path)
    return gather(checkpoint.document, path.resolve(), model_file, site)


def place_at(template: Template, source: Source, study: str) -> None:
    """Let the source name another study: ``/base/program/study``.

    What is said of a program or a study of another identifier is not said of this one.

    Raises:
        InvalidInputError: It is no path of a study.
    """
    parts = study.strip("/").split("/")
    if len(parts) != 3 or not all(parts):
        raise InvalidInputError(
            f"{study!r} is no path of a study", hint="such as /NCI_DOE_Archive/JDACS4C/JDACS4C_Pilot_1"
        )
    own = pointers.join(["extensions", template.extension_uri])
    for name, identifier in (("program", parts[1]), ("study", parts[2])):
        about = pointers.get(source.document, f"{own}/{name}")
        kept = about if isinstance(about, dict) and about.get("identifier") in (None, identifier) else {}
        pointers.put(source.document, f"{own}/{name}", {**kept, "identifier": identifier})
        source.origins[f"{own}/{name}/identifier"] = Origin("user", "--study")
    pointers.put(source.document, f"{own}/base_path", f"/{parts[0]}")
    source.origins[f"{own}/base_path"] = Origin("user", "--study")


def asset_of(record: Record) -> AssetRecord | None:
    """Return the record as a publication takes it; ``None`` where it does not even say where the asset goes."""
    document = record.documents.get("asset") or record.documents.get("dataset")
    if not isinstance(document, dict) or "path" not in document or "metadataEntries" not in document:
        return None
    return read_record(record.documents, location=record.template)


def problems_of(record: Record, *, given: Collection[str] = (), accept_inferred: bool = False) -> Iterator[PlanProblem]:
    """Yield what keeps a record from being sent, as ``map`` and ``readiness`` find it.

    Args:
        record: The record.
        given: Attributes of the asset that the caller states beside the record.
        accept_inferred: Whether mandatory values count that were only inferred.
    """
    for finding in record.blocking:
        if attribute_of(record, finding) not in given:
            yield _problem(record, finding)
    for finding in () if accept_inferred else record.inferred_mandatory:
        if attribute_of(record, finding) not in given:
            words = "the value was only inferred: answer it, or add --accept-inferred"
            yield replace(_problem(record, finding), message=words)


def attribute_of(record: Record, finding: Finding) -> str:
    """Return the attribute that a finding is about: by its name, or by its place in the list of entries."""
    document, _, at = finding.target.partition(":")
    *above, last = at.split("/")
    if above[-1:] == ["metadataEntries"] and last.isdigit():
        return str(pointers.get(record.documents, f"/{document}{at}/attribute"))
    return last


def _problem(record: Record, finding: Finding) -> PlanProblem:
    from candle_spec.modac.checks import PlanProblem  # brings validation along, which readiness does without

    attribute = attribute_of(record, finding)
    words = finding.message or finding.kind.value
    if finding.kind is Kind.MISSING_MANDATORY:
        words = f"{attribute} is missing" + (f": {finding.ask.question}" if finding.ask else "")
    elif attribute and attribute not in words:
        words = f"{attribute}: {words}"
    return PlanProblem(finding.target or finding.source, words, True, attribute)
