"""``candle-spec describe``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.output.words import error_text, plural
from candle_spec.cli.repository_options import shared
from candle_spec.errors import InvalidInputError

if TYPE_CHECKING:
    from candle_spec.repositories.questions.interview import Interview
    from candle_spec.repositories.questions.readiness import Question
    from candle_spec.repositories.questions.suggestions import Suggestion

_SHOWN = 30
_WIDTH = 60


@click.command("describe", epilog="Example: candle-spec describe model.pt.candle --for modac --answers answers.yaml")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--for", "wanted", multiple=True, help="A repository; may be repeated (default: all).")
@click.option("--answers", "file", type=click.Path(path_type=Path), help="Take the answers from a YAML or JSON file.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Settings of the training, which suggest answers: INI, YAML, JSON or a log (default: the manifest's).",
)
@click.option("--accept-suggestions", is_flag=True, help="Take what is suggested, and ask nothing.")
@click.option("--all-questions", is_flag=True, help="Ask for what is only recommended too.")
@click.option("--into-manifest", is_flag=True, help="Also write what the description says into the manifest.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, write nothing.")
@shared
def command(
    checkpoint: Path,
    wanted: tuple[str, ...],
    file: Path | None,
    config: Path | None,
    accept_suggestions: bool,
    all_questions: bool,
    into_manifest: bool,
    dry_run: bool,
    templates: tuple[Path, ...],
    model_file: Path | None,
    site: Path | None,
) -> int:
    """Ask what repositories still want to know of CHECKPOINT, and write the answers to candle-model.yaml.

    The description is found upwards from the checkpoint, or made beside it; it holds for every checkpoint below.
    Several answers stand with commas between them, one that has a comma itself in double quotes. Suggestions come from
    the training's settings, git, and the job's environment; one that is taken keeps where it is from.
    """
    from candle_spec.publish.registry import template
    from candle_spec.publish.sources import source_of
    from candle_spec.repositories.questions import answers, description, interview, readiness, suggestions
    from candle_spec.repositories.templates import search

    library = search.library(templates)
    chosen = [template(library, name) for name in wanted or search.newest(library)]
    source = source_of(checkpoint, model_file if model_file and model_file.exists() else None, site)
    questions = readiness.questions([readiness.row(one, source) for one in chosen], recommended=all_questions)
    around = suggestions.surroundings(checkpoint.resolve().parent, source, config)
    talk = interview.Interview(source, chosen, around)
    if file is not None:
        talk.answers = answers.answers_of(description.read(file))
    if accept_suggestions:
        talk.accept(questions)
    elif file is None:
        _ask(talk, questions, beside=config is not None or all_questions)
    wrong = talk.faults()
    for at, message in wrong:
        click.echo(f"{at}: {message}", err=True)
    if wrong:
        return exit_codes.FINDINGS
    path = model_file or description.home(checkpoint)
    if dry_run:
        click.echo(description.updated(path, talk.answers, talk.origins).decode("utf-8"), nl=False)
        return exit_codes.OK
    _write(talk, path, asked=bool(questions))
    if into_manifest:
        _into_manifest(checkpoint, path, site)
    described = path if path.exists() else None
    after = [readiness.row(one, source_of(checkpoint, described, site)) for one in chosen]
    click.echo(", ".join(f"{row.template.partition('/')[0]}: {'ready' if row.ready else 'not ready'}" for row in after))
    return exit_codes.OK


def _write(talk: Interview, path: Path, *, asked: bool) -> None:
    from candle_spec.repositories.questions import description

    if talk.answers:
        description.update(path, talk.answers, talk.origins)
        click.echo(f"-> {path}  {plural(len(talk.answers), 'answer')}")
    else:
        click.echo("nothing to write: no question was answered" if asked else "nothing to ask: nothing is missing")


def _into_manifest(checkpoint: Path, described: Path, site: Path | None) -> None:
    from candle_spec.checkpoint.checkpoint import Checkpoint
    from candle_spec.publish.sources import source_of
    from candle_spec.repositories.questions.description import write_into_manifest

    opened = Checkpoint(checkpoint)
    write_into_manifest(opened, source_of(checkpoint, described if described.exists() else None, site))
    click.echo(f"-> {opened.path}  manifest")


def _ask(talk: Interview, questions: list[Question], *, beside: bool) -> None:
    """Ask one after another; ``beside`` offers what is known and nobody asked for."""
    for number, question in enumerate(questions, start=1):
        names = ", ".join(key.partition("/")[0] for key in question.templates)
        click.echo(f"{number}/{len(questions)}  {question.ask.question}  ({names})")
        if question.ask.help:
            click.echo(f"     {question.ask.help}")
        _answer(talk, question)
    if beside:
        _offer(talk)


def _answer(talk: Interview, question: Question) -> None:
    """Ask until there is an answer that a manifest takes, or none."""
    words = talk.choices(question).words
    for number, word in enumerate(words[:_SHOWN], start=1):
        click.echo(f"     {number:>3}  {word}")
    if len(words) > _SHOWN:
        click.echo(f"          and {len(words) - _SHOWN} more")
    while text := _prompt(talk.likely(question)).strip():
        try:
            talk.answer(question, text)
        except InvalidInputError as error:
            click.echo(error_text(error), err=True)
        else:
            return


def _offer(talk: Interview) -> None:
    """Show what is known beside, and take it if a person says so."""
    offered = talk.offered()
    for at, suggestion in offered.items():
        text = json.dumps(suggestion.value, ensure_ascii=False)
        short = text if len(text) <= _WIDTH else f"{text[:_WIDTH]}…"
        click.echo(f"     {at}  {short}  (from {suggestion.detail})")
    if offered and click.confirm("     take these into the description, too?", default=True):
        talk.take(offered)


def _prompt(likely: Suggestion | None) -> str:
    if likely is None:
        text = str(click.prompt("     (empty: skip)", default="", show_default=False))
    else:
        click.echo(f"     suggested by {likely.detail}; a dash skips")
        text = str(click.prompt("    ", default=likely.value))
    return "" if text.strip() == "-" else text
