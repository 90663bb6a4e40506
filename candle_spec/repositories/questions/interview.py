"""The interview about one checkpoint: questions are answered by a person, or by what is likely."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from candle_spec import pointer as pointers
from candle_spec.errors import InvalidInputError
from candle_spec.manifest.schema import new_errors
from candle_spec.repositories.engine.source import Origin, Source
from candle_spec.repositories.questions.answers import Choices, choices, parse_answer
from candle_spec.repositories.questions.readiness import Question
from candle_spec.repositories.questions.suggestions import Suggestion, Surroundings
from candle_spec.repositories.templates import target
from candle_spec.repositories.templates.template import EXTENSION, Template


@dataclass(slots=True)
class Interview:
    """Answers to the questions that repositories have about one checkpoint.

    Args:
        source: What is known already.
        templates: The templates that ask.
        surroundings: What suggests answers.

    Attributes:
        answers: Values by JSON Pointer.
        origins: Where those are from that were suggested and taken.
    """

    source: Source
    templates: list[Template]
    surroundings: Surroundings
    answers: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)

    def choices(self, question: Question) -> Choices:
        """Return what a question offers."""
        return choices(question.ask, self._template(question))

    def likely(self, question: Question) -> Suggestion | None:
        """Return the likely answer of a question."""
        vocabulary = self._template(question).vocabularies.get(question.ask.vocabulary)
        return self.surroundings.suggest(question.ask, vocabulary)

    def answer(self, question: Question, text: str) -> None:
        """Take what a person typed; the likely answer keeps where it is from, an empty one is none.

        Raises:
            InvalidInputError: It is no answer to the question, or no manifest takes it; the hint names what would be.
        """
        to, likely = question.ask.to, self.likely(question)
        value = parse_answer(question.ask, text, self.choices(question))
        for place, message in self.faults({**self.answers, to: value}):
            if place == to or place.startswith(f"{to}/"):
                raise InvalidInputError(message, location=place)
        if value not in ("", [], None):
            self._take(to, value, likely if likely is not None and text == likely.value else None)

    def accept(self, questions: Iterable[Question]) -> None:
        """Answer with what is likely, where something is and no other answer was given."""
        for question in questions:
            likely = self.likely(question)
            if likely is not None and question.ask.to not in self.answers:
                value = parse_answer(question.ask, likely.value, self.choices(question))
                self._take(question.ask.to, value, likely)
        self.take(self.offered())

    def offered(self) -> dict[str, Suggestion]:
        """Return what is known beside, and was neither asked for nor answered, by pointer."""
        offered = self.surroundings.offered(self.source)
        return {at: suggestion for at, suggestion in offered.items() if at not in self.answers}

    def take(self, offered: Mapping[str, Suggestion]) -> None:
        """Take what is offered, by pointer."""
        for at, suggestion in offered.items():
            self._take(at, suggestion.value, suggestion)

    def faults(self, answers: Mapping[str, Any] | None = None) -> list[tuple[str, str]]:
        """Return what is wrong with answers, ``(pointer, sentence)``, by the manifest's schema and those of extensions.

        Args:
            answers: Values by JSON Pointer; by default all that were given.
        """
        manifest = self.source.document
        made = copy.deepcopy(manifest)
        for at, value in (self.answers if answers is None else answers).items():
            pointers.put(made, at, value)
        found = [
            (problem.location.pointer, f"{problem.message} {problem.hint}".strip())
            for problem in new_errors(made, manifest)
        ]
        for template in self.templates:
            at = pointers.join(["extensions", template.extension_uri])
            own = pointers.get(made, at)
            if template.extension_uri and own is not None:
                found += [(at + inner, message) for inner, message in target.faults(own, template.folder, EXTENSION)]
        return found

    def _template(self, question: Question) -> Template:
        return next(template for template in self.templates if template.key == question.templates[0])

    def _take(self, at: str, value: Any, suggestion: Suggestion | None) -> None:
        self.answers[at] = value
        if suggestion is not None:
            self.origins[at] = Origin(suggestion.source, suggestion.detail)
