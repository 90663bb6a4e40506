"""Text templates that only insert values and loop.

::

    {{ /name }}   {{ /creators/*/name | join: ", " }}      a value, through transforms (arguments are JSON)
    {{ each /inputs as input }} … {{ end }}                once for every item
    {{ if /title }} … {{ else }} … {{ end }}               where there is a value; also: if not /title

A line that holds only ``each``, ``if``, ``else`` or ``end`` leaves no line behind. A text has no value where an
insertion outside of ``if`` and ``each`` has none. In a text of Markdown or reStructuredText every value is escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from candle_spec.repositories.language.terms import Pointer, Use

_DEPTH: Final = 20
"""Nesting of loops and choices."""

_TAG: Final = re.compile(r"\{\{([^{}]*)\}\}")
_ALONE: Final = re.compile(r"[ \t]*\{\{[ \t]*(?:each|if|else|end)\b[^{}\n]*\}\}[ \t]*")


@dataclass(frozen=True, slots=True)
class Insert:
    """One value."""

    pointer: Pointer
    use: tuple[Use, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """A part for every item."""

    pointer: Pointer
    name: str
    parts: Text


@dataclass(frozen=True, slots=True)
class Choice:
    """A part where there is a value (or, negated, none), another one elsewhere."""

    pointer: Pointer
    negated: bool
    parts: Text
    otherwise: Text


Part = str | Insert | Loop | Choice
Text = tuple[Part, ...]
ParsePointer = Callable[[str, Sequence[str]], Pointer | str]
ParseUse = Callable[[str, Any], Use | str]
Finish = Callable[[tuple[Use, ...]], tuple[Use, ...]]


class TextParser:
    """Parses one text; collects what is wrong with it as ``(line, sentence)``.

    Args:
        source: The text.
        pointer: Parses a pointer among the names in scope.
        use: Makes a transform of name and argument.
        scopes: Names in scope.
        finish: Adds what every value of this text goes through.
    """

    def __init__(
        self,
        source: str,
        pointer: ParsePointer,
        use: ParseUse,
        scopes: Sequence[str] = (),
        finish: Finish = lambda uses: uses,
    ) -> None:
        self.wrong: list[tuple[int, str]] = []
        self._pointer, self._use, self._finish = pointer, use, finish
        self._tokens = list(_tokens(source))
        self._next = 0
        self._depth = 0
        self.text = self._parts(tuple(scopes), top=True)

    def _parts(self, scopes: tuple[str, ...], *, top: bool = False, line: int = 1) -> Text:
        if self._depth > _DEPTH:
            self.wrong.append((line, f"each and if are nested more than {_DEPTH} deep"))
            self._next = len(self._tokens)
            return ()
        self._depth += 1
        try:
            return self._sequence(scopes, top=top, line=line)
        finally:
            self._depth -= 1

    def _sequence(self, scopes: tuple[str, ...], *, top: bool, line: int) -> Text:
        parts: list[Part] = []
        while self._next < len(self._tokens):
            at, is_tag, content = self._tokens[self._next]
            if is_tag and content in ("else", "end"):
                if not top:
                    return tuple(parts)
                self.wrong.append((at, f"{{{{ {content} }}}} closes nothing"))
                self._next += 1
                continue
            self._next += 1
            part = self._tag(at, content, scopes) if is_tag else content
            if part is not None:
                parts.append(part)
        if not top:
            self.wrong.append((line, "{{ end }} is missing"))
        return tuple(parts)

    def _tag(self, line: int, content: str, scopes: tuple[str, ...]) -> Part | None:
        word, _, rest = content.partition(" ")
        if word == "each":
            path, _, name = rest.strip().partition(" as ")
            name = name.strip() or "item"
            found = self._point(line, path.strip(), scopes)
            parts = self._parts((*scopes, name), line=line)
            self._close(line, "end")
            return Loop(found, name, parts) if found else None
        if word == "if":
            negated = rest.strip().startswith("not ")
            found = self._point(line, rest.strip().removeprefix("not ").strip(), scopes)
            parts = self._parts(scopes, line=line)
            otherwise: Text = ()
            if self._at("else"):
                self._next += 1
                otherwise = self._parts(scopes, line=line)
            self._close(line, "end")
            return Choice(found, negated, parts, otherwise) if found else None
        path, *calls = content.split("|")
        found = self._point(line, path.strip(), scopes)
        uses = tuple(use for call in calls if (use := self._call(line, call.strip())))
        return Insert(found, self._finish(uses)) if found else None

    def _at(self, word: str) -> bool:
        return self._next < len(self._tokens) and self._tokens[self._next][1:] == (True, word)

    def _close(self, line: int, word: str) -> None:
        if self._at(word):
            self._next += 1
        elif self._next < len(self._tokens):
            self.wrong.append((line, "{{ end }} is missing"))
            self._next += 1

    def _point(self, line: int, text: str, scopes: tuple[str, ...]) -> Pointer | None:
        found = self._pointer(text, scopes)
        if isinstance(found, str):
            self.wrong.append((line, found))
            return None
        return found

    def _call(self, line: int, call: str) -> Use | None:
        name, _, argument = call.partition(":")
        try:
            value = json.loads(argument) if argument.strip() else None
        except ValueError:
            self.wrong.append((line, f"the argument {argument.strip()!r} of {name.strip()} is not JSON"))
            return None
        found = self._use(name.strip(), value)
        if isinstance(found, str):
            self.wrong.append((line, found))
            return None
        return found


def _tokens(source: str) -> Iterator[tuple[int, bool, str]]:
    """Yield ``(line, is a tag, content)``; the line break after a tag that stands alone is left out."""
    for number, line in enumerate(source.splitlines(keepends=True), start=1):
        body = line.rstrip("\n")
        if _ALONE.fullmatch(body):
            line = body.strip()
        start = 0
        for match in _TAG.finditer(line):
            if match.start() > start:
                yield number, False, line[start : match.start()]
            yield number, True, " ".join(match[1].split())
            start = match.end()
        if start < len(line):
            yield number, False, line[start:]
