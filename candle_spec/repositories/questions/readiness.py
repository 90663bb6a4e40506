"""How far a manifest is from the records of repositories, and the fewest questions that lead there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from candle_spec.repositories.engine.mapper import map_source
from candle_spec.repositories.engine.record import Finding, Record
from candle_spec.repositories.engine.source import Source
from candle_spec.repositories.kinds import Kind
from candle_spec.repositories.language.tree import Ask, Demand
from candle_spec.repositories.templates.template import Template


@dataclass(frozen=True, slots=True)
class Row:
    """How a manifest stands with one repository.

    Attributes:
        template: ``<id>/<version>``.
        record: The record, as far as it goes.
        missing: Mandatory fields without a value, and what is not valid.
        recommended: Recommended fields without a value.
        unverified: Values that no closed list confirms.
        inferred: Mandatory fields whose value was only inferred.
    """

    template: str
    record: Record
    missing: list[Finding]
    recommended: list[Finding]
    unverified: list[Finding]
    inferred: list[Finding]

    @property
    def ready(self) -> bool:
        """Whether a valid record can be written."""
        return not self.missing

    @property
    def complete(self) -> bool:
        """Whether nothing that is recommended is missing either."""
        return self.ready and not self.recommended


@dataclass(slots=True)
class Question:
    """One question, and what its answer does.

    Attributes:
        ask: The question.
        templates: The repositories that want the answer.
        mandatory: Those of them that cannot do without.
    """

    ask: Ask
    templates: list[str] = field(default_factory=list)
    mandatory: list[str] = field(default_factory=list)


def row(template: Template, source: Source) -> Row:
    """Return how a manifest stands with one repository."""
    record = map_source(template, source)
    return Row(
        template.key,
        record,
        _each_once(record.blocking),
        record.of(Kind.MISSING_RECOMMENDED),
        record.of(Kind.UNVERIFIED),
        record.inferred_mandatory,
    )


def _each_once(findings: list[Finding]) -> list[Finding]:
    """Leave out what the answer to an earlier finding's question fills too."""
    seen: set[str] = set()
    kept = []
    for finding in findings:
        if finding.ask is None or finding.ask.to not in seen:
            kept.append(finding)
        if finding.ask is not None:
            seen.add(finding.ask.to)
    return kept


def questions(rows: Iterable[Row], *, recommended: bool = False) -> list[Question]:
    """Return the questions to ask: each place in the manifest once, the one first that helps most repositories.

    Args:
        rows: The repositories.
        recommended: Ask for what is only recommended too.
    """
    found: dict[str, Question] = {}
    for each in rows:
        for finding in [*each.missing, *(each.recommended if recommended else ())]:
            if finding.ask is None:
                continue
            question = found.setdefault(finding.ask.to, Question(finding.ask))
            if _tells_more(finding.ask, question.ask):
                question.ask = finding.ask
            for needed, names in ((True, question.templates), (finding.demand is Demand.MUST, question.mandatory)):
                if needed and each.template not in names:
                    names.append(each.template)
    return sorted(
        found.values(), key=lambda question: (-len(question.mandatory), -len(question.templates), question.ask.to)
    )


def _tells_more(one: Ask, other: Ask) -> bool:
    return bool(one.choices or one.vocabulary) and not (other.choices or other.vocabulary)
