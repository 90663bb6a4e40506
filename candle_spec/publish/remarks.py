"""What is wrong with a publication, or not known of it: found before anything is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from candle_spec import pointer
from candle_spec.repositories.engine.record import Finding, Kind, Record


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that is wrong, or not known; only what is ``blocking`` keeps a publication from being sent.

    Attributes:
        path: Where: a place in the record, or a path at the service.
        message: What.
        blocking: Whether it keeps the publication from being sent.
        attribute: The attribute that it is about, where it is about one.
        choices: The values that the attribute may have, where they are known.
    """

    path: str
    message: str
    blocking: bool = True
    attribute: str = ""
    choices: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def remarks_on(record: Record, *, given: Collection[str] = (), accept_inferred: bool = False) -> Iterator[Remark]:
    """Yield what keeps a record from being sent, as ``map`` and ``readiness`` find it.

    Args:
        record: The record.
        given: Attributes that the caller states beside the record.
        accept_inferred: Whether mandatory values count that were only inferred.
    """
    for finding in record.blocking:
        if attribute_of(record, finding) not in given:
            yield _remark(record, finding)
    for finding in () if accept_inferred else record.inferred_mandatory:
        if attribute_of(record, finding) not in given:
            words = "the value was only inferred: answer it, or add --accept-inferred"
            yield replace(_remark(record, finding), message=words)


def attribute_of(record: Record, finding: Finding) -> str:
    """Return the attribute that a finding is about: by its name, or by its place in a list of entries."""
    document, _, at = finding.target.partition(":")
    *above, last = at.split("/")
    if above[-1:] == ["metadataEntries"] and last.isdigit():
        return str(pointer.get(record.documents, f"/{document}{at}/attribute"))
    return last


def _remark(record: Record, finding: Finding) -> Remark:
    attribute = attribute_of(record, finding)
    words = finding.message or finding.kind.value
    if finding.kind is Kind.MISSING_MANDATORY:
        words = f"{attribute} is missing" + (f": {finding.ask.question}" if finding.ask else "")
    elif attribute and attribute not in words:
        words = f"{attribute}: {words}"
    return Remark(finding.target or finding.source, words, True, attribute)
