"""``candle-spec readiness``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.output.repository_words import (
    closing_line,
    finding_json,
    inferred_lines,
    matrix_lines,
    question_lines,
)
from candle_spec.cli.repository_options import epoch_option, shared

if TYPE_CHECKING:
    from candle_spec.repositories.questions.readiness import Question, Row


@click.command("readiness", epilog="Example: candle-spec readiness model.pt.candle --for modac --for huggingface")
@click.argument("checkpoints", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--for", "wanted", multiple=True, help="A repository; may be repeated (default: all).")
@click.option("--all-questions", is_flag=True, help="Ask for what is only recommended too.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@epoch_option
@shared
def command(
    checkpoints: tuple[Path, ...],
    wanted: tuple[str, ...],
    all_questions: bool,
    as_json: bool,
    epoch: str | None,
    templates: tuple[Path, ...],
    model_file: Path | None,
    site: Path | None,
) -> int:
    """Say how far each of the CHECKPOINTS is from a record of each repository, and what to ask."""
    from candle_spec.publish.registry import template
    from candle_spec.publish.sources import chosen, source_of
    from candle_spec.repositories.packs import search
    from candle_spec.repositories.questions import readiness

    library = search.library(templates)
    packs = [template(library, name) for name in wanted or search.newest(library)]
    checkpoints = tuple(chosen(checkpoints, epoch))
    reports, ready = [], True
    for path in checkpoints:
        source = source_of(path, model_file, site)
        rows = [readiness.row(pack, source) for pack in packs]
        questions = readiness.questions(rows, recommended=all_questions)
        ready = ready and all(row.ready for row in rows)
        reports.append(_report(path, rows, questions))
        if not as_json:
            _show(path, rows, questions, many=len(checkpoints) > 1)
    if as_json:
        click.echo(json.dumps(reports, ensure_ascii=False, indent=2))
    return exit_codes.OK if ready else exit_codes.FINDINGS


def _show(path: Path, rows: list[Row], questions: list[Question], *, many: bool) -> None:
    if many:
        click.echo(str(path))
    matrix = [*matrix_lines(rows), *inferred_lines(rows)]
    for line in [*matrix, *question_lines(questions), closing_line(rows, questions, str(path))]:
        click.echo(line)


def _report(path: Path, rows: list[Row], questions: list[Question]) -> dict[str, Any]:
    return {
        "checkpoint": str(path),
        "repositories": [
            {
                "template": row.template,
                "ready": row.ready,
                "complete": row.complete,
                "missing": [finding_json(finding) for finding in row.missing],
                "recommended": [finding_json(finding) for finding in row.recommended],
                "unverified": [finding_json(finding) for finding in row.unverified],
                "inferred": [finding_json(finding) for finding in row.inferred],
            }
            for row in rows
        ],
        "questions": [
            {
                "question": question.ask.question,
                "to": question.ask.to,
                "help": question.ask.help,
                "choices": list(question.ask.choices),
                "templates": question.templates,
                "mandatory": question.mandatory,
            }
            for question in questions
        ],
    }
