"""Records, readiness and questions as text; nothing here prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from candle_spec.cli.output.words import plural

if TYPE_CHECKING:
    from candle_spec.repositories.engine.record import Finding, Record
    from candle_spec.repositories.questions.readiness import Question, Row
    from candle_spec.repositories.templates.template import Template

_QUIET = ("filled", "no-place", "vocabulary-matched", "unit-converted", "missing-recommended")


def record_lines(record: Record, *, explain: bool) -> Iterator[str]:
    """Yield what happened to the fields of a record; without ``explain`` only what needs a look."""
    for finding in record.findings:
        if explain or finding.kind.value not in _QUIET:
            yield "  " + _finding(finding, explain)
    quiet = {kind: sum(1 for each in record.findings if each.kind.value == kind) for kind in _QUIET}
    known = ", ".join(f"{count} {kind}" for kind, count in quiet.items() if count)
    if known and not explain:
        yield f"  {known}: --explain shows them"


def _finding(finding: Finding, explain: bool) -> str:
    place = finding.target or finding.source
    text = f"{finding.kind.value:<20} {place}"
    if finding.message:
        text += f"  {finding.message}"
    if explain and finding.source and finding.target:
        text += f"  <- {finding.source}"
        if finding.transforms:
            text += f" | {' | '.join(finding.transforms)}"
        if finding.provenance:
            text += f"  [{finding.provenance}]"
    return text


def schema_lines(template: Template) -> Iterator[str]:
    """Yield which schema a record was checked with, and from when it is."""
    for entry in template.about.get("schemas", ()):
        how = "the repository's own" if entry["origin"] == "vendored" else "derived from"
        yield f"  checked with {entry['file']}: {how} {entry['from']}, {entry['date']}"


def finding_json(finding: Finding) -> dict[str, Any]:
    """Return a finding for programs."""
    about: dict[str, Any] = {
        "kind": finding.kind.value,
        "target": finding.target,
        "level": finding.demand.value,
        "source": finding.source,
        "transforms": list(finding.transforms),
        "provenance": finding.provenance,
        "message": finding.message,
    }
    return {key: value for key, value in about.items() if value}


def matrix_lines(rows: list[Row]) -> Iterator[str]:
    """Yield the matrix: one line for each repository."""
    names = [row.template.partition("/")[0] for row in rows]
    width = max([len(name) for name in names] + [12])
    yield f"{'':<{width}}  ready     missing  unverified"
    for name, row in zip(names, rows, strict=True):
        state = "no" if not row.ready else "inferred" if row.inferred else "complete" if row.complete else "yes"
        fields = ", ".join(dict.fromkeys(_field(finding.target or finding.source) for finding in row.missing))
        line = f"{name:<{width}}  {state:<8}  {len(row.missing):<7}  {len(row.unverified):<10}  {fields}"
        yield line.rstrip()


def inferred_lines(rows: list[Row]) -> Iterator[str]:
    """Yield the mandatory fields whose value was only inferred: without a word, they keep a record from being made."""
    for row in rows:
        if row.inferred:
            fields = ", ".join(dict.fromkeys(_field(finding.target) for finding in row.inferred))
            name = row.template.partition("/")[0]
            yield f"  {name}: only inferred: {fields}; describe it, or --accept-inferred takes it"


def _field(target: str) -> str:
    parts = [part for part in target.partition(":")[2].split("/") if part]
    return parts[-1] if parts else target.rstrip(":")


def question_lines(questions: list[Question]) -> Iterator[str]:
    """Yield the questions, the most useful first."""
    for number, question in enumerate(questions, start=1):
        names = ", ".join(template.partition("/")[0] for template in question.templates)
        yield f"  {number}. {question.ask.question}  ({names})"
        if question.ask.help:
            yield f"     {question.ask.help}"


def closing_line(rows: list[Row], questions: list[Question], path: str) -> str:
    """Return the next step."""
    if all(row.ready for row in rows):
        return "all are ready: candle-spec map makes the records" + (
            " with --accept-inferred" if any(row.inferred for row in rows) else ""
        )
    if not questions:
        return "no question would help: candle-spec map --explain says what is wrong"

    return f"{plural(len(questions), 'question')} would complete what is mandatory: candle-spec describe {path}"
