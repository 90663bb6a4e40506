"""``candle-spec describe``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.repository_options import choose_pack, open_source, shared
from candle_spec.cli.words import error_text, plural
from candle_spec.errors import InvalidInputError

if TYPE_CHECKING:
    from candle_spec.repositories.pack import Pack
    from candle_spec.repositories.readiness import Question

_SHOWN = 30


@click.command("describe", epilog="Example: candle-spec describe model.pt.candle --for modac --answers answers.yaml")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--for", "wanted", multiple=True, help="A repository; may be repeated (default: all).")
@click.option("--answers", "file", type=click.Path(path_type=Path), help="Take the answers from a YAML or JSON file.")
@click.option("--all-questions", is_flag=True, help="Ask for what is only recommended too.")
@click.option("--into-manifest", is_flag=True, help="Also write what the description says into the manifest.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, write nothing.")
@shared
def command(
    checkpoint: Path,
    wanted: tuple[str, ...],
    file: Path | None,
    all_questions: bool,
    into_manifest: bool,
    dry_run: bool,
    templates: tuple[Path, ...],
    model_file: Path | None,
    site: Path | None,
) -> int:
    """Ask what repositories still want to know of CHECKPOINT, and write the answers to candle-model.yaml.

    The description is found upwards from the checkpoint, or made beside it; it holds for every checkpoint below.
    """
    from candle_spec.repositories import description, interview, readiness, search

    library = search.library(templates)
    packs = [choose_pack(library, name) for name in wanted or search.newest(library)]
    source = open_source(checkpoint, model_file if model_file and model_file.exists() else None, site)
    rows = [readiness.row(pack, source) for pack in packs]
    questions = readiness.questions(rows, recommended=all_questions)
    if file is not None:
        answers = interview.answers_of(description.read(file))
    else:
        answers = _ask(
            questions, {pack.key: pack for pack in packs}, interview.suggestions(checkpoint.resolve().parent)
        )
    wrong = interview.faults(answers, source.document, packs)
    for at, message in wrong:
        click.echo(f"{at}: {message}", err=True)
    if wrong:
        return exit_codes.FINDINGS
    path = model_file or description.find_description(checkpoint)
    path = path or checkpoint.resolve().parent / description.DESCRIPTION
    if dry_run:
        click.echo(description.updated(path, answers).decode("utf-8"), nl=False)
        return exit_codes.OK
    if answers:
        description.update(path, answers)
        click.echo(f"-> {path}  {plural(len(answers), 'answer')}")
    else:
        click.echo("nothing to ask: no answer is missing")
    if into_manifest:
        _into_manifest(checkpoint, path, site)
    after = [readiness.row(pack, open_source(checkpoint, path, site)) for pack in packs]
    click.echo(", ".join(f"{row.template.partition('/')[0]}: {'ready' if row.ready else 'not ready'}" for row in after))
    return exit_codes.OK


def _into_manifest(checkpoint: Path, described: Path, site: Path | None) -> None:
    from candle_spec.checkpoint.checkpoint import Checkpoint
    from candle_spec.repositories.description import described_manifest
    from candle_spec.repositories.importing import store

    opened = Checkpoint(checkpoint)
    source = open_source(checkpoint, described if described.exists() else None, site)
    wrong = store(opened.path, opened.manifest, described_manifest(opened.manifest, source))
    if wrong:
        raise InvalidInputError("; ".join(wrong), location=str(opened.path), hint="the manifest was left as it is")
    click.echo(f"-> {opened.path}  manifest")


def _ask(questions: list[Question], packs: dict[str, Pack], likely: dict[str, str]) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for number, question in enumerate(questions, start=1):
        names = ", ".join(template.partition("/")[0] for template in question.templates)
        click.echo(f"{number}/{len(questions)}  {question.ask.question}  ({names})")
        if question.ask.help:
            click.echo(f"     {question.ask.help}")
        value = _answer(question, packs[question.templates[0]], likely.get(question.ask.to, ""))
        if value not in ("", [], None):
            answers[question.ask.to] = value
    return answers


def _answer(question: Question, pack: Pack, likely: str) -> Any:
    from candle_spec.repositories.interview import choices, parse_answer

    offered = choices(question.ask, pack)
    for number, word in enumerate(offered.words[:_SHOWN], start=1):
        click.echo(f"     {number:>3}  {word}")
    if len(offered.words) > _SHOWN:
        click.echo(f"          and {len(offered.words) - _SHOWN} more")
    while True:
        text = click.prompt("     (empty: skip)" if not likely else "    ", default=likely, show_default=bool(likely))
        if not str(text).strip():
            return ""
        try:
            return parse_answer(question.ask, str(text), offered)
        except InvalidInputError as error:
            click.echo(error_text(error), err=True)
