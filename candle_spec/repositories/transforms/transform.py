"""What a transform is: it takes a value, its argument and a context, and gives a value.

Each is total, bounded, and the same on every platform; what it loses or decides it tells by a note.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from candle_spec.repositories.kinds import Kind
from candle_spec.repositories.values import plain_text
from candle_spec.repositories.vocabulary import Vocabulary


class TransformError(ValueError):
    """The value cannot be transformed: the field gets none, and the record says why."""


@dataclass(slots=True)
class Note:
    """What happened to a value on its way."""

    kind: Kind
    message: str


@dataclass(slots=True)
class Context:
    """What transforms may use beside the value: the template's vocabularies, and a list for their notes."""

    vocabularies: Mapping[str, Vocabulary] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def note(self, kind: Kind, message: str) -> None:
        """Tell something about the value."""
        self.notes.append(Note(kind, message))


Run = Callable[[Any, Any, Context], Any]


@dataclass(frozen=True, slots=True)
class Transform:
    """One transform.

    Attributes:
        name: Its name in mappings.
        argument: What it takes: ``none``, ``text``, ``number``, ``vocabulary``, or the words it takes.
        does: What it does, in one sentence.
        example: Value, argument, result.
        markup: Whether it writes markup; in a text of Markdown or reStructuredText nothing is escaped after it.
    """

    name: str
    run: Run
    argument: tuple[str, ...]
    does: str
    example: tuple[Any, Any, Any]
    markup: bool = False


def items(value: Any) -> list[Any]:
    """A list as it is; anything else as the only item of one."""
    return value if isinstance(value, list) else [value]


def of_texts(function: Callable[[str], Any]) -> Run:
    """A transform of texts that also takes a list of them."""
    return lambda value, _, __: (
        [function(plain_text(item)) for item in value] if isinstance(value, list) else function(plain_text(value))
    )
