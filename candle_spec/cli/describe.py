"""``candle-spec describe``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from candle_spec.cli import exit_codes
from candle_spec.cli.output.words import error_text, plural
from candle_spec.cli.repository_options import shared
from candle_spec.errors import InvalidInputError

if TYPE_CHECKING:
    from candle_spec.repositories.engine.source import Origin, Source
    from candle_spec.repositories.packs.pack import Pack
    from candle_spec.repositories.questions.readiness import Question
    from candle_spec.repositories.questions.suggestions import Suggestion, Surroundings

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
    from candle_spec.repositories.packs import search
    from candle_spec.repositories.questions import description, interview, readiness
    from candle_spec.repositories.questions import suggestions as suggesting

    library = search.library(templates)
    packs = [template(library, name) for name in wanted or search.newest(library)]
    source = source_of(checkpoint, model_file if model_file and model_file.exists() else None, site)
    questions = readiness.questions([readiness.row(pack, source) for pack in packs], recommended=all_questions)
    around = suggesting.surroundings(checkpoint.resolve().parent, source, config)
    talk = _Talk(source, packs, around)
    if file is not None:
        talk.answers = interview.answers_of(description.read(file))
    if accept_suggestions:
        talk.accept(questions)
    elif file is None:
        talk.ask(questions)
        if config is not None or all_questions:
            talk.offer()
    wrong = interview.faults(talk.answers, source.document, packs)
    for at, message in wrong:
        click.echo(f"{at}: {message}", err=True)
    if wrong:
        return exit_codes.FINDINGS
    path = model_file or description.find_description(checkpoint)
    path = path or checkpoint.resolve().parent / description.DESCRIPTION
    if dry_run:
        click.echo(description.updated(path, talk.answers, talk.origins).decode("utf-8"), nl=False)
        return exit_codes.OK
    if talk.answers:
        description.update(path, talk.answers, talk.origins)
        click.echo(f"-> {path}  {plural(len(talk.answers), 'answer')}")
    else:
        click.echo("nothing to write: no question was answered" if questions else "nothing to ask: nothing is missing")
    if into_manifest:
        _into_manifest(checkpoint, path, site)
    described = path if path.exists() else None
    after = [readiness.row(pack, source_of(checkpoint, described, site)) for pack in packs]
    click.echo(", ".join(f"{row.template.partition('/')[0]}: {'ready' if row.ready else 'not ready'}" for row in after))
    return exit_codes.OK


def _into_manifest(checkpoint: Path, described: Path, site: Path | None) -> None:
    from candle_spec.checkpoint.checkpoint import Checkpoint
    from candle_spec.publish.sources import source_of
    from candle_spec.repositories.engine.importer import store
    from candle_spec.repositories.questions.description import described_manifest

    opened = Checkpoint(checkpoint)
    source = source_of(checkpoint, described if described.exists() else None, site)
    wrong = store(opened.path, opened.manifest, described_manifest(opened.manifest, source))
    if wrong:
        raise InvalidInputError("; ".join(wrong), location=str(opened.path), hint="the manifest was left as it is")
    click.echo(f"-> {opened.path}  manifest")


@dataclass(slots=True)
class _Talk:
    """Questions put to a person, and what was answered.

    Attributes:
        answers: Values by JSON Pointer.
        origins: Where those are from that were suggested and taken.
    """

    source: Source
    packs: list[Pack]
    around: Surroundings
    answers: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)

    def ask(self, questions: list[Question]) -> None:
        """Ask one after another; an answer that no manifest takes is asked for again."""
        for number, question in enumerate(questions, start=1):
            names = ", ".join(template.partition("/")[0] for template in question.templates)
            click.echo(f"{number}/{len(questions)}  {question.ask.question}  ({names})")
            if question.ask.help:
                click.echo(f"     {question.ask.help}")
            self._answer(question)

    def accept(self, questions: list[Question]) -> None:
        """Answer with what is suggested, where something is and no other answer was given."""
        from candle_spec.repositories.questions.interview import choices, parse_answer

        for question in questions:
            pack, to = self._pack(question), question.ask.to
            likely = self.around.suggest(question.ask, pack.vocabularies.get(question.ask.vocabulary))
            if likely is not None and to not in self.answers:
                self._take(to, parse_answer(question.ask, likely.value, choices(question.ask, pack)), likely)
        for at, suggestion in self._offered().items():
            self._take(at, suggestion.value, suggestion)

    def offer(self) -> None:
        """Show what is known beside, and take it if a person says so."""
        offered = self._offered()
        for at, suggestion in offered.items():
            text = json.dumps(suggestion.value, ensure_ascii=False)
            short = text if len(text) <= _WIDTH else f"{text[:_WIDTH]}…"
            click.echo(f"     {at}  {short}  (from {suggestion.detail})")
        if offered and click.confirm("     take these into the description, too?", default=True):
            for at, suggestion in offered.items():
                self._take(at, suggestion.value, suggestion)

    def _offered(self) -> dict[str, Suggestion]:
        return {at: each for at, each in self.around.offered(self.source).items() if at not in self.answers}

    def _pack(self, question: Question) -> Pack:
        return next(pack for pack in self.packs if pack.key == question.templates[0])

    def _take(self, at: str, value: Any, suggestion: Suggestion | None) -> None:
        from candle_spec.repositories.engine.source import Origin

        self.answers[at] = value
        if suggestion is not None:
            self.origins[at] = Origin(suggestion.source, suggestion.detail)

    def _answer(self, question: Question) -> None:
        from candle_spec.repositories.questions.interview import choices, parse_answer

        pack, to = self._pack(question), question.ask.to
        offered = choices(question.ask, pack)
        for number, word in enumerate(offered.words[:_SHOWN], start=1):
            click.echo(f"     {number:>3}  {word}")
        if len(offered.words) > _SHOWN:
            click.echo(f"          and {len(offered.words) - _SHOWN} more")
        likely = self.around.suggest(question.ask, pack.vocabularies.get(question.ask.vocabulary))
        while True:
            text = _prompt(likely).strip()
            if not text:
                return
            try:
                value = parse_answer(question.ask, text, offered)
                self._refuse_faults(to, value)
            except InvalidInputError as error:
                click.echo(error_text(error), err=True)
                continue
            if value not in ("", [], None):
                self._take(to, value, likely if likely is not None and text == likely.value else None)
            return

    def _refuse_faults(self, at: str, value: Any) -> None:
        from candle_spec.repositories.questions.interview import faults

        for place, message in faults({**self.answers, at: value}, self.source.document, self.packs):
            if place == at or place.startswith(f"{at}/"):
                raise InvalidInputError(message, location=place)


def _prompt(likely: Suggestion | None) -> str:
    if likely is None:
        text = str(click.prompt("     (empty: skip)", default="", show_default=False))
    else:
        click.echo(f"     suggested by {likely.detail}; a dash skips")
        text = str(click.prompt("    ", default=likely.value))
    return "" if text.strip() == "-" else text
