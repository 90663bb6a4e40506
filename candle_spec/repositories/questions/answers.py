"""Answers: what one must be, and what a file of answers says."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from candle_spec import pointer as pointers
from candle_spec.canonical import loads
from candle_spec.errors import InvalidInputError
from candle_spec.manifest.documents import Document
from candle_spec.manifest.spelling import nearest
from candle_spec.repositories.language.tree import Ask
from candle_spec.repositories.templates.template import Template

_ORCID: Final = re.compile(r"\(?(?:https://orcid\.org/)?([0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9X])\)?")


@dataclass(frozen=True, slots=True)
class Choices:
    """The answers that a question offers, and whether others are taken too."""

    words: tuple[str, ...] = ()
    closed: bool = False


def choices(ask: Ask, template: Template) -> Choices:
    """Return what a question offers: its own choices, or the terms of its vocabulary."""
    if ask.choices:
        return Choices(ask.choices, closed=True)
    vocabulary = template.vocabularies.get(ask.vocabulary)
    if vocabulary is None:
        return Choices()
    return Choices(tuple(vocabulary.terms), closed=vocabulary.status == "closed")


def parse_answer(ask: Ask, text: str, offered: Choices) -> Any:
    """Return the value that a typed answer is.

    Raises:
        InvalidInputError: It is none of the choices, or not of the form asked for; the hint names the nearest.
    """
    answer = text.strip()
    if offered.words and answer.isdigit() and 1 <= int(answer) <= len(offered.words):
        answer = offered.words[int(answer) - 1]
    match ask.shape:
        case "people":
            return [_person(part) for part in answer.split(";") if part.strip()]
        case "person":
            return _person(answer)
        case "list":
            return _list(answer)
        case "yes-no":
            if answer.lower() not in ("y", "n", "yes", "no"):
                raise InvalidInputError(f"{answer!r} is neither yes nor no")
            return answer.lower().startswith("y")
        case "number":
            try:
                return float(answer) if "." in answer else int(answer)
            except ValueError as error:
                raise InvalidInputError(f"{answer!r} is no number") from error
    if offered.closed and answer not in offered.words:
        near = nearest(answer, offered.words)
        hint = f"did you mean {near!r}?" if near else f"choices: {', '.join(offered.words[:20])}"
        raise InvalidInputError(f"{answer!r} is none of the choices", hint=hint)
    return answer


def _list(answer: str) -> list[Any]:
    """Items with a comma between two (one that has a comma itself, in double quotes), or a list as JSON.

    Raises:
        InvalidInputError: The quotes, or the JSON, are not right.
    """
    if answer.startswith("["):
        found = loads(answer.encode(), location="the answer")
        if isinstance(found, list):
            return found
    try:
        items = next(csv.reader([answer], skipinitialspace=True, strict=True), [])
    except csv.Error as error:
        hint = 'such as: one, "two, with a comma", three'
        raise InvalidInputError(f"the quotes are not right: {error}", hint=hint) from error
    return [item.strip() for item in items if item.strip()]


def _person(text: str) -> dict[str, str]:
    """``Given Family <mail> ORCID`` or ``Family, Given``; mail and ORCID may be left out."""
    orcid = _ORCID.search(text)
    name, _, rest = _ORCID.sub("", text).partition("<")
    family, comma, given = (part.strip() for part in name.partition(","))
    if not comma:
        given, _space, family = name.strip().rpartition(" ")
    person = {"name": f"{given} {family}".strip()}
    if given and family:
        person |= {"given_name": given, "family_name": family}
    mail = rest.partition(">")[0].strip()
    person |= {"email": mail} if mail else {}
    return {**person, "orcid": orcid[1]} if orcid else person


def answers_of(document: Document) -> dict[str, Any]:
    """Return the answers of a file by JSON Pointer: keys that start with ``/`` are pointers, others members.

    Raises:
        InvalidInputError: It is no object.
    """
    if not isinstance(document.value, dict):
        raise InvalidInputError("a file of answers is an object", location=document.location)
    found: dict[str, Any] = {}
    for key, value in document.value.items():
        if str(key).startswith("/"):
            found[str(key)] = value
        else:
            found |= dict(_values(value, pointers.join([key])))
    return found


def _values(value: Any, at: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _values(inner, at + pointers.join([key]))
    else:
        yield at, value
