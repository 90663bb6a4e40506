"""What a mapping gives: the records, and one finding for everything that happened to each field."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from candle_spec.repositories.kinds import Kind
from candle_spec.repositories.language.tree import Ask, Demand


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        kind: What happened.
        target: JSON Pointer in the record, ``<record>:/…``; ``""`` for a part of the manifest that has no place.
        demand: How much the repository wants the field.
        source: JSON Pointer in the manifest that the value is from; ``"constant"`` for what the template states.
        transforms: Names of the transforms on the way.
        provenance: Where the manifest has the value from.
        message: What happened, in words.
        ask: The question whose answer would fill the field.
    """

    kind: Kind
    target: str
    demand: Demand = Demand.MAY
    source: str = ""
    transforms: tuple[str, ...] = ()
    provenance: str = ""
    message: str = ""
    ask: Ask | None = None


@dataclass(slots=True)
class Record:
    """What a template makes of one checkpoint.

    Attributes:
        template: ``<id>/<version>``.
        documents: The record's documents by id; one that has no content is not there.
        findings: All findings, in the order of the target's fields.
    """

    template: str
    documents: dict[str, Any]
    findings: list[Finding] = field(default_factory=list)

    def of(self, *kinds: Kind) -> list[Finding]:
        """Return the findings of some kinds."""
        return [finding for finding in self.findings if finding.kind in kinds]

    @property
    def blocking(self) -> list[Finding]:
        """What keeps the record from being written: mandatory fields without a value, and what is not valid."""
        return self.of(Kind.MISSING_MANDATORY, Kind.INVALID)

    def may_be_written(self, *, accept_inferred: bool = False) -> bool:
        """Whether the record may be written: nothing blocks it, and no mandatory value was only inferred.

        Args:
            accept_inferred: Take mandatory values that were only inferred.
        """
        return not self.blocking and (accept_inferred or not self.inferred_mandatory)

    @property
    def inferred_mandatory(self) -> list[Finding]:
        """Mandatory fields whose value was only inferred."""
        return [finding for finding in self.of(Kind.INFERRED) if finding.demand is Demand.MUST]
